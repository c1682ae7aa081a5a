"""`scs-rack node discover`, `candidates`: servers that nobody stated, and the lines that state them."""

import argparse
import asyncio
import json
import sys
import time

from scs_rack.cli.common import Commands, add_command, json_option, rack_dir, rack_option
from scs_rack.design import make_design
from scs_rack.engine.signals import stoppable
from scs_rack.engine.stage import Context, Stop
from scs_rack.errors import UsageError
from scs_rack.lab.namespace import enter
from scs_rack.model.load import load_rack
from scs_rack.paths import state_dir
from scs_rack.prepare import prepare
from scs_rack.provision import candidates, inventory
from scs_rack.provision.discover import Discovery


def add_discover(verbs: Commands) -> None:
    """Add the verbs."""
    parser = add_command(
        verbs,
        "discover",
        _discover,
        "answer servers that the rack file does not state: boot the ramdisk, look, write nothing, switch off",
        ("scs-rack node discover -r inventory/berlin1", "scs-rack node discover --minutes 30"),
    )
    rack_option(parser)
    parser.add_argument(
        "--minutes", type=float, default=15.0, metavar="N", help="how long to wait for them, up to 1440 (default: 15)"
    )
    parser = add_command(
        verbs,
        "candidates",
        _candidates,
        "list servers that called and are not in the rack file, with the lines to add",
        ("scs-rack node candidates -r inventory/berlin1", "scs-rack node candidates --json"),
    )
    rack_option(parser)
    json_option(parser)


def _discover(args: argparse.Namespace) -> int:
    if not 0 < args.minutes <= 1440:
        raise UsageError(f"{args.minutes:g} minutes is no time to wait", "--minutes 15, up to 1440")
    start, stop = time.monotonic(), Stop()

    def say(who: str, what: str) -> None:
        print(f"{time.monotonic() - start:7.1f} s  {who}: {what}", file=sys.stderr, flush=True)

    with stoppable(stop, lambda _: say("stopping", "what was seen is kept")):
        folder = rack_dir(args)
        design = make_design(load_rack(folder))
        state = state_dir(design.rack.name)
        enter(design)
        ctx = Context(design, folder, state, state, prepare(folder, state, design), stop=stop)
        found = Discovery(ctx, say)
        say("waiting", f"for {args.minutes:g} minutes; switch the servers on, with network boot")
        asyncio.run(found.run(args.minutes * 60))
    for mac, seen in found.seen.items():
        print(candidates.stanza(design, candidates.Candidate(mac, seen)))
    if not found.seen:
        print("no server called that the rack file does not state")
    return 0


def _candidates(args: argparse.Namespace) -> int:
    design = make_design(load_rack(rack_dir(args)))
    found = candidates.kept(state_dir(design.rack.name), design)
    if args.json:
        plain = [
            {"mac": one.mac, "fits": candidates.fitting(design, one), "seen": inventory.plain(one.facts)}
            for one in found
        ]
        print(json.dumps(plain, indent=2))
        return 0
    for one in found:
        print(candidates.stanza(design, one))
    if not found:
        print("no server called that the rack file does not state; `scs-rack node discover` waits for them")
    return 0
