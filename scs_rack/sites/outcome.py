"""What became of each rack of a site, and the one exit code for all of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from scs_rack.errors import (
    Interrupted,
    NotConformant,
    RackLocked,
    ScsRackError,
    StageFailed,
    Unreachable,
    UsageError,
)

State = Literal[
    "waiting",
    "connecting",
    "running",
    "lost",
    "passed",
    "failed",
    "died",
    "interrupted",
    "refused",
    "held",
    "unreachable",
    "unknown",
]
"""`lost`: the link is tried again. At the end: `unreachable`: its manager never answered, so nothing was begun.
`unknown`: the link was lost, and its run goes on without us."""
WORST: tuple[type[ScsRackError], ...] = (
    StageFailed,
    Unreachable,
    UsageError,
    RackLocked,
    NotConformant,
    Interrupted,
)
"""Failures, the worst first: what was seen broken, what is not known, what was never begun, what is only incomplete."""


@dataclass
class Outcome:
    """What is known of one rack."""

    rack: str
    state: State = "waiting"
    code: int | None = None
    """Exit code of its own command; None as long as it is not over."""
    run: str = ""
    """Name of its run folder on its manager."""
    stage: str = ""
    """Stages that go on."""
    done: int = 0
    stages: tuple[str, ...] = ()
    steps: int = 0
    changed: int = 0
    seconds: float = 0.0
    why: str = ""
    hint: str = ""
    faults: list[str] = field(default_factory=list)
    """Errors and findings, a line each."""
    out: str = ""
    """What a command that only reads has printed."""
    report: str = ""
    """Its report, on its manager."""

    @property
    def data(self) -> dict[str, Any]:
        """For machines."""
        names = ("state", "code", "run", "seconds", "steps", "changed", "why", "hint", "faults", "report")
        return {name: getattr(self, name) for name in names}


def of_code(code: int) -> State:
    """How a rack's command ended that ended with this exit code."""
    known: dict[int, State] = {
        0: "passed",
        UsageError.exit_code: "refused",
        RackLocked.exit_code: "held",
        Interrupted.exit_code: "interrupted",
    }
    return known.get(code, "failed")


def exit_code(outcomes: Iterable[Outcome], *, stopped: bool = False) -> int:
    """The worst of all racks' exit codes, in the order of `WORST`; one that is not in it counts as a failure.

    Where the operator stopped the whole, it is 130, unless all racks were done all the same.
    """
    codes = {StageFailed.exit_code if outcome.code is None else outcome.code for outcome in outcomes} - {0}
    if not codes:
        return 0
    if stopped:
        return Interrupted.exit_code
    order = [kind.exit_code for kind in WORST]
    return min((code if code in order else StageFailed.exit_code for code in codes), key=order.index)
