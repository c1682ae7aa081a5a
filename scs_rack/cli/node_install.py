"""`scs-rack node install`, `reinstall`, `inspect`, `burnin`, `compare`: by a server's BMC and the network."""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Sequence

from scs_rack.cli.common import Commands, add_command, json_option, rack_dir, rack_option
from scs_rack.cli.switch import print_findings
from scs_rack.design import make_design
from scs_rack.engine.signals import stoppable
from scs_rack.engine.stage import Context, Stop
from scs_rack.errors import Interrupted, UsageError
from scs_rack.lab.namespace import enter
from scs_rack.model.load import load_rack
from scs_rack.paths import state_dir
from scs_rack.prepare import prepare
from scs_rack.provision import inventory, records
from scs_rack.provision.install import Installer, Wish
from scs_rack.results import Result


def add_install(verbs: Commands) -> None:
    """Add the verbs."""
    parser = add_command(
        verbs,
        "install",
        _install,
        "install servers that are dark: boot them from the network and write their root disk, if it is empty",
        ("scs-rack node install node4 -r inventory/berlin1", "scs-rack node install node4 node5 node6"),
    )
    _servers(parser)
    parser = add_command(
        verbs,
        "reinstall",
        _reinstall,
        "write a server's root disk anew, whatever is installed there; asks for the server's name",
        (
            "scs-rack node reinstall node4 -r inventory/berlin1",
            "scs-rack node reinstall node4 --confirm node4 --wipe S5GXNX0T123456",
        ),
    )
    rack_option(parser)
    parser.add_argument("servers", metavar="NODE", nargs=1)
    parser.add_argument("--confirm", metavar="NODE", help="the server's name again, where nobody can be asked")
    parser.add_argument(
        "--wipe", metavar="SERIAL", action="append", default=[], help="a disk that may lose whatever it holds, OSDs too"
    )
    parser = add_command(
        verbs,
        "inspect",
        _inspect,
        "boot the ramdisk, collect what the server is made of, and write nothing",
        ("scs-rack node inspect node4 -r inventory/berlin1", "scs-rack node inspect node4 node5 --json"),
    )
    _servers(parser)
    json_option(parser)
    parser = add_command(
        verbs,
        "burnin",
        _burnin,
        "boot the ramdisk and load CPU, memory, disks without data, and the network between pairs of servers",
        ("scs-rack node burnin node4 node5 -r inventory/berlin1", "scs-rack node burnin node4 --seconds 3600 --json"),
    )
    _servers(parser)
    parser.add_argument(
        "--seconds", type=int, default=600, metavar="N", help="how long each part lasts, 1 to 86400 (default: 600)"
    )
    json_option(parser)
    parser = add_command(
        verbs,
        "compare",
        _compare,
        "show what is odd about one of several equal servers, from what their ramdisks told",
        ("scs-rack node compare node4 node5 node6", "scs-rack node compare -r inventory/berlin1 --json"),
    )
    rack_option(parser)
    parser.add_argument("servers", metavar="NODE", nargs="*", help="all that were looked at when none is named")
    json_option(parser)


def _servers(parser: argparse.ArgumentParser) -> None:
    rack_option(parser)
    parser.add_argument("servers", metavar="NODE", nargs="+")


def _context(args: argparse.Namespace, stop: Stop) -> Context:
    folder = rack_dir(args)
    design = make_design(load_rack(folder))
    unknown = [name for name in args.servers if name not in design.nodes]
    if unknown:
        raise UsageError(f"no server {', '.join(unknown)}", f"there are {', '.join(design.nodes)}")
    state = state_dir(design.rack.name)
    enter(design)
    return Context(design, folder, state, state, prepare(folder, state, design), stop=stop)


def _say(who: str, what: str, start: float) -> None:
    print(f"{time.monotonic() - start:7.1f} s  {who}: {what}", file=sys.stderr, flush=True)


def _run(args: argparse.Namespace, wish: Wish) -> tuple[list[Result], Installer]:
    stop, start = Stop(), time.monotonic()
    with stoppable(stop, lambda _: _say("stopping", "servers that are being written are left unfinished", start)):
        ctx = _context(args, stop)
        installer = Installer(ctx, dict.fromkeys(args.servers), wish, lambda who, what: _say(who, what, start))

        async def work() -> list[Result]:
            found = []
            async for result in installer.run():
                _say(result.device, result.error or f"{result.step}: done", start)
                found.append(result)
            return found

        results = asyncio.run(work())
    if stop.requested.is_set():
        raise Interrupted("stopped; a server that was being written can be installed again")
    return results, installer


def _told(results: Sequence[Result], *, json_too: bool = False) -> int:
    """Print findings and errors (to stderr where stdout is JSON); the exit code."""
    with contextlib.redirect_stdout(sys.stderr if json_too else sys.stdout):
        for result in results:
            print_findings(result.findings)
            if result.error:
                print(f"failed: {result.error}")
            elif result.changed:
                print(f"{result.device}: {result.diff}")
    errors = (result.error or [one for one in result.findings if one.severity == "error"] for result in results)
    return 1 if any(errors) else 0


def _install(args: argparse.Namespace) -> int:
    design = make_design(load_rack(rack_dir(args)))
    done = [name for name in args.servers if records.installed(state_dir(design.rack.name), name)]
    for name in done:
        print(f"{name} is installed; it is left alone")
    args.servers = [name for name in args.servers if name not in done]
    return _told(_run(args, Wish())[0]) if args.servers else 0


def _reinstall(args: argparse.Namespace) -> int:
    name = args.servers[0]
    typed = args.confirm
    if typed is None:
        if not sys.stdin.isatty():
            raise UsageError(f"nobody can be asked whether {name} shall lose its root disk", f"--confirm {name}")
        typed = input(f"All that {name} has on its root disk will be lost. Type its name: ").strip()
    if typed != name:
        raise UsageError(f"{typed!r} is not {name}: nothing was done")
    return _told(_run(args, Wish(reinstall=frozenset({name}), wipe=frozenset(args.wipe)))[0])


def _inspect(args: argparse.Namespace) -> int:
    results, installer = _run(args, Wish(only_look=True))
    if args.json:
        print(json.dumps({name: inventory.plain(one) for name, one in installer.seen.items()}, indent=2))
    else:
        for name, one in installer.seen.items():
            print("\n".join(inventory.words(name, one)))
    return _told(results, json_too=args.json)


def _burnin(args: argparse.Namespace) -> int:
    if not 1 <= args.seconds <= 86400:
        raise UsageError(f"{args.seconds} seconds is no time for a part of a burn-in", "--seconds 600, from 1 to 86400")
    results, installer = _run(args, Wish(burn_s=args.seconds))
    if args.json:
        found = {
            name: {what: {"passed": passed, "seen": words} for what, (passed, words) in one.items()}
            for name, one in installer.burnt.items()
        }
        print(json.dumps(found, indent=2))
    else:
        for name, one in installer.burnt.items():
            for what, (passed, words) in one.items():
                print(f"{name}: {what}: {'passed' if passed else 'FAILED'}: {words}")
    return _told(results, json_too=args.json)


def _compare(args: argparse.Namespace) -> int:
    state = state_dir(load_rack(rack_dir(args)).name)
    known = inventory.kept(state)
    missing = [name for name in args.servers if name not in known]
    if missing:
        raise UsageError(f"nobody has looked at {', '.join(missing)}", "`scs-rack node inspect` does")
    chosen = {name: one for name, one in known.items() if name in args.servers or not args.servers}
    if len(chosen) < 2:
        raise UsageError("it takes two servers to compare", "`scs-rack node inspect` looks at more")
    odd = inventory.odd(chosen)
    if args.json:
        print(json.dumps([one.__dict__ for one in odd], indent=2))
    else:
        for one in odd:
            print(f"{one.server}: {one.what}: {one.seen}, where {one.others} of the others have {one.usual}")
        if not odd:
            print(f"{len(chosen)} servers are equal")
    return 1 if odd else 0
