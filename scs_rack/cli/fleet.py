"""What `power` and `bmc` share: from the command line to BMCs, progress while they answer, exit codes."""

import argparse
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scs_rack import pki, vault
from scs_rack.bmc import Bmc, BmcError, Fleet, Outcome, Target, TimeLimits, targets
from scs_rack.bmc.errors import NoAnswer
from scs_rack.bmc.stream import stream
from scs_rack.cli.common import json_option, rack_dir, rack_option
from scs_rack.cli.order import limit_option
from scs_rack.design import Design, make_design
from scs_rack.engine.limit import limited
from scs_rack.errors import UsageError
from scs_rack.lab.namespace import enter
from scs_rack.model.load import load_rack
from scs_rack.paths import state_dir
from scs_rack.results import Finding

T = TypeVar("T")

_COLOURS = {"error": "red", "warning": "yellow", "info": "dim"}


@dataclass(frozen=True)
class Call:
    """BMCs that a command is about."""

    design: Design
    targets: list[Target]
    ca_file: Path
    rack_dir: Path
    secrets: dict[str, str]
    at_once: int | None = None
    """BMCs in work at the same time, at most; as files and memory allow when None."""
    rate: float | None = None
    """BMCs begun in a second, at most."""

    @property
    def state_dir(self) -> Path:
        """State of the rack."""
        return state_dir(self.design.rack.name)

    def fleet(self, limits: TimeLimits | None = None) -> AbstractAsyncContextManager[Fleet]:
        """The fleet, to be opened."""
        return Fleet.open(self.ca_file, limits, self.at_once, self.rate, self.state_dir / "bmc/known.json")


def fleet_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command that calls BMCs."""
    rack_option(parser)
    parser.add_argument("servers", metavar="SERVER", nargs="*", help="only these servers (default: all, also spares)")
    limit_option(parser)
    json_option(parser)
    parser.add_argument("--at-once", type=positive, metavar="N", help="call no more than N BMCs at the same time")
    parser.add_argument("--rate", type=positive, metavar="N", help="begin no more than N BMCs in a second")


def call(args: argparse.Namespace) -> Call:
    """Load the rack and its secrets, choose the servers, and enter the lab where there is one.

    Raises:
        UsageError: no server fits, or a password is missing.
    """
    folder = rack_dir(args)
    design = make_design(load_rack(folder))
    unknown = [name for name in args.servers if name not in design.nodes]
    if unknown:
        raise UsageError(f"no server {unknown[0]} in {design.rack.name}", f"it has {', '.join(design.nodes)}")
    chosen = limited(design, args.limit)
    names = [
        name
        for name in design.nodes
        if (chosen is None or name in chosen) and (not args.servers or name in args.servers)
    ]
    if not names:
        raise UsageError("no server fits", "--limit may name switches, which have no BMC")
    secrets = vault.load(folder)
    found = targets(design, secrets, names)
    enter(design)
    ca = pki.files(state_dir(design.rack.name)).ca
    return Call(design, found, ca, folder, secrets, getattr(args, "at_once", None), getattr(args, "rate", None))


def each(which: Call, work: Callable[[Bmc, Fleet], Awaitable[T]], within: float | None = None) -> Iterator[Outcome[T]]:
    """Do the work on all BMCs and give each outcome as soon as it is there.

    Args:
        which: whom to call.
        work: what to do with each.
        within: seconds for all of it at one BMC (see `Fleet.run`).
    """

    async def outcomes() -> AsyncIterator[Outcome[T]]:
        async with which.fleet() as fleet:
            async for outcome in fleet.run(which.targets, lambda bmc: work(bmc, fleet), within):
                yield outcome

    return stream(outcomes)


def collect(
    which: Call, work: Callable[[Bmc, Fleet], Awaitable[T]], doing: str, within: float | None = None
) -> list[Outcome[T]]:
    """As `each`, with progress on standard error; outcomes in the order of the rack file."""
    found: dict[str, Outcome[T]] = {}
    console = Console(stderr=True, highlight=False)
    with console.status(f"{doing}: 0 of {len(which.targets)} BMCs") as status:
        for outcome in each(which, work, within):
            found[outcome.target.name] = outcome
            status.update(f"{doing}: {len(found)} of {len(which.targets)} BMCs")
    return [found[target.name] for target in which.targets]


@contextmanager
def waiting(which: Call, doing: str) -> Iterator[Callable[[], None]]:
    """A line of progress on a terminal while BMCs answer; call what it gives for each that did."""
    console, heard, many = Console(stderr=True, highlight=False), 0, len(which.targets)
    with console.status(f"{doing}: 0 of {many} BMCs") as status:

        def one_more() -> None:
            nonlocal heard
            heard += 1
            status.update(f"{doing}: {heard} of {many} BMCs")

        yield one_more


class Rows:
    """A table that grows: each row is printed as soon as it is known.

    Args:
        console: where to.
        columns: titles and widths.
    """

    def __init__(self, console: Console, columns: Mapping[str, int]) -> None:
        self._console = console
        self._columns = columns
        self._begun = False

    def add(self, *cells: str, style: str = "") -> None:
        """Print a row, after the titles where it is the first."""
        if not self._begun:
            self._begun = True
            self._line(tuple(self._columns), "bold")
        self._line(cells, style)

    def _line(self, cells: Sequence[str], style: str) -> None:
        padded = [cell.ljust(width) for cell, width in zip(cells, self._columns.values(), strict=False)]
        self._console.print("  ".join(padded).rstrip(), style=style or None, markup=False, soft_wrap=True)


def wide(names: Iterable[str], title: str) -> int:
    """Width of a column that holds these."""
    return max([len(title), *(len(name) for name in names)])


def table(*columns: str) -> Table:
    """A table that reads well on a terminal and in a file."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def output() -> Console:
    """Standard output; in a file as wide as it takes, since nobody resizes a file."""
    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=200)


def print_failures(console: Console, outcomes: Sequence[Outcome[T]], findings: Sequence[Finding]) -> None:
    """Print what went wrong, each with its hint, then findings."""
    for outcome in outcomes:
        if outcome.error is not None:
            console.print(f"[red]error[/] {escape(outcome.error.message)}", soft_wrap=True)
            if outcome.error.hint:
                console.print(f"      hint: {escape(outcome.error.hint)}", style="dim", soft_wrap=True)
    for finding in findings:
        text = f"{finding.where}: {finding.type}: expected {finding.expected}, seen {finding.seen}"
        console.print(f"[{_COLOURS[finding.severity]}]{finding.severity}[/] {escape(text)}", soft_wrap=True)
        if finding.hint:
            console.print(f"      hint: {escape(finding.hint)}", style="dim", soft_wrap=True)


def positive(text: str) -> int:
    """A whole number from 1 on, for argparse."""
    if not text.isdecimal() or not 0 < int(text[:9]) == int(text):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no whole number from 1 on")
    return int(text)


def error_data(error: BmcError | None) -> dict[str, str] | None:
    """An error for JSON: its kind, message and hint."""
    return {"kind": type(error).__name__, "message": error.message, "hint": error.hint} if error else None


def exit_code(outcomes: Sequence[Outcome[T]], findings: Sequence[Finding] = ()) -> int:
    """0, 3 when all that failed is that BMCs don't answer, else 1."""
    errors = [outcome.error for outcome in outcomes if outcome.error]
    if any(finding.severity == "error" for finding in findings):
        return 1
    if errors:
        return 3 if all(isinstance(error, NoAnswer) for error in errors) else 1
    return 0
