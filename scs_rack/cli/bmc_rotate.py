"""`scs-rack bmc rotate`: a new password of its own for each BMC."""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from scs_rack import vault
from scs_rack.bmc import Fleet, Target
from scs_rack.bmc.errors import BmcError, NoAnswer
from scs_rack.bmc.rotate import STEP, names, rotate
from scs_rack.bmc.stream import stream
from scs_rack.cli import fleet
from scs_rack.cli.bmc_common import confirm, yes_option
from scs_rack.cli.common import Commands, add_command, rack_dir
from scs_rack.design import make_design
from scs_rack.errors import UsageError
from scs_rack.model.load import load_rack
from scs_rack.results import Result

_AT_ONCE = 16
"""BMCs in work at the same time: each of them writes to the vault twice."""


def register(verbs: Commands) -> None:
    """Add the verb."""
    parser = add_command(
        verbs,
        "rotate",
        rotate_all,
        "give each BMC a new password of its own, generated, checked by a login, and kept in the vault",
        (
            "scs-rack bmc rotate -r inventory/lab",
            "scs-rack bmc rotate node7 node8 -r inventory/berlin-1 --first factory-password.txt",
        ),
    )
    fleet.fleet_options(parser)
    parser.add_argument(
        "--first",
        metavar="FILE",
        type=Path,
        help="first login: file with the factory password of those chosen servers that the vault has none of",
    )
    yes_option(parser)


def rotate_all(args: argparse.Namespace) -> int:
    """Rotate, one line a BMC as soon as it is done."""
    if args.first:
        _store_first(args)
    which = fleet.call(args)
    if not args.yes:
        confirm("set new passwords", [target.name for target in which.targets])
    results: list[Result] = []
    codes = {0}
    for result, code in _rotated(which):
        results.append(result)
        codes.add(code)
        if not args.json:
            print(f"{result.device}: {result.error or f'changed, {result.diff}'}", flush=True)
            for finding in result.findings:
                print(f"  {finding.severity}: expected {finding.expected}, seen: {finding.seen}")
    if args.json:
        print(json.dumps([asdict(result) for result in results], indent=2))
    return 1 if 1 in codes else max(codes)


def _rotated(which: fleet.Call) -> Iterator[tuple[Result, int]]:
    """Result and exit code of each BMC."""
    known = vault.load(which.rack_dir)

    def keep(changes: Mapping[str, str | None]) -> None:
        vault.change(which.rack_dir, changes)

    async def one(calling: Fleet, target: Target, door: asyncio.Semaphore) -> tuple[Result, int]:
        async with door:
            try:
                result = await rotate(calling, target, known.get(names(target.name)[1]), keep)
            except BmcError as error:
                code = 3 if isinstance(error, NoAnswer) else 1
                words = f"{error.message} ({error.hint})" if error.hint else error.message
                return Result(target.name, STEP, error=words), code
            return result, 1 if result.error else 0

    async def results() -> AsyncIterator[tuple[Result, int]]:
        door = asyncio.Semaphore(_AT_ONCE)
        async with which.fleet() as calling:
            for next_one in asyncio.as_completed([one(calling, target, door) for target in which.targets]):
                yield await next_one

    return stream(results)


def _store_first(args: argparse.Namespace) -> None:
    """Put the factory password into the vault for chosen servers that it has none of.

    Raises:
        UsageError: the file can't be read, or others may read it.
    """
    try:
        password = args.first.read_text(encoding="utf-8").strip()
        mode = args.first.stat().st_mode
    except OSError as error:
        raise UsageError(f"{args.first}: {error.strerror}") from error
    if mode & 0o077:
        raise UsageError(f"{args.first} may be read by others", f"chmod 600 {args.first}")
    if not password or "\n" in password:
        raise UsageError(f"{args.first} holds no password", "write it on one line")
    folder = rack_dir(args)
    known = vault.load(folder)
    servers = args.servers or list(make_design(load_rack(folder)).nodes)
    missing = {f"bmc_{name}": password for name in servers if f"bmc_{name}" not in known}
    vault.change(folder, missing)
