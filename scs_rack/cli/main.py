"""Entry of the command line: parse, call, and turn failures into messages and exit codes."""

import argparse
import importlib
import os
import signal
import sys

from scs_rack import __version__
from scs_rack.errors import ScsRackError

NOUNS: tuple[str, ...] = (
    "init",
    "schema",
    "validate",
    "render",
    "plan",
    "up",
    "stop",
    "start",
    "status",
    "check",
    "drift",
    "report",
    "switch",
    "cable",
    "lab",
    "image",
    "flavor",
    "secrets",
    "pki",
    "backup",
    "upgrade",
    "power",
    "bmc",
    "energy",
    "node",
    "disk",
    "manager",
)
"""Modules of this package that register commands, in the order of the help."""


def parser(argv: list[str] | None = None) -> argparse.ArgumentParser:
    """Build the parser of the whole command line, or only of the command that the arguments name: that is quicker."""
    top = argparse.ArgumentParser(
        prog="scs-rack",
        description="From a cabled rack to a proven Sovereign Cloud.",
        epilog="examples:\n  scs-rack validate -r inventory/lab\n  scs-rack up -r inventory/lab\n"
        "  scs-rack -s inventory/site up",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"scs-rack {__version__}")
    top.add_argument("-s", "--site", metavar="SITE", help="all racks of a site file, for up, plan, status and validate")
    top.add_argument("--racks", metavar="NAMES", help="with -s: only these, with commas between")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    named = [word for word in argv or () if not word.startswith("-")][:1]
    for noun in named if named and named[0] in NOUNS else NOUNS:
        importlib.import_module(f"scs_rack.cli.{noun}").register(commands)
    return top


def _called(words: list[str]) -> int:
    """Call what the words say, for one rack or for a site."""
    if not words or not words[0].startswith(("-s", "--")):
        args = parser(words).parse_args(words)
        return int(args.handler(args))
    from scs_rack.cli import site

    named, rest = site.take(words)
    args = parser(rest).parse_args(rest)
    return site.run(named, rest, args) if named else int(args.handler(args))


def main(argv: list[str] | None = None) -> int:
    """Run a command; returns the exit code (see `scs_rack.errors`)."""
    words = sys.argv[1:] if argv is None else argv
    try:
        code = _called(words)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except ScsRackError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  hint: {error.hint}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; nothing is lost: run the same command again to go on", file=sys.stderr)
        return 130
    return code
