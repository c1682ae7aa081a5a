"""`scs-rack power`: power of servers, through their BMCs."""

import argparse
import json
import sys
from dataclasses import asdict
from functools import partial
from typing import cast

from scs_rack.bmc import Action, Bmc, Fleet, Power, act
from scs_rack.cli import fleet
from scs_rack.cli.common import Commands, add_command, add_noun
from scs_rack.errors import UsageError
from scs_rack.results import Result

_VERBS = {
    "on": ("switch servers on and see that they are", "on -r inventory/lab", "on node4 -r inventory/lab"),
    "off": ("cut the power at once", "off node4 -r inventory/lab", "off -r inventory/lab --limit spares --yes"),
    "soft": (
        "ask the operating systems to shut down, and wait until they have",
        "soft node4 -r inventory/lab",
        "soft -r inventory/lab --limit 'servers:!node1' --yes",
    ),
    "cycle": (
        "cut the power, see it off, and switch it on again",
        "cycle node2 -r inventory/lab",
        "cycle -r inventory/lab --limit compute --yes",
    ),
    "reset": (
        "reset at once, without cutting the power",
        "reset node2 -r inventory/lab",
        "reset node2 -r inventory/lab --yes --json",
    ),
}
_HARMLESS = {"on"}


def register(commands: Commands) -> None:
    """Add `power` with its verbs."""
    verbs = add_noun(commands, "power", "power of servers, through their BMCs")
    parser = add_command(
        verbs,
        "status",
        _status,
        "show which servers are on",
        ("scs-rack power status -r inventory/lab", "scs-rack power status -r inventory/lab --limit spares --json"),
    )
    fleet.fleet_options(parser)
    for verb, (summary, *examples) in _VERBS.items():
        parser = add_command(
            verbs, verb, partial(_act, verb), summary, tuple(f"scs-rack power {example}" for example in examples)
        )
        fleet.fleet_options(parser)
        if verb not in _HARMLESS:
            parser.add_argument("--yes", action="store_true", help="don't ask first")


def _status(args: argparse.Namespace) -> int:
    which = fleet.call(args)

    async def work(bmc: Bmc, _fleet: Fleet) -> Power:
        return await bmc.power_state()

    outcomes = fleet.collect(which, work, "power status")
    if args.json:
        data = [
            {
                "server": one.target.name,
                "power": one.value,
                "protocol": one.target.protocol,
                "address": str(one.target.address),
                "seconds": round(one.duration, 3),
                "error": fleet.error_data(one.error),
            }
            for one in outcomes
        ]
        print(json.dumps(data, indent=2))
        return fleet.exit_code(outcomes)
    table = fleet.table("SERVER", "POWER", "STATE", "BMC", "PROTOCOL", "TIME")
    for one in outcomes:
        power = {"on": "[green]on[/]", "off": "off", None: "[red]unknown[/]"}[one.value]
        state = "in service" if which.design.nodes[one.target.name].in_service else "spare"
        table.add_row(one.target.name, power, state, str(one.target.address), one.target.protocol, _time(one.duration))
    console = fleet.output()
    console.print(table)
    fleet.print_failures(console, outcomes, ())
    return fleet.exit_code(outcomes)


def _act(verb: str, args: argparse.Namespace) -> int:
    which = fleet.call(args)
    names = [target.name for target in which.targets]
    if verb not in _HARMLESS and not args.yes:
        _confirm(verb, names)
    action = cast("Action", verb)

    async def work(bmc: Bmc, calling: Fleet) -> Result:
        return await act(bmc, action, calling.limits)

    outcomes = fleet.collect(which, work, f"power {verb}")
    results = [one.value for one in outcomes if one.value]
    findings = [finding for result in results for finding in result.findings]
    if args.json:
        data = [
            {
                "server": one.target.name,
                "action": verb,
                "result": asdict(one.value) if one.value else None,
                "error": fleet.error_data(one.error),
            }
            for one in outcomes
        ]
        print(json.dumps(data, indent=2))
        return fleet.exit_code(outcomes, findings)
    table = fleet.table("SERVER", "RESULT", "CHANGE", "TIME")
    for one in outcomes:
        result = one.value
        failed = result is None or result.error
        word = "[red]failed[/]" if failed else "changed" if result and result.changed else "as it was"
        table.add_row(one.target.name, word, result.diff if result else "", _time(one.duration))
    console = fleet.output()
    console.print(table)
    fleet.print_failures(console, outcomes, findings)
    return fleet.exit_code(outcomes, findings)


def _confirm(verb: str, names: list[str]) -> None:
    if not sys.stdin.isatty():
        raise UsageError(f"power {verb} interrupts {', '.join(names)} and nobody can be asked", "add --yes")
    answer = input(f"power {verb} {', '.join(names)}? [y/N] ")
    if answer.strip().lower() not in {"y", "yes"}:
        raise UsageError("nothing was done", "answer y, or add --yes")


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s"
