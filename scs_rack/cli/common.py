"""What all commands share: the rack option, loading it, and help that ends with examples."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scs_rack.errors import UsageError

Commands = Any  # argparse's _SubParsersAction is private
Handler = Callable[[argparse.Namespace], int]


def add_command(
    commands: Commands, name: str, handler: Handler, summary: str, examples: tuple[str, ...], *, notes: str = ""
) -> argparse.ArgumentParser:
    """Add a command with its one-line summary and at least two examples; returns its parser for more options.

    `notes` are lines of up to 100 letters that stand below the options.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=(notes and notes + "\n\n") + "examples:\n" + "\n".join(f"  {line}" for line in examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(handler=handler)
    return parser


def add_noun(commands: Commands, name: str, summary: str) -> Commands:
    """Add a noun (`lab`, `bmc`, …) and return where its verbs are added."""
    parser = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
    return parser.add_subparsers(dest="verb", metavar="VERB", required=True)


def rack_option(parser: argparse.ArgumentParser) -> None:
    """Add `-r/--rack`."""
    parser.add_argument(
        "-r",
        "--rack",
        metavar="DIR",
        default=os.environ.get("SCS_RACK"),
        help="folder with rack.yml, or the file itself (default: $SCS_RACK)",
    )


def json_option(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="print JSON for machines")


def rack_dir(args: argparse.Namespace) -> Path:
    """Folder of the rack file that was named.

    Raises:
        UsageError: none was named, or there is no rack.yml.
    """
    if not args.rack:
        raise UsageError("no rack named", "use -r DIR or set SCS_RACK, e.g. -r inventory/lab")
    path = Path(args.rack)
    if path.is_file():
        path = path.parent
    if not (path / "rack.yml").is_file():
        raise UsageError(f"no rack.yml in {path}", "`scs-rack init NAME` writes one to start from")
    return path.resolve()
