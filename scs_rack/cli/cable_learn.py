"""`scs-rack cable learn`: write the cabling that is seen into the rack file."""

import argparse
import difflib
import re
from collections.abc import Iterable
from pathlib import Path

from scs_rack.cli.cable_words import exit_code, print_findings
from scs_rack.cli.common import Commands, add_command, rack_dir, rack_option
from scs_rack.design import Design, make_design
from scs_rack.engine.limit import limited
from scs_rack.engine.stage import Context
from scs_rack.files import write_file
from scs_rack.lab.namespace import enter
from scs_rack.model.fault import RackFaulty
from scs_rack.model.learn import Change, Pair, learn
from scs_rack.model.load import check_rack, rack_file
from scs_rack.model.uncabled import all_ports, load_uncabled
from scs_rack.paths import state_dir
from scs_rack.sonic.cabling import End, cables_seen, listen

Rank = tuple[int, list[tuple[int, str]]]


def register(verbs: Commands) -> None:
    """Add `learn`."""
    parser = add_command(
        verbs,
        "learn",
        _learn,
        "write the cables that are seen into a rack file that has none, or lacks some; comments and layout stay",
        (
            "scs-rack cable learn -r inventory/berlin-1 --dry-run",
            "scs-rack cable learn -r inventory/berlin-1",
            "scs-rack cable learn -r inventory/berlin-1 --replace",
        ),
        notes="Cables of the rack file that nobody sees stay. Cables that contradict what is seen are told, and\n"
        "nothing is written then, unless --replace is given.",
    )
    rack_option(parser)
    parser.add_argument("--limit", metavar="PATTERN", help="ask only these devices (Ansible's patterns)")
    parser.add_argument("-n", "--dry-run", action="store_true", help="show the difference and write nothing")
    parser.add_argument("--replace", action="store_true", help="change planned cables that are elsewhere")


def _learn(args: argparse.Namespace) -> int:
    folder = rack_dir(args)
    path = rack_file(folder)
    design = make_design(load_uncabled(folder))
    limit = limited(design, args.limit)
    text = path.read_text(encoding="utf-8")
    enter(design)
    state = state_dir(design.rack.name)
    ear = listen(Context(design, folder, state, state, {}, limit=limit))
    pairs, strangers = _pairs(design, cables_seen(ear.seen, {}).mates)
    change = learn(text, pairs, replace=args.replace)
    print_findings(ear.findings)
    for one, other in strangers:
        print(f"left out: {one} to {other}, which the rack file does not have")
    _show(path, text, change)
    if change.text != text and not args.dry_run:
        write_file(path, change.text, path.stat().st_mode & 0o777)
    _say(path, change, dry=args.dry_run)
    if args.dry_run:
        return exit_code(ear.findings)
    _, faults = check_rack(path)
    if faults:
        raise RackFaulty(str(path), faults)
    return exit_code(ear.findings)


def _pairs(design: Design, mates: dict[End, End]) -> tuple[list[Pair], list[Pair]]:
    """Cables whose both ends the rack file has, the server's end first; and the others."""
    order = {name: number for number, name in enumerate([*design.nodes, "manager", *design.switches])}
    ports = all_ports(design.rack)
    known: dict[Pair, Rank] = {}
    strangers: list[Pair] = []
    for one, other in mates.items():
        pair = (":".join(one), ":".join(other))
        if one in ports and other in ports:
            if _rank(one, order) < _rank(other, order):
                known[pair] = _rank(one, order)
        elif one in ports:
            strangers.append(pair)
    return sorted(known, key=lambda pair: known[pair]), sorted(strangers)


def _rank(end: End, order: dict[str, int]) -> Rank:
    """Order of devices as in the rack file; of ports by their numbers."""
    words = [(int(part), "") if part.isdigit() else (-1, part) for part in re.findall(r"\d+|\D+", end[1])]
    return order[end[0]], words


def _show(path: Path, before: str, change: Change) -> None:
    lines: Iterable[str] = difflib.unified_diff(
        before.splitlines(keepends=True), change.text.splitlines(keepends=True), str(path), f"{path} (seen)", n=1
    )
    for line in lines:
        print(line, end="" if line.endswith("\n") else "\n")


def _say(path: Path, change: Change, *, dry: bool) -> None:
    counts = f"{len(change.added)} cables added, {len(change.replaced)} replaced, {len(change.removed)} removed"
    if not (change.added or change.replaced or change.removed):
        print(f"{path} has all cables that are seen")
    else:
        print(f"{path}: {counts}" + ("; nothing was written (dry run)" if dry else ""))
