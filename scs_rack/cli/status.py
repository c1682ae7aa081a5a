"""`scs-rack status`: how the last run went, or how far the one is that goes on."""

import argparse
import json
import time

from rich.console import Console

from scs_rack.cli import check
from scs_rack.cli.common import Commands, add_command, json_option, rack_dir, rack_option
from scs_rack.cli.order import exit_code
from scs_rack.design import make_design
from scs_rack.engine import runs
from scs_rack.engine.lock import Holder, holder
from scs_rack.engine.runs import RunRecord
from scs_rack.model.load import load_rack
from scs_rack.paths import state_dir
from scs_rack.report.summary import as_data, print_summary
from scs_rack.report.tally import cost
from scs_rack.report.terminal import Steady
from scs_rack.standstill import record


def register(commands: Commands) -> None:
    """Add `status`."""
    parser = add_command(
        commands,
        "status",
        _status,
        "show the last run and its stages, or the progress of the one that goes on",
        ("scs-rack status -r inventory/lab", "scs-rack status -r inventory/lab --check"),
    )
    rack_option(parser)
    parser.add_argument("--check", action="store_true", help="ask the gates now, as `scs-rack check` does")
    json_option(parser)


def _status(args: argparse.Namespace) -> int:
    if args.check:
        args.stages, args.limit = [], None
        return check.ask(args)
    state = state_dir(make_design(load_rack(rack_dir(args))).rack.name)
    run, holds, stopped = runs.latest(state), holder(state), record.read(state)
    live = holds if holds and holds.alive else None
    if run is not None and run.ended is None and live is None:
        run.state = "died"
    if args.json:
        data = {"run": run and as_data(run, cost(run.folder)), "held_by": live and vars(live)}
        print(json.dumps({**data, "stopped": stopped and stopped.since}, indent=2))
    else:
        if stopped:
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(stopped.since))
            print(f"stopped on {when} by `scs-rack stop`; `scs-rack start` brings it back")
        _show(Steady(highlight=False), run, live)
    return exit_code(run) if run and run.state in {"failed", "died"} else 0


def _show(console: Console, run: RunRecord | None, live: Holder | None) -> None:
    if live:
        console.print(f"held by {live}", soft_wrap=True)
    if run is None:
        console.print("no run yet: `scs-rack up` begins one")
        return
    print_summary(console, run, cost(run.folder))
    page = run.folder / "report.html"
    console.print(f"report: {page}" if page.is_file() else f"run folder: {run.folder}", soft_wrap=True)
    if run.state == "died":
        console.print("this run died before its end; `scs-rack up` goes on")
