"""What the verbs of `bmc` share: read from many BMCs and show it, or change something and say what came of it.

Reading gives a table, or with --json a list with an object a server: what was seen, over which protocols, errors.
"""

import argparse
import json
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar, cast

from rich.markup import escape

from scs_rack.bmc import Bmc, Fleet, Outcome, TimeLimits
from scs_rack.cli import fleet
from scs_rack.errors import UsageError
from scs_rack.results import Finding, Result

T = TypeVar("T")

HEALTH = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]", "critical": "[red]critical[/]", "unknown": "-"}


def read(which: fleet.Call, look: Callable[[Bmc], Awaitable[T]], doing: str) -> list[Outcome[T]]:
    """Ask all chosen BMCs the same."""

    async def work(bmc: Bmc, _fleet: Fleet) -> T:
        return await look(bmc)

    return fleet.collect(which, work, doing)


def over(outcome: Outcome[Any]) -> str:
    """Protocols that were spoken, for a table; the one that was tried where there is an error."""
    return ", ".join(outcome.over or (outcome.target.protocol,))


def show(
    args: argparse.Namespace,
    outcomes: Sequence[Outcome[T]],
    columns: tuple[str, ...],
    rows: Callable[[T], Iterable[tuple[str, ...]]],
    findings: Sequence[Finding] = (),
) -> int:
    """Print a table with the rows of each server (or JSON), then what failed; returns the exit code."""
    if args.json:
        print(json.dumps([_data(one) for one in outcomes], indent=2, default=str))
        return fleet.exit_code(outcomes, findings)
    table = fleet.table("SERVER", *columns)
    for one in outcomes:
        if one.error is None:
            for row in list(rows(cast("T", one.value))) or [("[dim]none[/]",)]:
                table.add_row(one.target.name, *row)
    console = fleet.output()
    if table.row_count:
        console.print(table)
    fleet.print_failures(console, outcomes, findings)
    return fleet.exit_code(outcomes, findings)


def change(
    args: argparse.Namespace, work: Callable[[Bmc, TimeLimits], Awaitable[Result]], doing: str, *, ask: str = ""
) -> int:
    """Change something on all chosen BMCs and say what was observed.

    Args:
        args: with `json`, and `yes` where there is something to ask.
        work: changes one BMC and observes it.
        doing: words for the progress line.
        ask: question that must be answered first; nothing is asked when empty.
    """
    which = fleet.call(args)
    if ask and not args.yes:
        confirm(ask, [target.name for target in which.targets])

    async def observed(bmc: Bmc, calling: Fleet) -> Result:
        return await work(bmc, calling.limits)

    outcomes = fleet.collect(which, observed, doing)
    results = [one.value for one in outcomes if one.value]
    findings = [finding for result in results for finding in result.findings]
    if args.json:
        print(json.dumps([_data(one, "result") for one in outcomes], indent=2, default=str))
        return fleet.exit_code(outcomes, findings)
    table = fleet.table("SERVER", "RESULT", "STEP", "CHANGE", "OVER", "TIME")
    for one in outcomes:
        result = one.value
        failed = result is None or result.error
        word = "[red]failed[/]" if failed else "changed" if result and result.changed else "as it was"
        cells = (result.step, result.diff) if result else (doing, "")
        table.add_row(one.target.name, word, *(escape(cell) for cell in cells), over(one), f"{one.duration:.2f} s")
    console = fleet.output()
    console.print(table)
    fleet.print_failures(console, outcomes, findings)
    return fleet.exit_code(outcomes, findings)


def yes_option(parser: argparse.ArgumentParser) -> None:
    """Add `--yes`."""
    parser.add_argument("--yes", action="store_true", help="don't ask first")


def confirm(question: str, names: Sequence[str]) -> None:
    """Ask a person; refuse where nobody is there.

    Raises:
        UsageError: the answer was not yes, or nobody can be asked.
    """
    where = ", ".join(names)
    if not sys.stdin.isatty():
        raise UsageError(f"{question} on {where}: nobody can be asked", "add --yes")
    if input(f"{question} on {where}? [y/N] ").strip().lower() not in {"y", "yes"}:
        raise UsageError("nothing was done", "answer y, or add --yes")


def number(value: float | None, unit: str = "") -> str:
    """A number for a table, without digits that say nothing."""
    return "-" if value is None else f"{value:.10g}{f' {unit}' if unit else ''}"


def _data(one: Outcome[Any], key: str = "seen") -> dict[str, Any]:
    return {
        "server": one.target.name,
        "address": str(one.target.address),
        "over": list(one.over),
        key: _plain(one.value),
        "seconds": round(one.duration, 3),
        "error": fleet.error_data(one.error),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value
