"""`scs-rack upgrade`: package updates, server by server, while the cloud serves."""

import argparse
import json
from collections.abc import Callable, Sequence
from functools import partial

from rich.console import Console

from scs_rack import vault
from scs_rack.cli.bmc_common import confirm, yes_option
from scs_rack.cli.common import Commands, add_command, json_option, rack_option
from scs_rack.cli.order import exit_code, ordered, watching
from scs_rack.days import kept
from scs_rack.days.tools import Tools, of
from scs_rack.engine.bring_up import Order, bring_up
from scs_rack.engine.runs import RunRecord
from scs_rack.errors import StageFailed, Unreachable, UsageError
from scs_rack.remote import run_many
from scs_rack.report.summary import as_data, print_summary
from scs_rack.report.tally import cost
from scs_rack.report.terminal import Steady
from scs_rack.upgrade.look import MARK, Server, look, order
from scs_rack.upgrade.renew import Image, images, renew
from scs_rack.upgrade.roll import roll

REFRESH = 300.0
_NOTES = """\
Each server is drained (guests, routers, API clients), its packages are updated, it is restarted where something
runs that is not what is installed, comes back, and the gates of base, ceph, platform and cloud must pass; only then
the next one follows: compute first, controllers last. The first that fails ends it, the others stay as they are.
Given again it goes on with that server. With --image, servers that scs-rack installed get the image that was built
last: each leaves all clusters, its root disk is written anew, and it joins again with its OSDs' disks.
Switches: `scs-rack switch upgrade IMAGE`, one of a pair at a time.
Another release of OpenStack: docs/upgrade.md."""


def register(commands: Commands) -> None:
    """Add `upgrade`."""
    parser = add_command(
        commands,
        "upgrade",
        upgrade,
        "update packages, or the whole image, server by server while the cloud serves: drain, update, gate, next",
        (
            "scs-rack upgrade --plan -r inventory/lab",
            "scs-rack upgrade --security node2 node3 -r inventory/berlin-1",
            "scs-rack upgrade --image -r inventory/berlin-1",
        ),
        notes=_NOTES,
    )
    rack_option(parser)
    json_option(parser)
    parser.add_argument("servers", metavar="SERVER", nargs="*", help="only these (default: all in service)")
    parser.add_argument("--security", action="store_true", help="only what comes from a security archive")
    parser.add_argument("--image", action="store_true", help="the node image that was built last, in place of packages")
    words = "restart servers: where needed (default), each, or none"
    parser.add_argument("--restart", choices=("needed", "always", "never"), default="needed", help=words)
    parser.add_argument("--plan", action="store_true", help="show what there is to do and change nothing")
    words = "don't fetch apt's lists before (--plan never does)"
    parser.add_argument("--no-refresh", dest="refresh", action="store_false", help=words)
    yes_option(parser)


def upgrade(args: argparse.Namespace) -> int:
    """Upgrade servers; the first that fails ends it."""
    args.first = args.last = args.limit = None
    if args.image and (args.security or args.restart != "needed"):
        raise UsageError("--image writes whole servers", "leave --security and --restart out")
    with ordered(args) as chosen:
        tools = of(chosen.context(chosen.state_dir, vault.load(chosen.rack_dir)))
        names = _names(tools, args.servers)
        if args.image:
            return _images(args, chosen, images(tools.ctx, names))
        if args.refresh and not args.plan:
            _refresh(tools, names)
        console = Console(stderr=args.json, highlight=False)
        with Console(stderr=True).status("asking the servers"):
            found = [look(tools, name, security=args.security) for name in names]
        work = [one for one in found if one.work(args.restart)]
        for one in found:
            console.print(f"{one.name}: {one.words}", markup=False, soft_wrap=True)
        if args.plan or not work:
            if args.json:
                print(json.dumps([_data(one, args.restart) for one in found], indent=2))
            return 0
        if not args.yes:
            confirm("upgrade while the cloud serves, one after the other,", [one.name for one in work])
        make = partial(roll, chosen, security=args.security, reboot=args.restart)
        return _roll(args, chosen, [one.name for one in work], make)


def _images(args: argparse.Namespace, chosen: Order, found: Sequence[Image]) -> int:
    """Show what would be written, ask, and do it."""
    work = [one.name for one in found if one.work]
    console = Console(stderr=args.json, highlight=False)
    for one in found:
        console.print(f"{one.name}: {one.words}", markup=False, soft_wrap=True)
    if args.plan or not work:
        if args.json:
            print(json.dumps([vars(one) for one in found], indent=2))
        return 0
    if not args.yes:
        confirm("write the root disks anew, one after the other, of", work)
    return _roll(args, chosen, work, partial(renew, chosen))


def _names(tools: Tools, stated: Sequence[str]) -> list[str]:
    """Servers, in the order of the work.

    Raises:
        UsageError: one is not in service, or was drained by somebody who has not taken it back.
    """
    design = tools.ctx.design
    wrong = [name for name in stated if name not in design.in_service]
    if wrong:
        raise UsageError(f"not in service: {', '.join(wrong)}", f"in service are {', '.join(design.in_service)}")
    names = list(dict.fromkeys(stated)) or list(design.in_service)
    for name, what in kept.known(tools.ctx.state_dir).items():
        if what and not what.get(MARK):
            raise UsageError(
                f"{name} is drained", f"`scs-rack node rejoin {name}`: only one server may be away at a time"
            )
    return order(tools, names)


def _refresh(tools: Tools, names: Sequence[str]) -> None:
    """Fetch apt's lists on all of them.

    Raises:
        Unreachable, StageFailed: a server can't be asked, or its mirrors don't answer.
    """
    command = ["apt-get", "--quiet", "--error-on=any", "-o", "DPkg::Lock::Timeout=120", "update"]
    with Console(stderr=True).status("fetching the lists of packages"):
        answers = run_many(tools.ctx, names, command, REFRESH)
    for name in names:
        if answers[name].unreachable:
            raise Unreachable(f"{name} can't be reached: {answers[name].why}")
        if not answers[name].ok:
            hint = "are its package sources reachable? --no-refresh goes by the lists that are there"
            raise StageFailed(f"{name}: apt-get update: {answers[name].why}", hint)


def _roll(args: argparse.Namespace, chosen: Order, work: Sequence[str], make: Callable[[str], Order]) -> int:
    """Server by server; what fails ends it."""
    runs: list[RunRecord] = []
    for number, name in enumerate(work):
        steps = make(name)
        with watching(steps, json=args.json) as watch:
            run = bring_up(steps, watch, "upgrade")
        runs.append(run)
        if not args.json:
            print_summary(Steady(highlight=False), run, cost(run.folder))
        if run.state != "passed":
            left = work[number + 1 :]
            words = f"stopped at {name}; not touched: {', '.join(left) or 'none'}"
            Console(stderr=args.json, highlight=False).print(f"{words}; give the same command again to go on")
            break
        kept.forget(chosen.state_dir, name)
    if args.json:
        print(json.dumps([as_data(run, cost(run.folder)) for run in runs], indent=2))
    return exit_code(runs[-1])


def _data(one: Server, restart: str) -> dict[str, object]:
    return {
        "server": one.name,
        "updates": [vars(update) for update in one.updates],
        "restart": list(one.reboot) if restart != "never" else [],
        "begun": one.begun,
    }
