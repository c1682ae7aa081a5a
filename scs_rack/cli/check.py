"""`scs-rack check`: ask the gates, change nothing."""

import argparse
import json

from scs_rack.cli.common import Commands, add_command, json_option, rack_option
from scs_rack.cli.order import exit_code, limit_option, ordered, watching
from scs_rack.engine.bring_up import check
from scs_rack.report.summary import as_data, print_summary
from scs_rack.report.tally import cost
from scs_rack.report.terminal import Steady


def register(commands: Commands) -> None:
    """Add `check`."""
    parser = add_command(
        commands,
        "check",
        ask,
        "ask the gates of stages whether the rack is as it should be; changes nothing",
        ("scs-rack check -r inventory/lab", "scs-rack check -r inventory/lab ceph cloud --json"),
    )
    rack_option(parser)
    parser.add_argument("stages", metavar="STAGE", nargs="*", help="only these stages (default: all)")
    limit_option(parser)
    json_option(parser)


def ask(args: argparse.Namespace) -> int:
    """Ask the gates and print what they say."""
    with ordered(args) as order, watching(order, json=args.json) as watch:
        run = check(order, watch)
    spent = cost(run.folder)
    if args.json:
        print(json.dumps(as_data(run, spent), indent=2))
    else:
        print_summary(Steady(highlight=False), run, spent)
    return exit_code(run)
