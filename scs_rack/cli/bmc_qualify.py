"""`scs-rack bmc qualify`: is this server's management fit for a rack? With evidence, for vendor and record."""

import argparse
import datetime as dt
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import yaml
from rich.markup import escape

from scs_rack import __version__
from scs_rack.bmc.qualify.bench import Bench, Scenario
from scs_rack.bmc.qualify.run import SCENARIOS, Outcome, profile, qualify
from scs_rack.bmc.stream import stream
from scs_rack.cli import fleet
from scs_rack.cli.bmc_common import confirm, yes_option
from scs_rack.cli.common import Commands, add_command, json_option, rack_option
from scs_rack.errors import UsageError
from scs_rack.files import write_file

_COLOURS = {"pass": "green", "fail": "red", "not proven": "yellow"}


def register(verbs: Commands) -> None:
    """Add the verb."""
    parser = add_command(
        verbs,
        "qualify",
        run,
        "try everything that a rack needs of a server's BMC, and say pass or fail with evidence",
        (
            "scs-rack bmc qualify node4 -r inventory/lab",
            "scs-rack bmc qualify node4 -r inventory/lab --only sessions --only etags",
            "scs-rack bmc qualify node4 -r inventory/lab --image http://10.0.0.10/small.iso -o r750.json --yes",
        ),
    )
    rack_option(parser)
    parser.add_argument("server", metavar="SERVER", help="it is switched off and on many times: nothing may run on it")
    names = [one.name for one in SCENARIOS]
    parser.add_argument("--only", metavar="SCENARIO", action="append", choices=names, help=f"one of {', '.join(names)}")
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="tries of each (default: 10)")
    parser.add_argument("--post", type=float, default=120.0, metavar="SECONDS", help="of POST (default: 120)")
    parser.add_argument("--image", default="", metavar="URL", help="ISO for virtual media, where the BMC can fetch it")
    parser.add_argument("--in-service", action="store_true", help="also a server in service; what runs there will die")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the record there, as JSON")
    json_option(parser)
    yes_option(parser)


def run(args: argparse.Namespace) -> int:
    """Qualify one server; 1 when a scenario failed."""
    if args.rounds < 1 or args.post < 0:
        raise UsageError("--rounds and --post must be positive", "leave them out for 10 and 120")
    which = fleet.call(argparse.Namespace(**{**vars(args), "servers": [args.server], "limit": None}))
    scenarios = [one for one in SCENARIOS if not args.only or one.name in args.only]
    _permit(args, which, [one.name for one in scenarios if one.disturbs != "nothing"])
    found: list[Outcome] = []
    for one in _outcomes(args, which, scenarios):
        found.append(one)
        if not args.json:
            _tell(one)
    record = _record(which, args, found)
    if args.output:
        write_file(args.output, json.dumps(record, indent=2) + "\n", 0o644)
    if args.json:
        print(json.dumps(record, indent=2))
    else:
        print("\nfor `server_models` of the rack file:\n" + yaml.safe_dump(record["profile"], sort_keys=False), end="")
    return 1 if any(one.verdict.word == "fail" for one in found) else 0


def _permit(args: argparse.Namespace, which: fleet.Call, disturbing: list[str]) -> None:
    """Refuse to disturb a server in service, and ask before disturbing another."""
    if not disturbing:
        return
    if which.design.nodes[args.server].in_service and not args.in_service:
        raise UsageError(
            f"{args.server} is in service, and {', '.join(disturbing)} would switch it off or restart its BMC",
            "name a spare, choose others with --only, or add --in-service if nothing of value runs there",
        )
    if not args.yes:
        confirm(f"switch it off and on many times ({', '.join(disturbing)})", [args.server])


def _outcomes(args: argparse.Namespace, which: fleet.Call, scenarios: Sequence[Scenario]) -> Iterator[Outcome]:
    async def outcomes() -> AsyncIterator[Outcome]:
        async with which.fleet() as calling:
            bench = Bench(calling, which.targets[0], args.rounds, args.post, args.image)
            async for one in qualify(bench, scenarios):
                yield one

    return stream(outcomes)


def _tell(one: Outcome) -> None:
    colour = _COLOURS.get(one.verdict.word, "dim")
    text = f"[{colour}]{one.verdict.word:14}[/] {one.scenario.name:15} {escape(one.verdict.evidence)}"
    fleet.output().print(text, soft_wrap=True)


def _record(which: fleet.Call, args: argparse.Namespace, found: list[Outcome]) -> dict[str, object]:
    rack, target = which.design.rack, which.targets[0]
    model = rack.servers[args.server].model
    return {
        "server": args.server,
        "model": model,
        "vendor": rack.server_models[model].vendor,
        "taken_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "scs_rack": __version__,
        "rounds": args.rounds,
        "scenarios": [{"name": one.scenario.name, "what": one.scenario.what, **asdict(one.verdict)} for one in found],
        "profile": profile(model, target.protocol, found),
    }
