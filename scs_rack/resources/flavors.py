"""The flavors that every SCS-compatible cloud must offer.

Source: SCS standard scs-0103-v1 (mandatory flavors) with the extra specs of its properties section; the names follow
scs-0100-v3.1.
"""

import re
from dataclasses import dataclass

MANDATORY = (
    "SCS-1V-4",
    "SCS-2V-8",
    "SCS-4V-16",
    "SCS-8V-32",
    "SCS-1V-2",
    "SCS-2V-4",
    "SCS-4V-8",
    "SCS-8V-16",
    "SCS-16V-32",
    "SCS-1V-8",
    "SCS-2V-16",
    "SCS-4V-32",
    "SCS-1L-1",
    "SCS-2V-4-20s",
    "SCS-4V-16-100s",
)
_CPU = {"V": "shared-core", "L": "crowded-core"}
_DISK = {"s": "ssd"}


@dataclass(frozen=True)
class Flavor:
    """A flavor as Nova knows it."""

    name: str
    vcpus: int
    ram: int
    """MiB."""
    disk: int
    """GB; 0 means that the guest boots from a volume."""
    extra_specs: tuple[tuple[str, str], ...]


def flavor(name: str) -> Flavor:
    """A flavor from its SCS name, e.g. `SCS-2V-4-20s`: the name says all of it.

    Raises:
        ValueError: the name is not one of the mandatory flavors' form.
    """
    found = re.fullmatch(r"SCS-(\d+)([VL])-(\d+)(?:-(\d+)(s))?", name)
    if not found:
        raise ValueError(f"{name!r} is not a name of a mandatory SCS flavor")
    cpus, kind, ram, disk, disk_kind = found.groups()
    short = f"SCS-{cpus}{kind}:{ram}" + (f":{disk}{disk_kind}" if disk else "")
    specs = {"scs:cpu-type": _CPU[kind], "scs:name-v1": short, "scs:name-v2": name}
    if disk:
        specs["scs:disk0-type"] = _DISK[disk_kind]
    return Flavor(name, int(cpus), int(ram) * 1024, int(disk or 0), tuple(sorted(specs.items())))


def mandatory_flavors() -> tuple[Flavor, ...]:
    """The fifteen mandatory flavors."""
    return tuple(flavor(name) for name in MANDATORY)
