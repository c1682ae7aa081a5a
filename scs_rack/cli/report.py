"""`scs-rack report`: a run as a page."""

import argparse
from pathlib import Path

from scs_rack.cli.common import Commands, add_command, rack_dir, rack_option
from scs_rack.design import make_design
from scs_rack.engine import runs
from scs_rack.model.load import load_rack
from scs_rack.paths import state_dir
from scs_rack.report.html import write_report


def register(commands: Commands) -> None:
    """Add `report`."""
    parser = add_command(
        commands,
        "report",
        _report,
        "write a run's HTML report and print where it is",
        ("scs-rack report -r inventory/lab", "scs-rack report 12 -r inventory/lab -o report.html"),
    )
    rack_option(parser)
    parser.add_argument("run", metavar="RUN", nargs="?", help="name or number of the run (default: the last `up`)")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="where to write it (default: the run folder)")


def _report(args: argparse.Namespace) -> int:
    design = make_design(load_rack(rack_dir(args)))
    run = runs.find(state_dir(design.rack.name), args.run)
    print(write_report(run, design, args.output or run.folder / "report.html"))
    return 0
