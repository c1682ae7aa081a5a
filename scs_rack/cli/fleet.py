"""What `power` and `bmc` share: from the command line to BMCs, progress while they answer, exit codes."""

import argparse
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scs_rack import pki, vault
from scs_rack.bmc import Bmc, BmcError, Fleet, Outcome, Target, targets
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


def fleet_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command that calls BMCs."""
    rack_option(parser)
    parser.add_argument("servers", metavar="SERVER", nargs="*", help="only these servers (default: all, also spares)")
    limit_option(parser)
    json_option(parser)


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
    found = targets(design, vault.load(folder), names)
    enter(design)
    return Call(design, found, pki.files(state_dir(design.rack.name)).ca)


def collect(which: Call, work: Callable[[Bmc, Fleet], Awaitable[T]], doing: str) -> list[Outcome[T]]:
    """Do the work on all BMCs with progress on standard error; outcomes in the order of the rack file."""

    async def outcomes() -> AsyncIterator[Outcome[T]]:
        async with Fleet.open(which.ca_file) as fleet:
            async for outcome in fleet.run(which.targets, lambda bmc: work(bmc, fleet)):
                yield outcome

    found: dict[str, Outcome[T]] = {}
    console = Console(stderr=True, highlight=False)
    with console.status(f"{doing}: 0 of {len(which.targets)} BMCs") as status:
        for outcome in stream(outcomes):
            found[outcome.target.name] = outcome
            status.update(f"{doing}: {len(found)} of {len(which.targets)} BMCs")
    return [found[target.name] for target in which.targets]


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
