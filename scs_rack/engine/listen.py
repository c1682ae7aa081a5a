"""Who hears what happens in a run: the journal, the progress on the terminal, whoever else cares."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from scs_rack.engine.journal import Journal, State, result_body
from scs_rack.engine.stage import Stage
from scs_rack.results import Result, StageOutcome


@dataclass(frozen=True)
class StageEnd:
    """How a stage ended."""

    stage: Stage
    outcome: StageOutcome
    state: State
    reason: str = ""
    code: int = 1
    """Exit code that the failure asks for (see `scs_rack.errors`)."""


class Listener(Protocol):
    """Called as things happen, from the threads of the stages."""

    def stage_started(self, stage: Stage) -> None:
        """A stage begins to apply."""
        ...

    def result(self, stage: Stage, result: Result) -> None:
        """A step ended on a device."""
        ...

    def gate_started(self, stage: Stage) -> None:
        """A stage's gate is asked."""
        ...

    def stage_ended(self, end: StageEnd) -> None:
        """A stage is over, one way or the other."""
        ...

    def note(self, text: str) -> None:
        """Something that a person should know and that belongs to no stage."""
        ...


class JournalListener:
    """Writes everything to the run's journal."""

    def __init__(self, journal: Journal, fingerprint: str = "") -> None:
        self._journal = journal
        self._fingerprint = fingerprint

    def stage_started(self, stage: Stage) -> None:
        """See `Listener`."""
        self._journal.write("stage-started", stage.name)

    def result(self, stage: Stage, result: Result) -> None:
        """See `Listener`."""
        self._journal.write("result", stage.name, **result_body(result))

    def gate_started(self, stage: Stage) -> None:
        """See `Listener`."""
        self._journal.write("gate-started", stage.name)

    def stage_ended(self, end: StageEnd) -> None:
        """See `Listener`."""
        self._journal.write(
            "stage-ended",
            end.stage.name,
            state=end.state,
            reason=end.reason,
            code=end.code,
            gate=[asdict(finding) for finding in end.outcome.gate],
            fingerprint=self._fingerprint,
        )

    def note(self, text: str) -> None:
        """See `Listener`."""
        self._journal.write("note", text=text)


class Listeners:
    """Several listeners as one."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = listeners

    def stage_started(self, stage: Stage) -> None:
        """See `Listener`."""
        for one in self._listeners:
            one.stage_started(stage)

    def result(self, stage: Stage, result: Result) -> None:
        """See `Listener`."""
        for one in self._listeners:
            one.result(stage, result)

    def gate_started(self, stage: Stage) -> None:
        """See `Listener`."""
        for one in self._listeners:
            one.gate_started(stage)

    def stage_ended(self, end: StageEnd) -> None:
        """See `Listener`."""
        for one in self._listeners:
            one.stage_ended(end)

    def note(self, text: str) -> None:
        """See `Listener`."""
        for one in self._listeners:
            one.note(text)
