"""What every step on every device returns: plan, progress, report and audit read nothing else."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """Something that was observed and is not as it should be (or is worth knowing)."""

    type: str
    """Short kebab-case name of the kind, e.g. `bgp-session-down`."""
    severity: Literal["error", "warning", "info"]
    where: str
    """Device, and port or service where it applies, e.g. `leaf1 Ethernet3`."""
    expected: str
    seen: str
    hint: str = ""
    """How to mend it."""


@dataclass(frozen=True)
class Change:
    """One thing that a stage would do on one device."""

    stage: str
    device: str
    summary: str
    diff: str = ""
    """Unified diff or a list of lines; empty where there is nothing to show. Never holds a secret."""
    unseen: bool = False
    """True when the device could not be looked at: what `summary` says is what is to be expected, not what was seen."""


@dataclass(frozen=True)
class Result:
    """What one step did on one device."""

    device: str
    step: str
    changed: bool = False
    diff: str = ""
    findings: tuple[Finding, ...] = ()
    duration: float = 0.0
    """Seconds."""
    error: str | None = None
    """Why it failed; None when it succeeded."""


@dataclass(frozen=True)
class StageOutcome:
    """All results of a stage and what its gate observed."""

    stage: str
    results: tuple[Result, ...] = ()
    gate: tuple[Finding, ...] = ()
    duration: float = 0.0

    @property
    def changed(self) -> int:
        """Number of steps that changed something."""
        return sum(result.changed for result in self.results)

    @property
    def passed(self) -> bool:
        """True when no step failed and the gate found no error."""
        failed = any(result.error for result in self.results)
        return not failed and not any(finding.severity == "error" for finding in self.gate)


@dataclass
class Tally:
    """A count of Ansible tasks times hosts, for benchmarks."""

    tasks: int = 0
    task_hosts: int = 0
    changed: int = 0
    by_role: dict[str, int] = field(default_factory=dict)
