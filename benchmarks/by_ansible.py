"""The deployment by scs-rack: `up --to resources` on a rack that is off, and once more on the rack that is up."""

from typing import Any

import cpu
from racks import Failed, Rack

from scs_rack.engine import runs
from scs_rack.engine.runs import RunRecord
from scs_rack.report.tally import cost

MEASURED = ("base", "ceph", "platform", "cloud", "resources")
"""Stages that scripts do too; BMCs and switches are Python in scs-rack, and prepared by it for the scripts."""


def measure(rack: Rack) -> dict[str, Any]:
    """Bring the rack up twice.

    Raises:
        Failed: a run failed.
    """
    with cpu.Watch(rack.name) as watch:
        cold = rack.scs_rack("up", "--to", MEASURED[-1])
    first, manager = _run(rack), watch.manager()
    begin = first.stages["base"].started or 0.0
    end = max(first.stages[name].ended or 0.0 for name in MEASURED)
    second = rack.scs_rack("up", "--to", MEASURED[-1])
    again = _run(rack)
    spent = cost(first.folder)
    changed = sum(stage.outcome.changed for stage in again.stages.values())
    return {
        "lab_start": rack.lab_start,
        "stages": {name: first.stages[name].duration for name in MEASURED},
        "total": end - begin,
        "cpu_nodes": watch.nodes(begin, end),
        "cpu_manager": manager,
        "cold_up": cold,
        "second_up": second,
        "second_changed": changed,
        "second_stages": {name: stage.duration for name, stage in again.stages.items()},
        "tasks": spent.tasks,
        "task_hosts": spent.task_hosts,
        "by_playbook": spent.by_playbook,
        "slowest": [
            {"playbook": one.playbook, "task": one.task, "hosts": one.hosts, "seconds": one.seconds}
            for one in spent.slowest[:20]
        ],
    }


def _run(rack: Rack) -> RunRecord:
    found = runs.latest(rack.state)
    if found is None or found.state != "passed":
        raise Failed(f"no passed run in {rack.state / 'runs'}")
    return found
