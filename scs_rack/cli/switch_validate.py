"""`scs-rack switch validate`: whether CONFIG_DBs are valid, of files or of what a rack file makes."""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scs_rack.cli.common import Commands, add_command, json_option, rack_dir, rack_option
from scs_rack.errors import ScsRackError, UsageError
from scs_rack.model.fault import count
from scs_rack.sonic.config_text import ConfigText, Unreadable, parse_config, read_config
from scs_rack.sonic.fault import Fault
from scs_rack.sonic.links import End, links_of
from scs_rack.sonic.rules.tools import rows, text
from scs_rack.sonic.validity import Verdict, enterprise_marks, masked, stated_release, verdicts, well_formed
from scs_rack.sonic.yang.models import Models

DEFAULT_RELEASE = "202505"
"""By whose models a file is judged that does not tell its release."""
FOLDER = "SCS_RACK_YANG_MODELS"
"""Environment variable with the folder of models, where `--models` is not given."""


@dataclass
class Judged:
    """A CONFIG_DB and what was said of it."""

    name: str
    release: str
    tables: Mapping[str, Any]
    text: ConfigText | None = None
    """Its file; None for what the rack file makes."""
    verdict: Verdict = field(default_factory=Verdict)
    remarks: list[str] = field(default_factory=list)


def add_validate(verbs: Commands) -> None:
    """Add the verb."""
    parser = add_command(
        verbs,
        "validate",
        validate,
        "check CONFIG_DBs by SONiC's YANG models and by rules that these lack, each switch and across them",
        (
            "scs-rack switch validate -r inventory/lab --models ~/yang-models",
            "scs-rack switch validate leaf1.json leaf2.json --release 202411 --models ~/yang-models",
            "scs-rack switch validate config_db.json -r inventory/lab --on leaf1",
        ),
    )
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        type=Path,
        help="config_db.json of a switch, - for standard input; without one: all switches of the rack file",
    )
    rack_option(parser)
    parser.add_argument(
        "--models",
        metavar="DIR",
        type=Path,
        help=f"folder with *.yang of one release, or with a folder for each (default: ${FOLDER}, else those taken from "
        "switches before)",
    )
    parser.add_argument(
        "--release",
        metavar="RELEASE",
        help=f"judge FILEs as of this release (default: the one that they tell, else {DEFAULT_RELEASE})",
    )
    parser.add_argument(
        "--on", metavar="SWITCH", help="take the models of this switch of the rack, and let it judge by a dry run too"
    )
    parser.add_argument(
        "--strict-tables",
        action="store_true",
        help="a table that the models don't know is an error, as for `config reload`",
    )
    json_option(parser)


def models_of(args: argparse.Namespace) -> Models:
    """Models as the operator names them.

    Raises:
        UsageError: there are none in the folder named.
    """
    stated = args.models or os.environ.get(FOLDER)
    return Models(Path(stated).expanduser() if stated else None)


def validate(args: argparse.Namespace) -> int:
    """Judge; 0 when nothing is wrong, 1 when something is, 2 when a file can't be read."""
    links: list[tuple[End, End]] | None = None
    unreadable: list[Unreadable] = []
    if args.files:
        judged, unreadable = _files(args.files, args.release)
    elif args.rack or not args.on:
        judged, links = _rack(args)
    objections = _dry_runs(args, judged) if args.on else {}
    models = models_of(args)
    missing = sorted({one.release for one in judged if args.models and models.path(one.release) is None})
    if missing:
        there = ", ".join(models.releases)
        raise UsageError(f"no YANG models of {', '.join(missing)} in {args.models}", f"there are those of {there}")
    found = verdicts(
        {one.name: one.tables for one in judged},
        {one.name: one.release for one in judged},
        models,
        links=links,
        strict_tables=args.strict_tables,
    )
    for one in judged:
        one.verdict = found[one.name]
        if one.text:
            one.verdict.faults[:0] = one.text.repeated
        one.verdict.faults += [Fault(line, kind="constraint") for line in objections.get(one.name, [])]
    _say(args, judged, unreadable, models)
    if unreadable:
        return Unreadable.exit_code
    return 1 if any(one.verdict.errors for one in judged) else 0


def _files(paths: Iterable[Path], release: str | None) -> tuple[list[Judged], list[Unreadable]]:
    judged: list[Judged] = []
    unreadable = []
    for path in paths:
        try:
            file = parse_config(sys.stdin.read(), "standard input") if str(path) == "-" else read_config(path)
        except Unreadable as error:
            unreadable.append(error)
            continue
        tables = well_formed(file.tables)
        name = text(rows(tables, "DEVICE_METADATA").get("localhost", {}), "hostname") or path.stem
        if any(one.name == name for one in judged):
            name = str(path)
        stated = stated_release(tables)
        one = Judged(name, release or stated or DEFAULT_RELEASE, file.tables, file)
        marks = enterprise_marks(tables)
        if marks:
            one.remarks.append(f"of an enterprise image ({', '.join(marks)}); judged as community {one.release}")
        elif release and stated and release != stated:
            one.remarks.append(f"says that it is of {stated}; judged as {release}")
        judged.append(one)
    return judged, unreadable


def _rack(args: argparse.Namespace) -> tuple[list[Judged], list[tuple[End, End]]]:
    from scs_rack.design import make_design
    from scs_rack.model.load import load_rack
    from scs_rack.sonic.generate import config_db
    from scs_rack.sonic.rows import stored

    design = make_design(load_rack(rack_dir(args)))
    judged = [Judged(name, switch.release, stored(config_db(design, name))) for name, switch in design.switches.items()]
    return judged, links_of(design)


def _dry_runs(args: argparse.Namespace, judged: Iterable[Judged]) -> dict[str, list[str]]:
    """Take the models of a switch, and let it judge what is for it (files: all)."""
    from scs_rack.cli.switch import devices
    from scs_rack.sonic.plan import dry_run
    from scs_rack.sonic.transport import Switch
    from scs_rack.sonic.yang.models import take_from_switch

    ctx = devices(args)
    if args.on not in ctx.design.switches:
        raise UsageError(f"no switch {args.on}", f"there are {', '.join(ctx.design.switches)}")
    switch = Switch(ctx, args.on)
    mine = [one for one in judged if one.text or one.name == args.on]
    try:
        take_from_switch(switch.ask, ctx.design.switches[args.on].release)
    except ScsRackError as error:
        if error.exit_code == 3:
            raise
        for one in mine:
            one.remarks.append(f"{args.on} gave no models: {error.message}")
    return {one.name: dry_run(switch, well_formed(one.tables)) for one in mine}


def _say(args: argparse.Namespace, judged: list[Judged], unreadable: list[Unreadable], models: Models) -> None:
    if args.json:
        report = [
            {
                "name": one.name,
                "file": one.text.name if one.text else None,
                "release": one.release,
                "valid": not one.verdict.errors,
                "judged_by_yang": one.verdict.by_models,
                "remarks": one.remarks,
                "faults": [
                    {"where": told.where, "line": one.text.line(fault) if one.text else None, **asdict(told)}
                    for fault in one.verdict.faults
                    for told in [masked(fault)]
                ],
            }
            for one in judged
        ]
        failed = [{"name": error.message, "valid": False, "error": error.message} for error in unreadable]
        print(json.dumps([*report, *failed], indent=2))
        return
    for error in unreadable:
        print(f"{error.message}{f' ({error.hint})' if error.hint else ''}")
    for one in judged:
        _say_one(one)
    silent = sorted({one.release for one in judged if not one.verdict.by_models})
    if silent:
        there = ", ".join(models.releases) or "none"
        print(
            f"not judged by YANG: no models of {', '.join(silent)} in {models.folder} (there: {there}); name a folder "
            "with --models DIR, or take those of a switch with -r RACK --on SWITCH"
        )


def _say_one(one: Judged) -> None:
    faults, errors = one.verdict.faults, len(one.verdict.errors)
    doubts = len(faults) - errors
    said = count(errors, "fault") if errors else "no fault found"
    if doubts:
        said += f", {count(doubts, 'warning')}"
    title = f"{one.text.name}: {one.name}" if one.text and one.text.name != one.name else one.name
    print(f"{title} ({one.release}): {said}")
    for remark in one.remarks:
        print(f"  note: {remark}")
    placed = [(one.text.line(fault) if one.text else None, fault) for fault in faults]
    alike = Counter(_alike(fault) for fault in faults)
    for line, fault in sorted(placed, key=lambda found: found[0] or 0):
        rows_alike = alike.pop(_alike(fault), 0)
        if not rows_alike:
            continue  # told with the first one
        place = f"line {line}: " if line else ""
        severity = "warning: " if fault.severity == "warning" else ""
        more = f", and in {count(rows_alike - 1, 'row')} more" if rows_alike > 1 else ""
        print(f"  {place}{severity}{masked(fault)}{more}{f' ({fault.hint})' if fault.hint else ''}")


def _alike(fault: Fault) -> Hashable:
    """What faults have in common that are told once: a field that no row of a table may have."""
    return (fault.table, fault.field, fault.message) if fault.kind == "schema" and fault.field else fault
