"""What `up`, `plan` and `check` share: from the command line to an order for the engine."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scs_rack.cli.common import rack_dir
from scs_rack.design import make_design
from scs_rack.engine import runs
from scs_rack.engine.bring_up import Order
from scs_rack.engine.graph import named, select
from scs_rack.engine.limit import limited
from scs_rack.engine.listen import Listener
from scs_rack.engine.runs import RunRecord
from scs_rack.engine.signals import stoppable
from scs_rack.engine.stage import Stop
from scs_rack.errors import NotConformant, StageFailed
from scs_rack.lab.namespace import enter
from scs_rack.model.load import load_rack
from scs_rack.paths import state_dir
from scs_rack.report.terminal import Steady, progress
from scs_rack.results import Finding
from scs_rack.stages.registry import stages


def range_options(parser: argparse.ArgumentParser) -> None:
    """Add `--from`, `--to` and `--limit`."""
    parser.add_argument("--from", dest="first", metavar="STAGE", help="begin with this stage")
    parser.add_argument("--to", dest="last", metavar="STAGE", help="end with this stage")
    limit_option(parser)


def limit_option(parser: argparse.ArgumentParser) -> None:
    """Add `--limit`."""
    parser.add_argument(
        "--limit", metavar="PATTERN", help="only these devices (Ansible's patterns: names, groups, !, &)"
    )


@contextmanager
def ordered(args: argparse.Namespace) -> Iterator[Order]:
    """Load the rack, choose stages and devices, enter the lab where there is one, and take Ctrl-C."""
    folder = rack_dir(args)
    design = make_design(load_rack(folder))
    known = stages(design)
    chosen = named(known, args.stages) if hasattr(args, "stages") else select(known, args.first, args.last)
    limit = limited(design, args.limit)
    enter(design)
    stop = Stop()
    with stoppable(stop, _stopping):
        yield Order(
            design,
            folder,
            state_dir(design.rack.name),
            chosen,
            limit=limit,
            converge=getattr(args, "converge", False),
            stop=stop,
        )


@contextmanager
def watching(order: Order, *, json: bool) -> Iterator[Callable[[Path], Listener]]:
    """Progress on the terminal; on standard error when standard output is for machines."""
    console = Steady(stderr=json, highlight=False)
    with progress(console, order.stages, durations(order.state_dir)) as listener:
        yield lambda _run_dir: listener


def durations(state: Path) -> dict[str, float]:
    """How long each stage took when it last did its work in full."""
    found: dict[str, float] = {}
    for folder in reversed(runs.folders(state)[-10:]):
        run = runs.record(folder)
        if run and run.purpose == "up":
            for stage in run.stages.values():
                if stage.state == "passed":
                    found.setdefault(stage.name, stage.duration)
    return found


def exit_code(run: RunRecord) -> int:
    """The exit code that a run ends with (see `scs_rack.errors`)."""
    if run.state in {"passed", "interrupted"}:
        return 0 if run.state == "passed" else 130
    failed = [stage for stage in run.stages.values() if stage.state == "failed"]
    if [stage.name for stage in failed] == ["conformance"] and all(_about_suite(one) for one in failed[0].gate):
        return NotConformant.exit_code
    codes = {stage.code for stage in failed}
    return codes.pop() if len(codes) == 1 else StageFailed.exit_code


def _about_suite(finding: Finding) -> bool:
    return finding.severity != "error" or finding.type.startswith("scs-")


def _stopping(times: int) -> None:
    words = "stopping; Ctrl-C again kills what runs" if times == 1 else "killing what runs"
    os.write(sys.stderr.fileno(), f"\n{words}\n".encode())
