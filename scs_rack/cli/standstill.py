"""`scs-rack stop` and `scs-rack start`: a whole rack, in the right order."""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rich.console import Console

from scs_rack.cli import fleet
from scs_rack.cli.bmc_common import confirm, yes_option
from scs_rack.cli.common import Commands, add_command, json_option, rack_option
from scs_rack.cli.order import exit_code, ordered, watching
from scs_rack.cli.plan import show
from scs_rack.engine.bring_up import Order, bring_up
from scs_rack.engine.foresee import Forecast, foresee
from scs_rack.engine.runs import Purpose
from scs_rack.errors import UsageError
from scs_rack.report.summary import as_data, print_summary
from scs_rack.report.tally import cost
from scs_rack.report.terminal import Steady
from scs_rack.stages.registry import stages as stages_of_up
from scs_rack.standstill import record
from scs_rack.standstill.step import ANYWAY, CUT, GRACE

_STOP = """\
Order: guests, servers that only run guests, services of the cloud, RabbitMQ, MariaDB, Ceph's flags, storage,
network, control. Each is seen off before the next begins. Switches stay on. What ran is remembered.
A stop that was interrupted is gone on with by the same command, or undone by `scs-rack start`."""
_START = """\
Order: servers as the feeds can carry them, sessions to the leaves, Ceph's quorum and OSDs, its flags, MariaDB and
RabbitMQ, the cloud's services, the guests that ran before. Given again it goes on with what is left.
After a loss of power (nobody stopped anything) `scs-rack up` does the same."""


def register_stop(commands: Commands) -> None:
    """Add `stop`."""
    parser = add_command(
        commands,
        "stop",
        stop,
        "shut the whole rack down in the right order: guests, control, storage; switches stay on",
        ("scs-rack stop -r inventory/lab --dry-run", "scs-rack stop -r inventory/berlin-1 --grace 600 --yes"),
        notes=_STOP,
    )
    _options(parser, "seconds for guests to shut down (default: 300)")
    words = "seconds for a server's operating system to shut down before its power is cut (default: 180)"
    parser.add_argument("--wait", type=fleet.positive, metavar="SECONDS", help=words)
    parser.add_argument("--anyway", action="store_true", help="although not all is well: what is ill is only told")


def register_start(commands: Commands) -> None:
    """Add `start`."""
    parser = add_command(
        commands,
        "start",
        start,
        "bring a rack that was stopped back, with the guests that ran before",
        ("scs-rack start -r inventory/lab --dry-run", "scs-rack start -r inventory/berlin-1"),
        notes=_START,
    )
    _options(parser, "seconds for guests to start (default: 300)")
    parser.add_argument("--anyway", action="store_true", help="although not all OSDs and copies come back")


def _options(parser: argparse.ArgumentParser, grace: str) -> None:
    rack_option(parser)
    json_option(parser)
    parser.add_argument("--grace", type=fleet.positive, metavar="SECONDS", help=grace)
    parser.add_argument("--dry-run", action="store_true", help="show the plan and change nothing")
    yes_option(parser)


def stop(args: argparse.Namespace) -> int:
    """Stop a rack."""
    from scs_rack.standstill.stop import stages

    with _ordered(args) as order:
        steps = replace(order, stages=stages(), converge=True)
        if not _planned(args, steps):
            return 0
        names = [order.design.rack.name]
        if not args.yes:
            confirm("stop all guests and switch all servers off", names)
        run = _run(args, steps, "stop")
        state = order.state_dir
    if run.state != "passed" and not args.json and record.read(state) is not None:
        print("part of the rack is stopped: give the same command again to go on, or `scs-rack start` to undo it")
    return exit_code(run)


def start(args: argparse.Namespace) -> int:
    """Start a rack."""
    from scs_rack.standstill.start import stages

    with _ordered(args) as order:
        found = record.read(order.state_dir)
        if found is None:
            raise UsageError(
                f"{order.design.rack.name} was not stopped by `scs-rack stop`",
                "`scs-rack up` brings it up; after a loss of power, too",
            )
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(found.since))
        Console(stderr=True, highlight=False).print(f"stopped {when}; {len(found.guests)} guests ran")
        steps = replace(order, stages=stages(stages_of_up(order.design)), converge=True)
        if args.dry_run:
            _plan_of_start(found)
            return 0
        run = _run(args, steps, "start")
    return exit_code(run)


def _ordered(args: argparse.Namespace) -> Any:
    args.first = args.last = args.limit = None
    return ordered(args)


def _planned(args: argparse.Namespace, steps: Order) -> bool:
    """Show the plan; False when that was all that was asked for."""
    quiet = Console(stderr=True, highlight=False)
    steps.options.update(_settings(args))
    with quiet.status("asking the devices") as status:
        forecast: Forecast = foresee(steps, lambda stage: status.update(f"planning {stage}"))
    if args.json and args.dry_run:
        print(json.dumps([vars(change) for change in forecast.changes], indent=2))
    else:
        show(quiet if args.json else Steady(highlight=False), forecast, diff=False)
    return not args.dry_run


def _plan_of_start(found: record.Record) -> None:
    print("switch all servers in service on, as the feeds can carry them (`scs-rack power on --dry-run` says when)")
    for words, names in (
        ("take away Ceph's flags", found.flags),
        ("start units where they don't run", sorted(found.units)),
        ("let take guests again", found.computes),
        ("start guests", [str(guest) for guest in found.guests]),
    ):
        _line(words, names)


def _line(words: str, names: Sequence[str]) -> None:
    print(f"{words}: {', '.join(names) or 'none'}")


def _settings(args: argparse.Namespace) -> dict[str, Any]:
    stated = {GRACE: args.grace, CUT: getattr(args, "wait", None), ANYWAY: getattr(args, "anyway", False) or None}
    return {name: value for name, value in stated.items() if value is not None}


def _run(args: argparse.Namespace, steps: Order, purpose: Purpose) -> Any:
    steps.options.update(_settings(args))
    with watching(steps, json=args.json) as watch:
        run = bring_up(steps, watch, purpose)
    spent = cost(run.folder)
    if args.json:
        print(json.dumps(as_data(run, spent), indent=2))
    else:
        print_summary(Steady(highlight=False), run, spent)
    return run
