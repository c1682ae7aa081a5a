"""Names of flavors by the SCS flavor naming standard (scs-0100-v3.3): name → specification → name.

`SCS-2V-4-20s_z3`: two shared vCPUs, 4 GiB, 20 GB of local SSD, AMD Zen 3. What stands in no name is not promised.
Versions 2 and 3 write `-` and `_` where version 1 wrote `:` and `-`; `version_1` tells the old spelling.
"""

import re
from dataclasses import dataclass, replace
from decimal import Decimal

PREFIX = "SCS-"
CPUS = {"C": "dedicated-core", "T": "dedicated-thread", "V": "shared-core", "L": "crowded-core"}
"""Letter of a vCPU, and what scs-0103 calls it in `scs:cpu-type`."""
DISKS = {"n": "network", "h": "hdd", "s": "ssd", "p": "nvme"}
"""Letter of a disk, and what scs-0103 calls it in `scs:diskN-type`."""
HYPERVISORS = ("kvm", "chy", "xen", "vmw", "hyv", "bms")
GENERATIONS = {"i": 6, "z": 6, "a": 5, "r": 0}
"""CPU vendor (Intel, AMD, ARM, RISC-V) and its newest generation."""
GPUS = {
    "N": ("f", "k", "m", "p", "v", "t", "a", "l", "g", "b", "u"),
    "A": ("0.4", "0.5", "1", "1.1", "2", "2.1", "3", "3.1", "3.5", "4", "4.1", "5.1"),
    "I": ("0.9", "0.95", "1", "2", "3", "4"),
}
"""GPU vendor (nVidia, AMD, Intel) and its generations."""


class BadName(ValueError):
    """A name that begins with `SCS-` and does not follow the standard: MESSAGE; HINT."""


@dataclass(frozen=True)
class Disk:
    """The disks that come with a flavor."""

    size: int | None = None
    """GB; None where the cloud takes the image's `min_disk`."""
    kind: str = ""
    """Letter of `DISKS`; empty when the cloud chooses."""
    count: int = 1


@dataclass(frozen=True)
class Cpu:
    """What is promised of the physical CPU."""

    vendor: str
    """Letter of `GENERATIONS`."""
    generation: int = 0
    """0: old, or not said."""
    fast: int = 0
    """1, 2, 3: more than 2.75, 3.25, 3.75 GHz on all cores."""


@dataclass(frozen=True)
class Gpu:
    """A graphics processor."""

    whole: bool
    """True for pass-through (`G`), False for a virtual one (`g`)."""
    vendor: str
    """Letter of `GPUS`."""
    generation: str = ""
    units: int | None = None
    """Streaming multiprocessors, compute units, or execution units."""
    fast: int = 0
    """0 to 2: high frequency of the units."""
    memory: int | None = None
    """GiB of video memory."""
    fast_memory: int = 0
    """0 to 2: high bandwidth of the memory."""


@dataclass(frozen=True)
class FlavorName:
    """What a name promises; `str()` writes the name in its canonical spelling."""

    vcpus: int
    cpu_type: str
    """Letter of `CPUS`."""
    ram: Decimal
    """GiB, in halves."""
    insecure: bool = False
    """`i`: late or no protection against faults of CPUs."""
    no_ecc: bool = False
    overcommitted: bool = False
    """`o`: memory is promised to more than one guest."""
    disk: Disk | None = None
    """None: the guest boots from a volume."""
    hypervisor: str = ""
    nested: bool = False
    """`hwv`: the guest may run guests."""
    cpu: Cpu | None = None
    gpu: Gpu | None = None
    infiniband: bool = False

    def __str__(self) -> str:
        parts = [f"{PREFIX}{self.vcpus}{self.cpu_type}{'i' * self.insecure}"]
        parts.append(f"-{_number(self.ram)}{'u' * self.no_ecc}{'o' * self.overcommitted}")
        if disk := self.disk:
            parts.append(f"-{f'{disk.count}x' if disk.count > 1 else ''}{disk.size or ''}{disk.kind}")
        if self.hypervisor:
            parts.append(f"_{self.hypervisor}")
        if self.nested:
            parts.append("_hwv")
        if cpu := self.cpu:
            parts.append(f"_{cpu.vendor}{cpu.generation or ''}{'h' * cpu.fast}")
        if gpu := self.gpu:
            parts.append(f"_{'G' if gpu.whole else 'g'}{gpu.vendor}{gpu.generation}")
            parts.append(f"-{gpu.units}" if gpu.units else "")
            parts.append("h" * gpu.fast)
            parts.append(f"-{gpu.memory}" if gpu.memory else "")
            parts.append("h" * gpu.fast_memory)
        if self.infiniband:
            parts.append("_ib")
        return "".join(parts)

    @property
    def short(self) -> "FlavorName":
        """The name without what scs-0100 advises to leave out: hypervisor, nesting, x86 models, fast GPUs."""
        cpu = Cpu(self.cpu.vendor) if self.cpu and self.cpu.vendor in "ar" else None
        gpu = replace(self.gpu, fast=0, fast_memory=0) if self.gpu else None
        return replace(self, hypervisor="", nested=False, cpu=cpu, gpu=gpu)

    @property
    def memory_mib(self) -> int:
        """RAM in MiB."""
        return int(self.ram * 1024)

    @property
    def extra_specs(self) -> dict[str, str]:
        """Extra specs of scs-0103-v1.1: type of vCPU and disks, and the names by which the flavor goes."""
        specs = {"scs:cpu-type": CPUS[self.cpu_type]}
        if self.disk:
            kind = DISKS[self.disk.kind or "n"]
            specs |= {f"scs:disk{number}-type": kind for number in range(self.disk.count)}
        names = [str(self)] if self == self.short else [str(self), str(self.short)]
        spelled = [spelling for name in names for spelling in (version_1(name), name)]
        return specs | {f"scs:name-v{number}": name for number, name in enumerate(spelled, 1)}


def _number(value: Decimal) -> str:
    return str(int(value)) if value == int(value) else str(value.normalize())


def version_1(name: str) -> str:
    """The spelling of version 1 of the standard (`SCS-2V:4:20s-z3`)."""
    return PREFIX + name.removeprefix(PREFIX).replace("-", ":").replace("_", "-")


_COUNT = r"[1-9]\d{0,5}"
_MAIN = re.compile(rf"({_COUNT})([CTVL])(i?)-(\d{{1,6}}(?:\.\d+)?)(u?)(o?)")
_DISK = re.compile(rf"-(?:([1-9]\d?)x)?({_COUNT})?([nhsp]?)(?=_|\Z)")
_HYPERVISOR = re.compile(rf"_({'|'.join(HYPERVISORS)})(?=_|\Z)")
_NESTED = re.compile(r"_hwv(?=_|\Z)")
_CPU = re.compile(r"_([izar])(\d{0,3})(h{0,3})(?=_|\Z)")
_GPU = re.compile(rf"_([Gg])([NAI])([a-z0-9.]*?)(?:-({_COUNT}))?(h{{0,2}})(?:-({_COUNT})(h{{0,2}}))?(?=_|\Z)")
_INFINIBAND = re.compile(r"_ib(?=_|\Z)")
_FORM = "the form is SCS-<vCPUs><C|T|V|L>[i]-<GiB>[u][o][-[<M>x]<GB>[n|h|s|p]][_<extension>...]"
_ORDER = "extensions are, in this order: _<hypervisor> _hwv _<cpu> _<gpu> _ib (scs-0100)"


class _Reader:
    """Takes one part of a name after the other."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = len(PREFIX)

    def take(self, form: re.Pattern[str]) -> re.Match[str] | None:
        found = form.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    @property
    def rest(self) -> str:
        return self.text[self.at :]


def is_scs(name: str) -> bool:
    """True where the standard governs a name."""
    return name.startswith(PREFIX)


def parse(name: str) -> FlavorName:
    """What a name promises.

    Raises:
        BadName: it does not follow scs-0100-v3.
    """
    if not is_scs(name):
        raise BadName(f"{name!r} is no SCS flavor name; {_FORM}")
    reader = _Reader(name)
    main = reader.take(_MAIN)
    if main is None:
        raise BadName(f"vCPUs and memory can't be read in {name!r}; {_FORM}")
    ram = Decimal(main[4])
    if ram == 0 or ram * 2 % 1:
        raise BadName(f"{main[4]} GiB of memory in {name!r}; whole or half GiB are allowed")
    if main[4] != _number(ram):
        raise BadName(f"{main[4]} is not how memory is written in {name!r}; write {_number(ram)}")
    disk = reader.take(_DISK)
    hypervisor = reader.take(_HYPERVISOR)
    nested = reader.take(_NESTED)
    cpu = _cpu(reader, name)
    gpu = _gpu(reader, name)
    infiniband = reader.take(_INFINIBAND)
    if reader.rest:
        raise BadName(f"{reader.rest!r} in {name!r} can't be read; {_ORDER if '_' in reader.rest else _FORM}")
    return FlavorName(
        vcpus=int(main[1]),
        cpu_type=main[2],
        ram=ram,
        insecure=bool(main[3]),
        no_ecc=bool(main[5]),
        overcommitted=bool(main[6]),
        disk=Disk(int(disk[2]) if disk[2] else None, disk[3], int(disk[1] or 1)) if disk else None,
        hypervisor=hypervisor[1] if hypervisor else "",
        nested=bool(nested),
        cpu=cpu,
        gpu=gpu,
        infiniband=bool(infiniband),
    )


def _cpu(reader: _Reader, name: str) -> Cpu | None:
    found = reader.take(_CPU)
    if found is None:
        return None
    generation = int(found[2] or 0)
    newest = GENERATIONS[found[1]]
    if generation > newest or found[2] not in ("", str(generation)):
        raise BadName(f"CPU {found[1]}{found[2]} in {name!r} is not known; its generations are 0 to {newest}")
    return Cpu(found[1], generation, len(found[3]))


def _gpu(reader: _Reader, name: str) -> Gpu | None:
    found = reader.take(_GPU)
    if found is None:
        return None
    if found[3] and found[3] not in GPUS[found[2]]:
        known = ", ".join(GPUS[found[2]])
        raise BadName(f"GPU {found[2]}{found[3]} in {name!r} is not known; generations of {found[2]} are {known}")
    return Gpu(
        whole=found[1] == "G",
        vendor=found[2],
        generation=found[3],
        units=int(found[4]) if found[4] else None,
        fast=len(found[5]),
        memory=int(found[6]) if found[6] else None,
        fast_memory=len(found[7] or ""),
    )
