"""What Ansible cost in a run: tasks, tasks × hosts, and the slowest tasks, from the profiles in the run folder."""

import json
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class TaskCost:
    """One task on all its hosts."""

    playbook: str
    task: str
    hosts: int
    seconds: float
    changed: int


@dataclass
class Cost:
    """All playbooks of a run together."""

    tasks: int = 0
    task_hosts: int = 0
    by_role: dict[str, int] = field(default_factory=dict)
    by_playbook: dict[str, int] = field(default_factory=dict)
    """Tasks × hosts."""
    slowest: list[TaskCost] = field(default_factory=list)
    """All tasks, the slowest first."""


def cost(run_dir: Path) -> Cost:
    """Add up the profiles of a run; zeros when no playbook ran."""
    total = Cost()
    for path in sorted(run_dir.glob("ansible/*/profile.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        tally, playbook = content["tally"], path.parent.name
        total.tasks += tally["tasks"]
        total.task_hosts += tally["task_hosts"]
        total.by_playbook[playbook] = tally["task_hosts"]
        for role, count in tally["by_role"].items():
            total.by_role[role] = total.by_role.get(role, 0) + count
        total.slowest += [TaskCost(playbook, **task) for task in content["tasks"]]
    total.slowest.sort(key=lambda one: -one.seconds)
    return total
