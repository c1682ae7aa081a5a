"""`scs-rack plan`: what `up` would change."""

import argparse
import json
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from scs_rack.cli.common import Commands, add_command, json_option, rack_option
from scs_rack.cli.order import ordered, range_options
from scs_rack.engine.foresee import Forecast, foresee
from scs_rack.report.terminal import Steady
from scs_rack.results import Change

CHANGES = 2
"""Exit code of `--detailed-exitcode` when something would change."""


def register(commands: Commands) -> None:
    """Add `plan`."""
    parser = add_command(
        commands,
        "plan",
        _plan,
        "show what `up` would change, layer by layer; changes nothing",
        (
            "scs-rack plan -r inventory/lab",
            "scs-rack plan -r inventory/lab --to ceph --limit node1 --detailed-exitcode",
        ),
    )
    rack_option(parser)
    range_options(parser)
    parser.add_argument("--no-diff", dest="diff", action="store_false", help="leave the diffs out")
    parser.add_argument("--detailed-exitcode", action="store_true", help=f"exit {CHANGES} when something would change")
    json_option(parser)


def _plan(args: argparse.Namespace) -> int:
    quiet = Console(stderr=True, highlight=False)
    with ordered(args) as order, quiet.status("asking the devices") as status:
        forecast = foresee(order, lambda stage: status.update(f"planning {stage}"))
    if args.json:
        print(json.dumps({"folder": str(forecast.folder), "layers": as_data(forecast)}, indent=2))
    else:
        show(Steady(highlight=False), forecast, diff=args.diff)
    if forecast.errors:
        return 1
    return CHANGES if args.detailed_exitcode and forecast.changes else 0


def show(console: Console, forecast: Forecast, *, diff: bool) -> None:
    """Print what would change, stage by stage."""
    for layer in forecast.layers:
        for stage in layer:
            if stage.error:
                console.print(Text(f"{stage.stage}: can't be planned: {stage.error}", "bold red"), soft_wrap=True)
                continue
            count = f"{len(stage.changes)} changes" if stage.changes else "nothing to do"
            console.print(Text(f"{stage.stage}: {count}", "bold"))
            for change in stage.changes:
                console.print(Text(f"  {change.device}: {change.summary}"), soft_wrap=True)
                if diff:
                    _show_diff(console, change)
    devices = len({change.device for change in forecast.changes})
    console.print(f"{len(forecast.changes)} changes on {devices} devices; nothing was changed")


def _show_diff(console: Console, change: Change) -> None:
    styles = {"+": "green", "-": "red", "@": "cyan"}
    for line in change.diff.splitlines():
        console.print(Text(f"    {line}", styles.get(line[:1], "dim")), soft_wrap=True)


def as_data(forecast: Forecast) -> list[list[dict[str, object]]]:
    """The same for machines."""
    return [
        [
            {"stage": one.stage, "error": one.error or None, "changes": [asdict(change) for change in one.changes]}
            for one in layer
        ]
        for layer in forecast.layers
    ]
