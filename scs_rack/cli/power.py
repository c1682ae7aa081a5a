"""`scs-rack power`: power of servers, through their BMCs."""

import argparse
import json
from functools import partial

from scs_rack.bmc import Bmc, Fleet, Power
from scs_rack.bmc.fleet import READING
from scs_rack.cli import fleet, power_act
from scs_rack.cli.bmc_common import over
from scs_rack.cli.common import Commands, add_command, add_noun

_VERBS = {
    "on": (
        "switch servers on, control nodes first, as many at once as the feeds can carry",
        "on -r inventory/lab",
        "on -r inventory/example --dry-run",
    ),
    "off": (
        "drain services, shut operating systems down, and cut what does not obey",
        "off node4 -r inventory/lab",
        "off -r inventory/lab --limit spares --now --yes",
    ),
    "soft": (
        "drain services and shut operating systems down; what does not obey stays on",
        "soft node4 -r inventory/lab",
        "soft -r inventory/lab --limit 'servers:!node1' --yes",
    ),
    "cycle": (
        "cut the power, see it off, and switch it on again, as the feeds can carry it",
        "cycle node2 -r inventory/lab",
        "cycle -r inventory/lab --limit compute --yes",
    ),
    "reset": (
        "reset at once, without cutting the power",
        "reset node2 -r inventory/lab",
        "reset node2 -r inventory/lab --yes --json",
    ),
    "nmi": (
        "interrupt the processors, so that a hung operating system writes its crash dump",
        "nmi node2 -r inventory/lab",
        "nmi node2 -r inventory/lab --yes",
    ),
}
_POWER = {Power.ON: "green", Power.OFF: "", None: "red"}


def register(commands: Commands) -> None:
    """Add `power` with its verbs."""
    verbs = add_noun(commands, "power", "power of servers, through their BMCs")
    parser = add_command(
        verbs,
        "status",
        _status,
        "show which servers are on, each as soon as its BMC says so",
        ("scs-rack power status -r inventory/lab", "scs-rack power status -r inventory/lab --limit spares --json"),
    )
    fleet.fleet_options(parser)
    for verb, (summary, *examples) in _VERBS.items():
        parser = add_command(
            verbs,
            verb,
            partial(power_act.run, verb),
            summary,
            tuple(f"scs-rack power {example}" for example in examples),
        )
        fleet.fleet_options(parser)
        parser.add_argument("--dry-run", action="store_true", help="show the plan and change nothing")
        parser.add_argument("--yes", action="store_true", help="don't ask first")
        if verb in {"off", "soft"}:
            words = "seconds that an operating system may take to shut down (default: 180)"
            parser.add_argument("--wait", type=fleet.positive, metavar="SECONDS", help=words)
        if verb == "off":
            words = "cut the power of all at once: nothing is drained, no operating system is asked"
            parser.add_argument("--now", action="store_true", help=words)


def _status(args: argparse.Namespace) -> int:
    which = fleet.call(args)

    async def work(bmc: Bmc, _fleet: Fleet) -> Power:
        return await bmc.power_state()

    console = fleet.output()
    names = [target.name for target in which.targets]
    addresses = [str(target.address) for target in which.targets]
    columns = {"SERVER": fleet.wide(names, "SERVER"), "POWER": 7, "STATE": 10}
    rows = fleet.Rows(console, columns | {"BMC": fleet.wide(addresses, "BMC"), "PROTOCOL": 8, "TIME": 7})
    outcomes = []
    with fleet.waiting(which, "power status") as heard:
        for one in fleet.each(which, work, READING):
            outcomes.append(one)
            heard()
            target, seconds = one.target, one.duration
            if args.json:
                data = {"server": target.name, "power": one.value, "protocol": over(one)}
                more = {"address": str(target.address), "seconds": round(seconds, 3)}
                print(json.dumps(data | more | {"error": fleet.error_data(one.error)}), flush=True)
                continue
            state = "in service" if which.design.nodes[target.name].in_service else "spare"
            cells = (
                target.name,
                one.value or "unknown",
                state,
                str(target.address),
                over(one),
                f"{seconds:.2f} s",
            )
            rows.add(*cells, style=_POWER[one.value])
    if not args.json:
        fleet.print_failures(console, outcomes, ())
    return fleet.exit_code(outcomes)
