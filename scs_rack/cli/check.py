"""`scs-rack check`: ask the gates and change nothing, or run a test suite against the live cloud."""

import argparse
import json

from scs_rack.cli.common import Commands, add_command, json_option, rack_option
from scs_rack.cli.order import exit_code, limit_option, ordered, watching
from scs_rack.engine.bring_up import check
from scs_rack.errors import UsageError
from scs_rack.report.summary import as_data, print_summary
from scs_rack.report.tally import cost
from scs_rack.report.terminal import Steady

SUITES = ("smoke", "scs", "domain-manager", "tempest")
NOTES = """suites:
  smoke           what a customer does on the first day: two guests, network, floating address, volume
  scs             SCS-compatible IaaS, by the official suite (conformance.scs.checkout in the rack file)
  domain-manager  scs-0302, from the same checkout
  tempest         scs-0128: Tempest with accounts of its own, none of them an admin
Each removes what it made, also after Ctrl-C or when the one before it was killed. They take the rack's lock.
Exit codes: 0 passed, 5 not passed, 130 stopped."""


def register(commands: Commands) -> None:
    """Add `check`."""
    parser = add_command(
        commands,
        "check",
        ask,
        "ask the gates of stages whether the rack is as it should be, or run a test suite; changes nothing",
        (
            "scs-rack check -r inventory/lab",
            "scs-rack check -r inventory/lab ceph cloud --json",
            "scs-rack check -r inventory/lab --suite smoke",
            "scs-rack check -r inventory/lab --suite tempest --install",
        ),
        notes=NOTES,
    )
    rack_option(parser)
    parser.add_argument("stages", metavar="STAGE", nargs="*", help="only these stages (default: all)")
    limit_option(parser)
    parser.add_argument("--suite", choices=SUITES, help="run this test suite against the cloud instead")
    parser.add_argument("--checkout", metavar="DIR", help="checkout of the SCS standards, in place of the rack file's")
    parser.add_argument("--python", metavar="FILE", help="Python that has the suite's requirements, likewise")
    parser.add_argument("--install", action="store_true", help="tempest: get it from the package index, if need be")
    parser.add_argument("--short", action="store_true", help="tempest: our short list in place of scs-0128's")
    parser.add_argument("--again", action="store_true", help="tempest: only what has not passed in the run before")
    parser.add_argument("--workers", type=int, metavar="N", help="tempest: tests at a time")
    json_option(parser)


def ask(args: argparse.Namespace) -> int:
    """Ask the gates and print what they say, or run the suite that is named."""
    if args.suite:
        from scs_rack.cli.check_suite import run_suite_named

        return run_suite_named(args)
    for option in ("checkout", "python", "install", "short", "again", "workers"):
        if getattr(args, option):
            raise UsageError(f"--{option} belongs to --suite")
    with ordered(args) as order, watching(order, json=args.json) as watch:
        run = check(order, watch)
    spent = cost(run.folder)
    if args.json:
        print(json.dumps(as_data(run, spent), indent=2))
    else:
        print_summary(Steady(highlight=False), run, spent)
    return exit_code(run)
