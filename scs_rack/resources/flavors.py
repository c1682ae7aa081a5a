"""The flavors that a cloud offers: those of scs-0103, and the operator's own.

What an SCS name promises follows from the name (`scs_rack.model.flavor_name`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from scs_rack.errors import StageFailed
from scs_rack.model import flavors as stated
from scs_rack.model.flavor_name import FlavorName, is_scs, parse
from scs_rack.model.standard_flavors import MANDATORY, RECOMMENDED
from scs_rack.resources.step import Connection, Step

PINNING = {"none": {}, "threads": {"hw:cpu_thread_policy": "prefer"}, "cores": {"hw:cpu_thread_policy": "isolate"}}
PAGES = {"any": "any", "2M": "2MB", "1G": "1GB"}
OURS = ("scs:", "hw:cpu_", "hw:mem_page_size", "trait:")
"""Extra specs that belong to the rack file: others of a flavor are left alone."""


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
    public: bool = True

    @property
    def size(self) -> tuple[int, int, int]:
        """(vCPU, MiB, GB)."""
        return self.vcpus, self.ram, self.disk


def flavor(name: str, options: stated.Flavor | None = None) -> Flavor:
    """A flavor from its name and what the rack file states beside it.

    Raises:
        BadName: the name begins with `SCS-` and does not follow scs-0100.
    """
    options = options or stated.Flavor()
    promised = parse(name) if is_scs(name) else None
    specs = dict(promised.extra_specs) if promised else {}
    pinning = options.pinning or _pinning(promised)
    if pinning != "none":
        specs |= {"hw:cpu_policy": "dedicated"} | PINNING[pinning]
    if options.huge_pages != "none":
        specs["hw:mem_page_size"] = PAGES[options.huge_pages]
    specs |= {f"trait:{trait}": "required" for trait in options.traits} | options.extra_specs
    disk = promised.disk.size or 0 if promised and promised.disk else 0
    return Flavor(
        name=name,
        vcpus=options.vcpus or (promised.vcpus if promised else 1),
        ram=options.memory_mib or (promised.memory_mib if promised else 64),
        disk=disk if options.disk_gb is None else options.disk_gb,
        extra_specs=tuple(sorted(specs.items())),
        public=options.public,
    )


def _pinning(promised: FlavorName | None) -> str:
    return {"C": "cores", "T": "threads"}.get(promised.cpu_type, "none") if promised else "none"


def wanted_flavors(options: stated.FlavorOptions) -> tuple[Flavor, ...]:
    """The fifteen mandatory flavors, the sixteen recommended ones if they are wanted, and the operator's own."""
    standard = MANDATORY + (RECOMMENDED if options.recommended else ())
    return tuple(flavor(name) for name in standard) + tuple(flavor(name, one) for name, one in options.own.items())


def flavors(cloud: Connection, wanted: tuple[Flavor, ...]) -> Iterator[Step]:
    """What must be done to the cloud's flavors.

    Raises:
        StageFailed: a flavor exists in another size: Nova can't change it under running guests.
    """
    present = {one.name: one for one in cloud.compute.flavors(get_extra_specs=True, is_public=None)}
    for one in wanted:
        found = present.get(one.name)
        if found is None:
            yield f"flavor {one.name}", partial(_new, cloud, one)
            continue
        size = (found.vcpus, found.ram, found.disk)
        if size != one.size or found.is_public != one.public:
            seen = f"(vCPU, MiB, GB) = {size}, {'' if found.is_public else 'not '}public"
            hint = "rename or delete it: neither a flavor's size nor who sees it can be changed"
            raise StageFailed(f"flavor {one.name} exists with {seen}", hint)
        specs = dict(one.extra_specs)
        stale = sorted(key for key in found.extra_specs if key.startswith(OURS) and key not in specs)
        if stale or {key: found.extra_specs.get(key) for key in specs} != specs:
            yield f"extra specs of flavor {one.name}", partial(_set_specs, cloud, found, specs, stale)


def _new(cloud: Connection, one: Flavor) -> None:
    made = cloud.compute.create_flavor(name=one.name, vcpus=one.vcpus, ram=one.ram, disk=one.disk, is_public=one.public)
    if one.extra_specs:
        _set_specs(cloud, made, dict(one.extra_specs), [])


def _set_specs(cloud: Connection, found: Any, specs: dict[str, str], stale: list[str]) -> None:
    for key in stale:
        cloud.compute.delete_flavor_extra_specs_property(found, key)
    cloud.compute.create_flavor_extra_specs(found, specs)
    seen = cloud.compute.fetch_flavor_extra_specs(found).extra_specs
    if {key: seen.get(key) for key in specs} != specs:
        raise StageFailed(f"flavor {found.name} has not the extra specs that were set")
