"""`scs-rack switch backup`: what switches run, kept in files."""

import argparse
import json
import sys
from pathlib import Path

from scs_rack.cli.common import Commands, add_command, json_option, rack_dir, rack_option
from scs_rack.cli.order import limit_option
from scs_rack.cli.switch import devices
from scs_rack.design import make_design
from scs_rack.errors import ScsRackError
from scs_rack.model.load import load_rack
from scs_rack.paths import state_dir
from scs_rack.sonic.backup import FOLDER, backups, keep, stamp, take
from scs_rack.sonic.transport import on_all, switches


def add_backup(verbs: Commands) -> None:
    """Add `backup`."""
    parser = add_command(
        verbs,
        "backup",
        _backup,
        "keep what switches run in files, as SONiC loads them; `rollback` goes back to them",
        (
            "scs-rack switch backup -r inventory/lab --limit leaf1",
            "scs-rack switch backup -r inventory/lab --list",
        ),
    )
    rack_option(parser)
    limit_option(parser)
    parser.add_argument("--to", metavar="DIR", type=Path, help="folder for the files (default: the rack's state)")
    parser.add_argument("--list", action="store_true", help="list the backups that are there")
    json_option(parser)


def _backup(args: argparse.Namespace) -> int:
    if args.list:
        return _list(args)
    ctx = devices(args)
    folder = args.to or ctx.state_dir / FOLDER / stamp()
    answers = on_all(switches(ctx), lambda switch: keep(folder, switch.name, take(switch)))
    failed = [answer for answer in answers.values() if isinstance(answer, ScsRackError)]
    if args.json:
        data = {
            name: {"error": answer.message} if isinstance(answer, ScsRackError) else {"file": str(answer)}
            for name, answer in answers.items()
        }
        print(json.dumps(data, indent=2))
    else:
        for answer in answers.values():
            if not isinstance(answer, ScsRackError):
                print(answer)
        for error in failed:
            print(f"error: {error.message}", file=sys.stderr)
    return max((error.exit_code for error in failed), default=0)


def _list(args: argparse.Namespace) -> int:
    found = backups(state_dir(make_design(load_rack(rack_dir(args))).rack.name))
    if args.json:
        print(json.dumps([{"name": one.name, "switches": one.switches} for one in found], indent=2))
        return 0
    for one in found:
        print(f"{one.name:<24}{', '.join(one.switches)}")
    if not found:
        print("there is no backup yet")
    return 0
