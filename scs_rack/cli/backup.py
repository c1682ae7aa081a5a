"""`scs-rack backup`: what makes a rack this rack, sealed, verified by a restore, and brought back."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from rich.console import Console

from scs_rack import vault
from scs_rack.backup import manager, shelf
from scs_rack.backup.sources import MANAGER, PARTS, WORDS
from scs_rack.cli.common import Commands, add_command, add_noun, json_option, rack_dir, rack_option
from scs_rack.cli.order import ordered
from scs_rack.cli.timer import Timer, add_timer
from scs_rack.design import make_design
from scs_rack.engine.bring_up import bury
from scs_rack.engine.lock import hold
from scs_rack.engine.stage import Context
from scs_rack.errors import StageFailed, UsageError
from scs_rack.model.load import load_rack
from scs_rack.paths import state_dir
from scs_rack.standstill import record

KEEP = 14
NIGHTLY = Timer(
    noun="backup",
    command=("backup", "create", "--verify", "--keep", str(KEEP)),
    service="Back the rack {rack} up, and verify it by a restore",
    timer="Back the rack {rack} up nightly",
    calendar="*-*-* 02:30",
    limit="6h",
    more=(
        "# a run that holds the rack fails it with 4; an hour later it is tried again",
        "Restart=on-failure",
        "RestartPreventExitStatus=1 2 3 130",
        "RestartSec=1h",
    ),
)
_PLACE = f"""\
Backups lie in ${shelf.VARIABLE}/RACK (name a folder of another machine there), else in `archives` of the rack's state.
They are sealed with a key of their own, which the vault's password opens: what is needed to come back is the
backup's folder and that password (docs/backup.md)."""


def register(commands: Commands) -> None:
    """Add `backup` with its verbs."""
    verbs = add_noun(commands, "backup", "what makes a rack this rack: sealed, verified by a restore, brought back")
    parts = "parts: " + "\n       ".join(f"{name:10} {words}" for name, words in WORDS.items())
    parser = add_command(
        verbs,
        "create",
        create,
        "take a backup of databases, OVN, Ceph's keys and store, switches, vault and runs, while the cloud serves",
        ("scs-rack backup create -r inventory/lab", "scs-rack backup create databases ovn --verify -r inventory/lab"),
        notes=f"{parts}\n\n{_PLACE}",
    )
    _common(parser)
    parser.add_argument("parts", metavar="PART", nargs="*", help="only these parts (default: all)")
    parser.add_argument(
        "--verify", action="store_true", help="verify it at once; one that is not good is told, and kept"
    )
    parser.add_argument("--keep", type=int, metavar="N", help="remove the oldest beyond N whole ones")
    parser = add_command(
        verbs,
        "list",
        list_all,
        "list backups, what is in them and how large they are",
        ("scs-rack backup list -r inventory/lab", "scs-rack backup list --json -r inventory/lab"),
    )
    _common(parser)
    parser = add_command(
        verbs,
        "verify",
        verify,
        "restore each part where it harms nobody: databases into a MariaDB of their own, OVN into an ovsdb-server, …",
        (
            "scs-rack backup verify -r inventory/lab",
            "scs-rack backup verify 20261123T023012 --on node3 -r inventory/lab",
        ),
    )
    _common(parser)
    parser.add_argument("name", metavar="NAME", nargs="?", help="see `backup list` (default: the newest)")
    parser.add_argument("--on", metavar="SERVER", help="server whose tools try it (default: a controller)")
    parser = add_command(
        verbs,
        "restore",
        restore,
        "bring parts of a backup back to a rack that stands; asks for the rack's name",
        (
            "scs-rack backup restore 20261123T023012 databases ovn -r inventory/lab",
            "scs-rack backup restore 20261123T023012 switches --yes-overwrite lab -r inventory/lab",
        ),
        notes="databases and ovn: what was written since is lost; the cloud's services stand still meanwhile.\n"
        "monitors: only when all of Ceph's are lost; made from what the OSDs know; data stays.",
    )
    _common(parser)
    parser.add_argument("name", metavar="NAME", help="see `backup list`")
    parser.add_argument(
        "parts", metavar="PART", nargs="+", help="monitors (of Ceph, all lost), ceph (keys), databases, ovn, switches"
    )
    parser.add_argument("--yes-overwrite", metavar="RACK", help="name of the rack, in place of the question")
    parser = add_command(
        verbs,
        "unpack",
        unpack,
        "unpack what the manager held: for a manager that is lost; needs no rack, only folder and vault password",
        (
            "scs-rack backup unpack /mnt/backups/berlin1/20261123T023012 --to /root/back",
            "SCS_RACK_VAULT_PASSWORD_FILE=/root/p scs-rack backup unpack DIR --to /root/back",
        ),
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="folder of the backup")
    parser.add_argument("--to", metavar="DIR", type=Path, required=True, help="folder to unpack to; must be empty")
    words = "have backups taken and verified every night by a timer of systemd on this machine"
    add_timer(verbs, NIGHTLY, words)


def _common(parser: argparse.ArgumentParser) -> None:
    rack_option(parser)
    json_option(parser)


@contextmanager
def _context(args: argparse.Namespace) -> Iterator[Context]:
    """Rack and state, for reading; Ctrl-C is a wish to stop."""
    args.first = args.last = args.limit = None
    with ordered(args) as order:
        secrets = vault.load(order.rack_dir)
        yield order.context(order.state_dir, secrets)


def create(args: argparse.Namespace) -> int:
    """Take one; 1 when a part could not be taken, or is not good."""
    from scs_rack.backup.take import take

    wrong = [name for name in args.parts if name not in PARTS]
    if wrong:
        raise UsageError(f"there is no part {', '.join(wrong)}", f"parts: {', '.join(PARTS)}")
    chosen = [name for name in PARTS if not args.parts or name in args.parts]
    with _context(args) as ctx:
        if record.read(ctx.state_dir) is not None:
            raise UsageError("the rack is stopped", "`scs-rack start` brings it back")
        folder, password = shelf.root(ctx.state_dir), vault.password(ctx.rack_dir)
        with hold(ctx.state_dir):
            bury(ctx.state_dir)
            begin = time.monotonic()
            made = take(ctx, folder, password, chosen, _say())
            took = time.monotonic() - begin
        verdicts = _verdicts(ctx, made, password, None, json=args.json) if args.verify else []
        good = not made.failed and all(one["good"] for one in verdicts)
        gone = shelf.prune(folder, args.keep) if args.keep and good else []
    if args.json:
        print(json.dumps({**_data(made), "seconds": round(took, 1), "verified": verdicts, "removed": gone}, indent=2))
    else:
        print(f"backup {made.name}: {_size(made)} in {took:.0f} s in {made.folder}")
    return 0 if good else StageFailed.exit_code


def list_all(args: argparse.Namespace) -> int:
    """List them."""
    found = shelf.all_of(shelf.root(state_dir(make_design(load_rack(rack_dir(args))).rack.name)))
    if args.json:
        print(json.dumps([_data(one) for one in found], indent=2))
        return 0
    for one in found:
        lacks = f"; lacks {', '.join(one.failed)}" if one.failed else ""
        print(f"{one.name:<18}{_size(one):>10}  {', '.join(part.name for part in one.parts)}{lacks}")
    if not found:
        print("there is no backup yet: `scs-rack backup create`")
    return 0


def verify(args: argparse.Namespace) -> int:
    """Try one; 1 when a part is not good."""
    with _context(args) as ctx:
        if args.on is not None and args.on not in ctx.design.in_service:
            raise UsageError(f"no server {args.on} in service", f"there are {', '.join(ctx.design.in_service)}")
        one = shelf.find(shelf.root(ctx.state_dir), args.name)
        verdicts = _verdicts(ctx, one, vault.password(ctx.rack_dir), args.on, json=args.json)
    if args.json:
        print(json.dumps({"backup": one.name, "parts": verdicts}, indent=2))
    return 0 if verdicts and all(each["good"] for each in verdicts) else StageFailed.exit_code


def _verdicts(
    ctx: Context, one: shelf.Backup, password: bytes, on: str | None, *, json: bool
) -> list[dict[str, object]]:
    from scs_rack.backup.verify import verify as tried

    console = Console(stderr=json, highlight=False)
    found: list[dict[str, object]] = []
    for verdict in tried(ctx, one, password, on):
        style = "green" if verdict.good else "red"
        words = f"{verdict.part}: {'good' if verdict.good else 'NOT GOOD'}: {verdict.words}"
        console.print(words, style=style, markup=False, soft_wrap=True)
        found.append(vars(verdict))
    return found


def restore(args: argparse.Namespace) -> int:
    """Bring parts back."""
    from scs_rack.backup import restore as back
    from scs_rack.days.tools import of

    with _context(args) as ctx:
        one = shelf.find(shelf.root(ctx.state_dir), args.name)
        names = back.chosen(one, args.parts)
        if one.rack != ctx.design.rack.name:
            raise UsageError(f"{one.name} is of the rack {one.rack}", "name the rack that it is of")
        _typed(args, ctx.design.rack.name, one, names)
        with hold(ctx.state_dir):
            bury(ctx.state_dir)
            back.restore(of(ctx), one, vault.password(ctx.rack_dir), names, _say())
    if args.json:
        print(json.dumps({"backup": one.name, "restored": names}))
    else:
        print(f"restored from {one.name}: {', '.join(names)}; `scs-rack up` brings accounts and services up to date")
    return 0


def _typed(args: argparse.Namespace, rack: str, one: shelf.Backup, names: list[str]) -> None:
    """Have the rack's name typed.

    Raises:
        UsageError: it was not.
    """
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.made))
    words = f"{', '.join(names)} of {rack} go back to {when}: what was written since is lost"
    given = args.yes_overwrite
    if given is None:
        if not sys.stdin.isatty():
            raise UsageError(f"{words}; nobody can be asked", f"add --yes-overwrite {rack}")
        given = input(f"{words}. Type the rack's name: ").strip()
    if given != rack:
        raise UsageError("nothing was done", f"the name of the rack is {rack}")


def unpack(args: argparse.Namespace) -> int:
    """Unpack the manager's part."""
    from scs_rack.backup.verify import Reader

    one = shelf.load(args.folder)
    if one.part(MANAGER) is None:
        raise UsageError(f"{one.name} does not hold what the manager had", "use another backup")
    if args.to.exists() and any(args.to.iterdir()):
        raise UsageError(f"{args.to} is not empty", "name a new folder")
    if vault.password_file(args.folder) is None:
        raise UsageError("no vault password", f"set {vault.PASSWORD_VARIABLES[0]} to a file or command that gives it")
    key = one.open(vault.password(args.folder))
    with one.content(key, MANAGER) as pieces:
        names = manager.unpack(cast("IO[bytes]", Reader(pieces)), args.to)
    print(
        f"{len(names)} files in {args.to}: `{manager.RACK}` is the folder of the rack file, `{manager.STATE}` its state"
    )
    print(f"  put {args.to / manager.STATE} to {state_dir(one.rack)}, and give the vault's password to scs-rack again")
    return 0


def _say() -> Callable[[str, str], None]:
    console = Console(stderr=True, highlight=False)

    def say(part: str, words: str) -> None:
        if words != "begun":
            console.print(f"{part}: {words}", markup=False, soft_wrap=True)

    return say


def _size(one: shelf.Backup) -> str:
    size = sum(part.size for part in one.parts)
    return f"{size / 2**20:.1f} MiB"


def _data(one: shelf.Backup) -> dict[str, object]:
    return {
        "name": one.name,
        "rack": one.rack,
        "made": one.made,
        "folder": str(one.folder),
        "parts": [{"name": part.name, "bytes": part.size, "from": part.host} for part in one.parts],
        "failed": dict(one.failed),
    }
