"""`scs-rack node drain`, `remove`, `rejoin`, `replace`: servers of a cloud in service."""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace

from rich.console import Console

from scs_rack.cli.allow import allow_option
from scs_rack.cli.bmc_common import confirm, yes_option
from scs_rack.cli.common import Commands, add_command, json_option, rack_option
from scs_rack.cli.order import exit_code, ordered, watching
from scs_rack.cli.plan import as_data as plan_data
from scs_rack.cli.plan import show
from scs_rack.days import kept
from scs_rack.days.operations import Wish, drain, rejoin, remove, replaced
from scs_rack.engine.bring_up import Order, bring_up
from scs_rack.engine.foresee import Forecast, foresee
from scs_rack.engine.runs import Purpose, RunRecord
from scs_rack.errors import UsageError
from scs_rack.report.summary import as_data, print_summary
from scs_rack.report.tally import cost
from scs_rack.report.terminal import Steady

Make = Callable[[Order, Wish], Order]
Parser = argparse.ArgumentParser

_RESUME = "An operation that was stopped or killed goes on when the same command is given again."
_DRAIN = f"""\
New guests are placed elsewhere, guests that run are moved one by one, routers leave the cloud on other nodes,
clients of the API are led to other controllers, and Ceph keeps the server's data in place. It may then be
switched off (`scs-rack power off NODE`); `scs-rack node rejoin NODE` undoes all of it.
A server that does not answer is drained only when its power is off, as its BMC says: then its guests are
rebuilt from their disks on other servers.
{_RESUME}"""
_REMOVE = f"""\
As drain, and then: its OSDs are emptied, which takes as long as the data takes to move, and forgotten; the
cloud forgets hypervisor, agents and chassis; the server is switched off, the rack file gets `state: removed`,
and its switch ports are shut, but for its BMC's. Its disks are wiped only with --wipe and its name.
{_RESUME}"""
_REPLACE = f"""\
The rack file states the new server's MAC addresses, serial number and disks. The old one must be off, or is
drained and switched off now. Its guests are rebuilt elsewhere, Ceph's monitors, etcd, RabbitMQ and OVN's
databases forget it, and all stages of `up` let the new one join; MariaDB takes a copy by itself. OSDs whose
disks came along are put to use again; the others are forgotten, if all data is there without them.
{_RESUME}"""
_REJOIN = f"""\
After drain: what was done is undone, and observed by the gates of `up`. After remove: the rack file gets
`state: active`, and all stages of `up` run.
{_RESUME}"""


def add_days(verbs: Commands) -> None:
    """Add the verbs."""
    parser = _verb(
        verbs,
        "drain",
        drain,
        (
            "take guests, routers and clients away from a server, so that it may be switched off",
            ("scs-rack node drain node2 -r inventory/lab", "scs-rack node drain node2 --plan"),
            _DRAIN,
        ),
    )
    _dead_options(parser)
    parser.add_argument(
        "--leave", metavar="GUEST", action="append", default=[], help="a guest that may stay, by ID or name"
    )
    parser = _verb(
        verbs,
        "remove",
        remove,
        (
            "take a server out of the rack: its data moved, its records deleted, its ports shut, its power off",
            ("scs-rack node remove node4 -r inventory/lab", "scs-rack node remove node4 --wipe node4 --yes"),
            _REMOVE,
        ),
    )
    _dead_options(parser)
    parser.add_argument("--wipe", metavar="NODE", help="wipe its data disks; the server's name again")
    parser = _verb(
        verbs,
        "replace",
        replaced,
        (
            "let a new server take the place and the name of one that is dead, or is to be changed",
            ("scs-rack node replace node3 -r inventory/lab", "scs-rack node replace node3 --fence --yes"),
            _REPLACE,
        ),
    )
    _dead_options(parser)
    allow_option(parser)
    parser = _verb(
        verbs,
        "rejoin",
        rejoin,
        (
            "take a server that was drained or removed into service again",
            ("scs-rack node rejoin node2 -r inventory/lab", "scs-rack node rejoin node4 --plan --json"),
            _REJOIN,
        ),
    )
    allow_option(parser)


def _verb(verbs: Commands, name: Purpose, make: Make, texts: tuple[str, tuple[str, ...], str]) -> Parser:
    summary, examples, notes = texts
    parser = add_command(verbs, name, lambda args: _run(args, name, make), summary, examples, notes=notes)
    rack_option(parser)
    parser.add_argument("server", metavar="NODE")
    parser.add_argument(
        "--plan", action="store_true", help="show what would be done, and what forbids it; changes nothing"
    )
    yes_option(parser)
    json_option(parser)
    return parser


def _dead_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fence", action="store_true", help="cut its power by its BMC if it does not answer")
    parser.add_argument("--unplugged", metavar="NODE", help="it has no power, though its BMC is silent; its name again")


def _wish(args: argparse.Namespace) -> Wish:
    """The operator's words.

    Raises:
        UsageError: a name that has to be typed again is another one.
    """
    for option in ("wipe", "unplugged"):
        typed = getattr(args, option, None)
        if typed is not None and typed != args.server:
            raise UsageError(f"--{option} {typed}: the server is {args.server}", "nothing was done")
    return Wish(
        args.server,
        fence=getattr(args, "fence", False),
        unplugged=bool(getattr(args, "unplugged", None)),
        leave=frozenset(getattr(args, "leave", [])),
        wipe=bool(getattr(args, "wipe", None)),
    )


def _run(args: argparse.Namespace, purpose: Purpose, make: Make) -> int:
    wish = _wish(args)
    return operate(args, purpose, args.server, lambda order: make(order, wish))


def operate(args: argparse.Namespace, purpose: Purpose, what: str, make: Callable[[Order], Order]) -> int:
    """Show the plan of an operation, ask, run it, and say what came of it.

    Args:
        args: `rack`, `plan`, `yes`, `json`, and perhaps `allow`.
        purpose: of the run.
        what: is operated on; also the name of what is kept of it.
        make: the operation's stages from those of `up`.
    """
    whole = argparse.Namespace(rack=args.rack, first=None, last=None, limit=None)
    with ordered(whole) as order:
        steps = make(order)
        steps = replace(steps, options=steps.options | {"allow": tuple(getattr(args, "allow", []))})
        forecast = _foreseen(args, steps)
        if args.plan:
            return 1 if forecast.errors else 0
        if forecast.errors:
            return _refused(args, what, forecast)
        if not args.yes:
            confirm(purpose, [what])
        with watching(steps, json=args.json) as watch:
            run = bring_up(steps, watch, purpose)
        spent = cost(run.folder)
        if run.state == "passed" and purpose != "drain":
            kept.forget(order.state_dir, what)
    if args.json:
        print(json.dumps(as_data(run, spent), indent=2))
    else:
        console = Steady(highlight=False)
        print_summary(console, run, spent)
        console.print(_last_words(run, purpose, what), soft_wrap=True)
    return exit_code(run)


def _foreseen(args: argparse.Namespace, steps: Order) -> Forecast:
    """Ask for the plan and show it."""
    quiet = Console(stderr=True, highlight=False)
    with quiet.status("asking the devices") as status:
        forecast = foresee(steps, lambda stage: status.update(f"planning {stage}"))
    if args.plan and args.json:
        print(json.dumps({"folder": str(forecast.folder), "layers": plan_data(forecast)}, indent=2))
    else:
        show(Steady(stderr=args.json, highlight=False), forecast, diff=True)
    return forecast


def _refused(args: argparse.Namespace, what: str, forecast: Forecast) -> int:
    words = [f"{one.stage}: {one.error}" for one in forecast.errors]
    if args.json:
        print(json.dumps({"state": "refused", "reasons": words}, indent=2))
    print(f"refused, nothing was changed: {what}", file=sys.stderr)
    return 1


def _last_words(run: RunRecord, purpose: Purpose, server: str) -> str:
    if run.state != "passed":
        return "nothing is lost: mend what is told above, and give the same command again to go on"
    back = f"`scs-rack node rejoin {server}`"
    return {
        "drain": f"{server} may be switched off: `scs-rack power off {server}`; {back} undoes all",
        "remove": f"{server} is out of the rack; {back} takes it back",
    }.get(purpose, f"{server} is in service")
