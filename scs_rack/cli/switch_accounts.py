"""`scs-rack switch accounts`: who may log in to switches."""

import argparse
import json

from scs_rack.cli.common import Commands, add_command, json_option, rack_option
from scs_rack.cli.order import limit_option
from scs_rack.cli.switch import devices
from scs_rack.errors import ScsRackError
from scs_rack.sonic.accounts import bring_all
from scs_rack.sonic.host import host_script
from scs_rack.sonic.transport import switches


def add_accounts(verbs: Commands) -> None:
    """Add `accounts`."""
    parser = add_command(
        verbs,
        "accounts",
        accounts,
        "make accounts and SSH keys on switches as the rack file states them (`switching.users`)",
        (
            "scs-rack switch accounts -r inventory/example",
            "scs-rack switch accounts -r inventory/example --limit leaf1 --json",
        ),
    )
    rack_option(parser)
    limit_option(parser)
    json_option(parser)


def accounts(args: argparse.Namespace) -> int:
    """Run each switch's script, at the same time.

    1. Make accounts, put them into the groups of their role, set their keys; remove those that are stated no more.
    2. Run it again: it must find nothing left to do.
    """
    ctx = devices(args)
    chosen = switches(ctx)
    stated = [switch for switch in chosen if host_script(ctx.design, switch.name) is not None]
    answers = bring_all(stated)
    failed = {name: answer for name, answer in answers.items() if isinstance(answer, ScsRackError)}
    done = {name: answer for name, answer in answers.items() if not isinstance(answer, ScsRackError)}
    if args.json:
        errors = {name: {"error": error.message} for name, error in failed.items()}
        print(json.dumps({**{name: {"changed": lines} for name, lines in done.items()}, **errors}, indent=2))
    else:
        for name, lines in done.items():
            print(f"{name}: {'; '.join(lines) if lines else 'as the rack file wants it'}")
        for error in failed.values():
            print(error.message)
        if not stated:
            print("the rack file states no users of these switches (switching.users)")
    return max((error.exit_code for error in failed.values()), default=0)
