"""`scs-rack cable list`: the planned cables as a table, as CSV, or as labels to print."""

import argparse
import csv
import io
import json
from pathlib import Path

from scs_rack.cli.common import Commands, add_command, json_option, rack_dir, rack_option
from scs_rack.cli.fleet import output, table
from scs_rack.design import Design, make_design
from scs_rack.design.tables import cables_csv
from scs_rack.engine.limit import limited
from scs_rack.errors import UsageError
from scs_rack.files import write_file
from scs_rack.model.load import load_rack
from scs_rack.report.labels import html_sheet, labels, text_sheet

SHOWN = ("a_device", "a_unit", "a_port", "a_cage", "b_device", "b_unit", "b_port", "b_cage", "speed", "use")
HEADS = ("device", "unit", "port", "cage", "device", "unit", "port", "cage", "speed", "use")


def register(verbs: Commands) -> None:
    """Add `list`."""
    parser = add_command(
        verbs,
        "list",
        _list,
        "print the cables that the rack file plans: a table, CSV, or labels for both ends of each cable",
        (
            "scs-rack cable list -r inventory/lab --limit leaf1",
            "scs-rack cable list -r inventory/lab --csv -o cables.csv",
            "scs-rack cable list -r inventory/lab --labels html -o labels.html",
        ),
    )
    rack_option(parser)
    parser.add_argument("--limit", metavar="PATTERN", help="only cables of these devices (Ansible's patterns)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print CSV, with VLANs")
    form.add_argument("--labels", choices=("html", "text"), help="print labels: a page for A4 (html), or text")
    json_option(form)  # type: ignore[arg-type]
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="write to this file instead")


def _list(args: argparse.Namespace) -> int:
    design = _limited(make_design(load_rack(rack_dir(args))), args)
    if args.labels:
        found = list(labels(design))
        text = html_sheet(design.rack.name, found) if args.labels == "html" else text_sheet(found)
    elif args.csv:
        text = cables_csv(design)
    elif args.json:
        text = json.dumps(list(csv.DictReader(io.StringIO(cables_csv(design)))), indent=2) + "\n"
    else:
        text = _table(design)
    if args.output is None:
        print(text, end="")
        return 0
    try:
        write_file(args.output, text, 0o644)
    except OSError as error:
        raise UsageError(f"can't write {args.output}: {error.strerror}", "name another file with -o") from error
    print(f"wrote {args.output}: {len(design.rack.cables)} cables")
    return 0


def _limited(design: Design, args: argparse.Namespace) -> Design:
    """The design with only the cables of the devices that the limit takes in."""
    limit = limited(design, args.limit)
    if limit is None:
        return design
    from dataclasses import replace

    cables = [cable for cable in design.rack.cables if {end.device for end in cable} & limit]
    return replace(design, rack=design.rack.model_copy(update={"cables": cables}))


def _table(design: Design) -> str:
    console = output()
    made = table(*HEADS)
    for row in csv.DictReader(io.StringIO(cables_csv(design))):
        made.add_row(*(row[column] for column in SHOWN))
    with console.capture() as capture:
        console.print(made)
    return capture.get()
