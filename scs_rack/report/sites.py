"""What a person sees of a site: all racks at once while they are worked on, and one summary at the end."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from scs_rack.report.terminal import HEARTBEAT, duration
from scs_rack.sites.follow import Told
from scs_rack.sites.outcome import Outcome

STYLES = {
    "waiting": ("·", "dim"),
    "connecting": ("…", "dim"),
    "running": ("▶", "cyan"),
    "lost": ("?", "yellow"),
    "passed": ("✓", "green"),
    "interrupted": ("■", "yellow"),
    "held": ("■", "yellow"),
}
WRONG = ("✗", "bold red")
MOST = 12
"""Faults of one rack that the summary shows; the others stand in the rack's own report."""


class Lines:
    """Lines with time and rack: what a log file wants."""

    def __init__(self, console: Console, racks: Sequence[str]) -> None:
        self._console = console
        self._width = max(map(len, racks), default=0)
        self._lock = threading.Lock()
        self._known: dict[str, Outcome] = {}
        self._spoke = time.monotonic()

    def changed(self, outcome: Outcome, words: str) -> None:
        """See `Told`."""
        with self._lock:
            self._known[outcome.rack] = outcome
            for line in words.splitlines():
                self._say(outcome.rack, line)

    def tick(self) -> None:
        """Say how far all racks are when nothing was said for a while."""
        with self._lock:
            if time.monotonic() - self._spoke > HEARTBEAT:
                for outcome in self._known.values():
                    if outcome.code is None:
                        self._say(outcome.rack, f"{outcome.state}: {now(outcome)}")

    def _say(self, rack: str, line: str) -> None:
        self._spoke = time.monotonic()
        clock = time.strftime("%H:%M:%S")
        self._console.print(f"{clock} {rack:<{self._width}} {line}", markup=False, highlight=False, soft_wrap=True)


class Rows:
    """A table with a row for each rack, drawn anew as things happen; failures stay above it."""

    def __init__(self, console: Console, racks: Sequence[str]) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._known = {rack: Outcome(rack) for rack in racks}
        self._last = dict.fromkeys(racks, "")
        self._began = time.monotonic()

    def changed(self, outcome: Outcome, words: str) -> None:
        """See `Told`."""
        with self._lock:
            self._known[outcome.rack] = outcome
            self._last[outcome.rack] = words or self._last[outcome.rack]
            if "FAILED" in words or outcome.state == "lost":
                self._console.print(Text(f"{outcome.rack}: {words}"), soft_wrap=True)

    def __rich__(self) -> Table:
        """Draw the table."""
        with self._lock:
            table = Table(box=None, pad_edge=False, header_style="dim")
            widest = max(map(len, self._known), default=0)
            for title in ("", "rack", "stages", "steps", "changed"):
                width = max(len(title), widest if title == "rack" else 1)
                side: Literal["left", "right"] = "left" if title in {"", "rack"} else "right"
                table.add_column(title, justify=side, no_wrap=True, min_width=width)
            table.add_column("now", no_wrap=True, overflow="ellipsis", style="dim")
            for name, one in self._known.items():
                sign, style = STYLES.get(one.state, WRONG)
                stages = f"{one.done}/{len(one.stages)}" if one.stages else ""
                last = self._last[name] or one.state
                table.add_row(Text(sign, style), Text(name, style), stages, str(one.steps), str(one.changed), last)
            table.caption = f"{duration(time.monotonic() - self._began)} spent"
            return table


def now(outcome: Outcome) -> str:
    """How far a rack is, in a few words."""
    stages = f"{outcome.done} of {len(outcome.stages)} stages done" if outcome.stages else "no run yet"
    at = f", now {outcome.stage}" if outcome.stage else ""
    return f"{stages}{at}, {outcome.steps} steps, {outcome.changed} changed"


@contextmanager
def watching(console: Console, racks: Sequence[str]) -> Iterator[Told]:
    """The form of progress that suits where the output goes."""
    if console.is_terminal:
        rows = Rows(console, racks)
        with Live(rows, console=console, refresh_per_second=4, transient=True):
            yield rows
        return
    lines, over = Lines(console, racks), threading.Event()
    threading.Thread(target=_ticking, args=(lines, over), daemon=True).start()
    try:
        yield lines
    finally:
        over.set()


def _ticking(lines: Lines, over: threading.Event) -> None:
    while not over.wait(1.0):
        lines.tick()


def print_summary(
    console: Console, site: str, outcomes: Sequence[Outcome], code: int, *, stopped: bool = False
) -> None:
    """Print what became of each rack, and the exit code of the whole."""
    good = sum(outcome.code == 0 for outcome in outcomes)
    table = Table(title=f"site {site}: {good} of {len(outcomes)} racks passed", title_justify="left")
    for title, justify in (("rack", "left"), ("result", "left"), ("code", "right"), ("time", "right")):
        table.add_column(title, justify="right" if justify == "right" else "left", no_wrap=True)
    table.add_column("changed", justify="right")
    table.add_column("run")
    for one in outcomes:
        sign, style = STYLES.get(one.state, WRONG)
        changed = str(one.changed) if one.run else ""
        cells = (str(one.code), duration(one.seconds), changed, one.run)
        table.add_row(one.rack, Text(f"{sign} {one.state}", style), *cells)
    console.print(table)
    for one in outcomes:
        for line in _words(one):
            console.print(Text(f"  {one.rack}: {line}"), soft_wrap=True)
    if code:
        worst = "stopped by the operator" if stopped else "the worst of all racks"
        console.print(f"exit code {code}: {worst}")


def _words(outcome: Outcome) -> list[str]:
    """Why a rack did not pass, and what to do."""
    lines = [] if outcome.code == 0 or outcome.why in outcome.faults else [outcome.why]
    lines += outcome.faults[:MOST]
    if len(outcome.faults) > MOST:
        lines.append(f"{len(outcome.faults) - MOST} more stand in its own report")
    lines += [f"→ {outcome.hint}"] if outcome.hint else []
    lines += [f"report on its manager: {outcome.report}"] if outcome.report and outcome.code else []
    return [line for line in lines if line]
