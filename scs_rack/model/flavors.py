"""Flavors that a cloud offers beside the mandatory ones, and what the hosts give their guests."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from scs_rack.model.base import Strict, text_schema


def _cpu_set(value: str) -> str:
    if not re.fullmatch(r"\d{1,4}(-\d{1,4})?(,\d{1,4}(-\d{1,4})?)*", value):
        raise ValueError("not a list of CPUs; write e.g. 2-15,34-47")
    return value


def cpus_of(text: str) -> set[int]:
    """Numbers of the CPUs in a list like `2-15,34-47` (cpuset(7), list format)."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


CpuSet = Annotated[
    str,
    AfterValidator(_cpu_set),
    text_schema("CPUs of a host, e.g. 2-15,34-47", r"^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$"),
]
"""CPUs of a host in the list format of cpuset(7)."""


class Flavor(Strict):
    """A flavor of the operator's own. A name that begins with `SCS-` says all that is not stated here."""

    vcpus: int | None = Field(default=None, ge=1)
    """Virtual CPUs."""
    memory_mib: int | None = Field(default=None, ge=64)
    """Memory in MiB."""
    disk_gb: int | None = Field(default=None, ge=0)
    """Root disk in GB; 0: the guest boots from a volume."""
    pinning: Literal["none", "threads", "cores"] | None = None
    """Each vCPU has a hardware thread, or a core, of its own (`dedicated_cpus` of `cloud.compute`)."""
    huge_pages: Literal["none", "any", "2M", "1G"] = "none"
    """Size of the host's pages behind the guest's memory."""
    traits: list[str] = Field(default_factory=list)
    """Traits that a host must have, e.g. HW_CPU_X86_AVX512F."""
    public: bool = True
    """Every project may use it."""
    extra_specs: dict[str, str] = Field(default_factory=dict)
    """More extra specs, as Nova knows them."""


class FlavorOptions(Strict):
    """What customers may boot. The 15 mandatory flavors of scs-0103 are always there."""

    recommended: bool = False
    """The 16 recommended flavors of scs-0103 too."""
    own: dict[str, Flavor] = Field(default_factory=dict)
    """More flavors by name."""


class ComputeOptions(Strict):
    """What hosts give their guests."""

    cpu_mode: Literal["auto", "host-passthrough", "host-model", "custom", "none"] = "auto"
    """CPU of guests: `auto` is the host's model with KVM, and a plain one with RDRAND where they are emulated."""
    cpu_models: list[str] = Field(default_factory=list)
    """Models of the mode `custom`, the plainest first; a flavor's traits choose among them."""
    cpu_flags: list[str] = Field(default_factory=list)
    """Features added to (or, with a leading `-`, taken from) the model."""
    dedicated_cpus: CpuSet | None = None
    """CPUs of each compute host for flavors with pinning."""
    shared_cpus: CpuSet | None = None
    """CPUs of each compute host for all other guests; to be stated with `dedicated_cpus`."""
    huge_pages_2m: int = Field(default=0, ge=0)
    """Pages of 2 MiB that each compute host sets aside."""
