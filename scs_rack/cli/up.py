"""`scs-rack up`: bring a rack up."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from scs_rack.cli.allow import allow_option, allowed
from scs_rack.cli.common import Commands, add_command, json_option, rack_option
from scs_rack.cli.order import exit_code, ordered, range_options, watching
from scs_rack.engine import settled
from scs_rack.engine.bring_up import bring_up
from scs_rack.errors import UsageError
from scs_rack.report.html import write_report
from scs_rack.report.summary import as_data, print_summary
from scs_rack.report.tally import cost
from scs_rack.report.terminal import Steady
from scs_rack.standstill import record


def register(commands: Commands) -> None:
    """Add `up`."""
    parser = add_command(
        commands,
        "up",
        _up,
        "bring the rack to a running cloud, stage by stage, and observe each stage's gate",
        ("scs-rack up -r inventory/lab", "scs-rack up -r inventory/lab --to base --limit 'servers:!node3'"),
    )
    rack_option(parser)
    range_options(parser)
    parser.add_argument(
        "--converge",
        action="store_true",
        help="run every stage in full, also those that an unfinished run before completed",
    )
    parser.add_argument(
        "--new",
        action="store_true",
        help="only servers that are not in service yet, with their switches and one controller",
    )
    allow_option(parser)
    json_option(parser)


def _up(args: argparse.Namespace) -> int:
    with ordered(args) as whole:
        wanted = whole
        _runs(wanted.state_dir)
        if args.new:
            if args.limit:
                raise UsageError("--new and --limit don't go together", "name one of them")
            wanted = replace(wanted, limit=settled.newcomers(wanted.state_dir, wanted.design))
        order = allowed(args, wanted)
        with watching(order, json=args.json) as watch:
            run = bring_up(order, watch)
        spent = cost(run.folder)
        page = write_report(run, order.design, run.folder / "report.html")
    if args.json:
        print(json.dumps({**as_data(run, spent), "report": str(page)}, indent=2))
    else:
        console = Steady(highlight=False)
        print_summary(console, run, spent)
        if run.state == "interrupted":
            console.print("interrupted; nothing is lost: run the same command again to go on")
        console.print(f"report: {page}", soft_wrap=True)
    return exit_code(run)


def _runs(state: Path) -> None:
    """See that nobody stopped the rack on purpose: its flags and guests would be left as they are.

    Raises:
        UsageError: somebody did.
    """
    if record.read(state) is not None:
        raise UsageError("the rack was stopped by `scs-rack stop`", "`scs-rack start` brings it back, with its guests")
