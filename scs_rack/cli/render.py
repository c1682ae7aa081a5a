"""`scs-rack render`: all that follows from a rack file, as files."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from scs_rack.cli.common import Commands, add_command, json_option, rack_dir, rack_option


def register(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "render",
        render,
        "write all that follows from a rack file: inventory, switch configurations, cables, addresses, elevation",
        ("scs-rack render -r inventory/lab -o out", "scs-rack render -r inventory/example -o out --json"),
    )
    rack_option(parser)
    parser.add_argument("-o", "--output", metavar="DIR", required=True, type=Path, help="folder to write to")
    json_option(parser)


def render(args: argparse.Namespace) -> int:
    """Load, derive, write.

    1. Read the rack file; all faults at once.
    2. Derive everything in memory: inventory.json, cables.csv, addresses.csv, rack.svg, and for each switch
       switches/NAME/config_db.json, with frr.conf where its release wants one and host.sh for what has no table.
    3. Replace the files of this rack in the folder, remove those of switches that are gone, leave all others alone.
    """
    from scs_rack.design import make_design
    from scs_rack.model.fault import count
    from scs_rack.model.load import load_rack
    from scs_rack.report.files import rendered, write_files

    design = make_design(load_rack(rack_dir(args)))
    written = write_files(args.output, design.rack.name, rendered(design))
    if args.json:
        print(json.dumps({"folder": str(args.output), **asdict(written)}, indent=2))
        return 0
    for name in written.changed:
        print(f"wrote {args.output / name}")
    for name in written.removed:
        print(f"removed {args.output / name}")
    if written.unchanged:
        print(f"{count(len(written.unchanged), 'file')} had that content already")
    return 0
