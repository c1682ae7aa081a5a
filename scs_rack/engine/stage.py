"""What a stage is, and what it is given."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from scs_rack.design import Design
from scs_rack.results import Change, Finding, Result


@dataclass(frozen=True)
class Stop:
    """The operator's wish to stop; whatever waits looks here."""

    requested: threading.Event = field(default_factory=threading.Event)
    """Finish what can't be left half done, start nothing new."""
    now: threading.Event = field(default_factory=threading.Event)
    """Asked for a second time: kill what runs."""

    def wait(self, seconds: float) -> bool:
        """Sleep, but not longer than until a stop is requested; returns True when it was."""
        return self.requested.wait(seconds)


@dataclass(frozen=True)
class Context:
    """All that a stage may use; a stage keeps no state of its own between calls."""

    design: Design
    rack_dir: Path
    """Folder of the rack file (group_vars and host_vars stand beside it)."""
    state_dir: Path
    """What scs-rack keeps of this rack: SSH key, known hosts, CA, runs (see `scs_rack.paths`)."""
    run_dir: Path
    """Folder of this run: logs and artifacts go here."""
    secrets: dict[str, str]
    """The rack's secrets by name; never logged."""
    limit: frozenset[str] | None = None
    """Names of devices to act on; None means all."""
    emit: Callable[[Result], None] = field(default=lambda _result: None)
    """Called with each result as it comes: journal and progress listen here."""
    options: dict[str, Any] = field(default_factory=dict)
    patience: float | None = None
    """Seconds that a gate may wait for what is not yet so; None leaves it to the gate."""
    stop: Stop = field(default_factory=Stop)
    """Loops that wait use `ctx.stop.wait(seconds)` in place of sleep, and leave when it returns True."""

    def wait_for(self, usual: float) -> float:
        """Seconds that a gate waits where it usually waits so long."""
        return usual if self.patience is None else min(usual, self.patience)

    def selected(self, name: str) -> bool:
        """True if the limit takes in this device."""
        return self.limit is None or name in self.limit


class Stage(Protocol):
    """One capability brought to a set of devices."""

    @property
    def name(self) -> str:
        """Short lower-case word."""
        ...

    @property
    def needs(self) -> tuple[str, ...]:
        """Stages whose gate must have passed before."""
        ...

    @property
    def summary(self) -> str:
        """One line for people."""
        ...

    def plan(self, ctx: Context) -> Iterable[Change]:
        """What `apply` would change; observes devices, changes nothing."""
        ...

    def apply(self, ctx: Context) -> Iterable[Result]:
        """Make it so; every change is read back. Failures of one device become its Result's error."""
        ...

    def gate(self, ctx: Context) -> Iterable[Finding]:
        """Observe the devices themselves; no finding of severity error means passed."""
        ...
