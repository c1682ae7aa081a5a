"""What a person sees while a run goes on: a live table on a terminal, plain lines with the time elsewhere."""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from scs_rack.engine.journal import State
from scs_rack.engine.listen import Listener, StageEnd
from scs_rack.engine.stage import Stage
from scs_rack.results import Finding, Result

HEARTBEAT = 15.0
"""Seconds between two lines of a stage that goes on, where the output is not a terminal."""
STYLES = {
    "waiting": ("·", "dim"),
    "running": ("▶", "cyan"),
    "gate": ("?", "cyan"),
    "passed": ("✓", "green"),
    "verified": ("✓", "green"),
    "failed": ("✗", "bold red"),
    "blocked": ("-", "yellow"),
    "interrupted": ("■", "yellow"),
    "died": ("■", "red"),
}


class Steady(Console):
    """A console that falls silent when nobody reads on (`scs-rack up | head`); the run goes on, in its journal."""

    def on_broken_pipe(self) -> None:
        """See `rich.console.Console`."""
        self.quiet = True


@dataclass
class _Row:
    """What is known of a stage while it goes on."""

    name: str
    needs: tuple[str, ...] = ()
    state: State | Literal["waiting", "running", "gate"] = "waiting"
    started: float = 0.0
    seconds: float = 0.0
    devices: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    steps: int = 0
    changed: int = 0
    last: str = ""

    def spent(self) -> float:
        """Seconds so far, or in all."""
        return time.monotonic() - self.started if self.state in {"running", "gate"} else self.seconds


class Progress:
    """Listens to a run and keeps the numbers that both forms of progress show.

    Args:
        stages: the stages of the run.
        before: how long each took when it was last done, in seconds; the time left is estimated from these.
    """

    def __init__(self, stages: Sequence[Stage], before: Mapping[str, float]) -> None:
        self.rows = {stage.name: _Row(stage.name, tuple(stage.needs)) for stage in stages}
        self.before = before
        self.began = time.monotonic()
        self.lock = threading.RLock()

    def stage_started(self, stage: Stage) -> None:
        """See `Listener`."""
        with self.lock:
            row = self.rows[stage.name]
            row.state, row.started = "running", time.monotonic()

    def result(self, stage: Stage, result: Result) -> None:
        """See `Listener`."""
        with self.lock:
            row = self.rows[stage.name]
            row.steps += 1
            row.changed += result.changed
            row.devices.add(result.device)
            row.last = f"{result.device}: {result.step}"
            if result.error:
                row.failed.add(result.device)

    def gate_started(self, stage: Stage) -> None:
        """See `Listener`."""
        with self.lock:
            row = self.rows[stage.name]
            row.state, row.last = "gate", "asking the devices"

    def stage_ended(self, end: StageEnd) -> None:
        """See `Listener`."""
        with self.lock:
            row = self.rows[end.stage.name]
            row.seconds = end.outcome.duration
            row.state, row.last = end.state, end.reason

    def note(self, text: str) -> None:
        """See `Listener`."""

    def left(self) -> float | None:
        """Seconds to the end: the longest way through the stages that are not over; None when that is not known."""
        if any(name not in self.before for name in self.rows):
            return None
        ends: dict[str, float] = {}
        for row in self.rows.values():  # in the order of the graph
            after = max((ends.get(need, 0.0) for need in row.needs), default=0.0)
            over = row.state not in {"waiting", "running", "gate"}
            own = 0.0 if over else max(1.0, self.before[row.name] - (row.spent() if row.state != "waiting" else 0.0))
            ends[row.name] = after + own
        return max(ends.values(), default=0.0)


class Plain(Progress):
    """Lines with the time: what a log file wants."""

    def __init__(self, stages: Sequence[Stage], before: Mapping[str, float], console: Console) -> None:
        super().__init__(stages, before)
        self._console = console
        self._told: dict[str, float] = {}

    def stage_started(self, stage: Stage) -> None:
        """See `Listener`."""
        super().stage_started(stage)
        self._say(stage.name, f"started: {stage.summary}")

    def result(self, stage: Stage, result: Result) -> None:
        """See `Listener`."""
        super().result(stage, result)
        if result.error:
            self._say(stage.name, f"{result.device}: {result.step}: FAILED: {result.error}")
        for finding in _telling(result.findings):
            self._say(stage.name, _finding_line(finding))

    def tick(self) -> None:
        """Say how far each stage is that has been silent for a while."""
        with self.lock:
            for row in self.rows.values():
                silent = time.monotonic() - self._told.get(row.name, 0.0) > HEARTBEAT
                if silent and row.state in {"running", "gate"}:
                    counts = f"{len(row.devices)} devices, {row.steps} steps, {row.changed} changed"
                    last = f", last {row.last}" if row.last else ""
                    self._say(row.name, f"{counts}, {row.spent():.0f} s{last}{_left(self.left())}")

    def gate_started(self, stage: Stage) -> None:
        """See `Listener`."""
        super().gate_started(stage)
        self._say(stage.name, "gate: asking the devices")

    def stage_ended(self, end: StageEnd) -> None:
        """See `Listener`."""
        super().stage_ended(end)
        for finding in _telling(end.outcome.gate):
            self._say(end.stage.name, _finding_line(finding))
        why = f" ({end.reason})" if end.reason else ""
        self._say(end.stage.name, f"{end.state}{why}: {end.outcome.changed} changed, {end.outcome.duration:.1f} s")

    def note(self, text: str) -> None:
        """See `Listener`."""
        self._say("-", text)

    def _say(self, stage: str, text: str) -> None:
        with self.lock:
            self._told[stage] = time.monotonic()
            clock = time.strftime("%H:%M:%S")
            for line in text.splitlines():
                self._console.print(f"{clock} {stage:<12} {line}", markup=False, highlight=False, soft_wrap=True)


class LiveTable(Progress):
    """A table that is drawn anew as things happen; failures stay above it."""

    def __init__(self, stages: Sequence[Stage], before: Mapping[str, float], console: Console) -> None:
        super().__init__(stages, before)
        self._console = console

    def result(self, stage: Stage, result: Result) -> None:
        """See `Listener`."""
        super().result(stage, result)
        if result.error:
            self._above(f"[bold red]✗[/] {stage.name}: ", f"{result.device}: {result.step}: {result.error}")
        for finding in _telling(result.findings):
            self._above(f"{stage.name}: ", _finding_line(finding))

    def stage_ended(self, end: StageEnd) -> None:
        """See `Listener`."""
        super().stage_ended(end)
        for finding in _telling(end.outcome.gate):
            self._above(f"{end.stage.name}: ", _finding_line(finding))

    def note(self, text: str) -> None:
        """See `Listener`."""
        self._above("", text)

    def _above(self, head: str, text: str) -> None:
        with self.lock:
            self._console.print(Text.from_markup(head) + Text(text))

    def __rich__(self) -> Group:
        """Draw the table."""
        with self.lock:
            table = Table(box=None, pad_edge=False, header_style="dim")
            for title in ("", "stage", "devices", "steps", "changed", "time"):
                table.add_column(title, justify="left" if title in {"", "stage"} else "right", no_wrap=True)
            table.add_column("now", no_wrap=True, overflow="ellipsis", style="dim")
            for row in self.rows.values():
                table.add_row(*self._cells(row))
            spent = duration(time.monotonic() - self.began)
            return Group(table, Text(f"{spent} spent{_left(self.left())}", style="dim"))

    def _cells(self, row: _Row) -> list[Text | str]:
        sign, style = STYLES[row.state]
        devices = f"{len(row.devices) - len(row.failed)}/{max(len(row.devices), 1)}" if row.devices else ""
        waiting = row.state == "waiting"
        return [
            Text(sign, style),
            Text(row.name, style),
            devices,
            "" if waiting else str(row.steps),
            "" if waiting else str(row.changed),
            "" if waiting else duration(row.spent()),
            row.last,
        ]


@contextmanager
def progress(console: Console, stages: Sequence[Stage], before: Mapping[str, float]) -> Iterator[Listener]:
    """The form of progress that suits where the output goes."""
    if not console.is_terminal:
        plain, over = Plain(stages, before, console), threading.Event()
        threading.Thread(target=_ticking, args=(plain, over), daemon=True).start()
        try:
            yield plain
        finally:
            over.set()
        return
    table = LiveTable(stages, before, console)
    with Live(table, console=console, refresh_per_second=4, transient=True):
        yield table


def _ticking(plain: Plain, over: threading.Event) -> None:
    while not over.wait(1.0):
        plain.tick()


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


def _left(seconds: float | None) -> str:
    return "" if seconds is None else f", about {duration(seconds)} left"


def _telling(findings: Iterable[Finding]) -> list[Finding]:
    """Those that a person should see at once; the others stand in the report."""
    return [finding for finding in findings if finding.severity != "info"]


def _finding_line(finding: Finding) -> str:
    hint = f" → {finding.hint}" if finding.hint else ""
    return (
        f"{finding.severity}: {finding.type} at {finding.where}: expected {finding.expected}, saw {finding.seen}{hint}"
    )
