"""From ansible-runner's events to our results, the tally of tasks, and where the time went."""

import difflib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from scs_rack.results import Result, Tally

Event = dict[str, Any]

DONE = {"runner_on_ok", "runner_on_failed", "runner_on_unreachable", "runner_on_skipped"}
"""Events that end a task on a host."""
_HIDDEN = "hidden by no_log"
_LONGEST_DIFF = 20_000


@dataclass
class TaskTime:
    """What one task cost, on all hosts together."""

    task: str
    hosts: int = 0
    seconds: float = 0.0
    """From the task's first start to its last end: hosts work side by side."""
    changed: int = 0
    started: float = 0.0


@dataclass
class Collector:
    """Turns events into results as they come."""

    emit: Callable[[Result], None]
    clock: Callable[[], float]
    results: list[Result] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    tasks: dict[str, TaskTime] = field(default_factory=dict)
    stats: Event | None = None
    pid: int | None = None
    """Process of ansible-playbook."""
    last_words: list[str] = field(default_factory=list)
    """Warnings and errors that belong to no host."""

    def take(self, event: Event) -> bool:
        """Take one event; returns whether it is worth keeping in the run folder."""
        kind, data = event.get("event", ""), event.get("event_data") or {}
        self.pid = self.pid or event.get("pid")
        if kind in {"playbook_on_task_start", "playbook_on_handler_task_start"}:
            self._start(data)
        elif kind in DONE:
            self._done(kind, data, str(event.get("stdout") or ""))
        elif kind == "playbook_on_stats":
            self.stats = data
        elif kind in {"error", "warning", "verbose", "system_warning"} and event.get("stdout"):
            self.last_words = [*self.last_words, str(event["stdout"])][-20:]
        return kind in DONE or kind == "playbook_on_stats"

    def finished(self) -> list[Result]:
        """All results; a failure that the play rescued is none."""
        if self.stats is None:
            return self.results
        failed = {**self.stats.get("failures", {}), **self.stats.get("dark", {})}
        return [replace(one, error=None) if one.error and one.device not in failed else one for one in self.results]

    def write(self, path: Path) -> None:
        """Keep tally and times: the slowest task first."""
        tasks = sorted(self.tasks.values(), key=lambda task: -task.seconds)
        content = {
            "tally": asdict(self.tally),
            "tasks": [
                {"task": one.task, "hosts": one.hosts, "seconds": round(one.seconds, 3), "changed": one.changed}
                for one in tasks
            ],
        }
        path.write_text(json.dumps(content, indent=1), encoding="utf-8")

    def _start(self, data: Event) -> None:
        time = self.tasks.setdefault(str(data.get("task_uuid")), TaskTime(_title(data)))
        time.started = time.started or self.clock()

    def _done(self, kind: str, data: Event, shown: str) -> None:
        result = _result(kind, data, shown)
        role = str(data.get("role") or "playbook")
        self.tally.task_hosts += 1
        self.tally.by_role[role] = self.tally.by_role.get(role, 0) + 1
        self.tally.changed += result.changed
        time = self.tasks.setdefault(str(data.get("task_uuid")), TaskTime(_title(data), started=self.clock()))
        time.hosts += 1
        time.seconds = self.clock() - time.started
        time.changed += result.changed
        self.tally.tasks = sum(one.hosts > 0 for one in self.tasks.values())
        if kind != "runner_on_skipped":
            self.results.append(result)
            self.emit(result)


def _title(data: Event) -> str:
    role, task = data.get("role"), str(data.get("task") or data.get("task_action") or "task")
    return f"{role} : {task}" if role and not task.startswith(f"{role} : ") else task


def _result(kind: str, data: Event, shown: str) -> Result:
    answer = data.get("res")
    res: Event = answer if isinstance(answer, dict) else {}
    error = None
    if kind == "runner_on_unreachable":
        error = f"unreachable: {_message(res)}"
    elif kind == "runner_on_failed" and not data.get("ignore_errors"):
        error = _message(res)
    return Result(
        device=str(data.get("host", "")),
        step=_title(data),
        changed=_changed(res, shown) and error is None,
        diff="" if _censored(res) else diff_text(res),
        duration=float(data.get("duration") or 0.0),
        error=error,
    )


def _changed(res: Event, shown: str) -> bool:
    """Under no_log ansible-runner hides the whole answer, `changed` too; Ansible's own line still says it."""
    if _censored(res):
        return any(line.startswith("changed: [") for line in shown.splitlines())
    return bool(res.get("changed"))


def _censored(res: Event) -> bool:
    return bool(res.get("censored") or res.get("_ansible_no_log"))


def _message(res: Event) -> str:
    """Why a task failed, as its author and the command say it."""
    if _censored(res):
        return _HIDDEN
    parts = [str(res.get("msg") or "").strip()]
    parts += [str(res.get(key) or "").strip()[-1500:] for key in ("stderr", "module_stderr")]
    items = res.get("results")
    if isinstance(items, list):
        failed = [one for one in items if isinstance(one, dict) and one.get("failed")]
        parts += [f"{one.get('item', '')}: {_message(one)}" for one in failed[:5]]
    if not any(parts[1:]):
        parts.append(str(res.get("stdout") or "").strip()[-1500:])
    return "\n".join(dict.fromkeys(part for part in parts if part)) or "failed without a message"


def diff_text(res: Event) -> str:
    """The diff that a module returned, as text."""
    found = res.get("diff")
    entries = found if isinstance(found, list) else [found]
    texts = [_one_diff(entry) for entry in entries if isinstance(entry, dict)]
    if isinstance(res.get("results"), list):
        texts += [diff_text(one) for one in res["results"] if isinstance(one, dict) and not _censored(one)]
    return "\n".join(text for text in texts if text)[:_LONGEST_DIFF]


def _one_diff(entry: Event) -> str:
    if entry.get("prepared"):
        return str(entry["prepared"]).rstrip("\n")
    before, after = _lines(entry.get("before")), _lines(entry.get("after"))
    names = str(entry.get("before_header") or "before"), str(entry.get("after_header") or "after")
    return "\n".join(difflib.unified_diff(before, after, *names, lineterm=""))


def _lines(value: object) -> list[str]:
    if value is None:
        return []
    text = value if isinstance(value, str) else json.dumps(value, indent=1, sort_keys=True)
    return text.splitlines()
