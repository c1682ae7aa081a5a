"""What is printed when a run is over: the table of stages, what failed, and where to read more."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scs_rack.engine.runs import RunRecord, StageRecord
from scs_rack.report.tally import Cost
from scs_rack.report.terminal import STYLES, duration


def print_summary(console: Console, run: RunRecord, cost: Cost) -> None:
    """Print the table of stages with time, changes and gate."""
    table = Table(title=f"run {run.name}: {run.state} after {duration(run.duration)}", title_justify="left")
    for title, justify in (
        ("stage", "left"),
        ("result", "left"),
        ("time", "right"),
        ("steps", "right"),
        ("changed", "right"),
        ("gate", "left"),
    ):
        table.add_column(title, justify="right" if justify == "right" else "left")
    for stage in run.stages.values():
        sign, style = STYLES[stage.state]
        waiting = stage.started is None
        table.add_row(
            stage.name,
            Text(f"{sign} {stage.state}", style),
            "" if waiting else duration(stage.duration),
            "" if waiting else str(len(stage.results)),
            "" if waiting else str(stage.outcome.changed),
            gate_word(stage),
        )
    console.print(table)
    for stage in run.stages.values():
        for line in faults(stage):
            console.print(Text(f"  {line}"), soft_wrap=True)
    if cost.task_hosts:
        console.print(Text(f"Ansible: {cost.tasks} tasks, {cost.task_hosts} tasks × hosts", "dim"))


def gate_word(stage: StageRecord) -> str:
    """What a stage's gate said, in a word or two."""
    if stage.state in {"passed", "verified"}:
        warnings = sum(finding.severity == "warning" for finding in stage.gate)
        return f"passed, {warnings} warnings" if warnings else "passed"
    if stage.state == "running" and stage.results:
        return f"last step {stage.results[-1].device}: {stage.results[-1].step}"
    if stage.state in {"waiting", "running", "gate"}:
        return "is asked now" if stage.state == "gate" else ""
    errors = sum(finding.severity == "error" for finding in stage.gate)
    return f"{errors} findings" if errors else "not asked"


def faults(stage: StageRecord) -> list[str]:
    """Errors of a stage and findings of its gate, a line each."""
    lines = [f"{stage.name}: {one.device}: {one.step}: {one.error}" for one in stage.results if one.error]
    for finding in stage.gate:
        if finding.severity != "info":
            hint = f" → {finding.hint}" if finding.hint else ""
            seen = f"expected {finding.expected}, saw {finding.seen}{hint}"
            lines.append(f"{stage.name}: {finding.severity}: {finding.type} at {finding.where}: {seen}")
    if stage.state == "blocked":
        lines.append(f"{stage.name}: {stage.reason}")
    return lines


def as_data(run: RunRecord, cost: Cost) -> dict[str, Any]:
    """A run for machines."""
    return {
        "run": run.name,
        "purpose": run.purpose,
        "state": run.state,
        "seconds": round(run.duration, 2),
        "folder": str(run.folder),
        "changed": sum(stage.outcome.changed for stage in run.stages.values()),
        "ansible": {"tasks": cost.tasks, "task_hosts": cost.task_hosts, "by_role": cost.by_role},
        "notes": run.notes,
        "stages": [
            {
                "stage": stage.name,
                "state": stage.state,
                "reason": stage.reason,
                "seconds": round(stage.duration, 2),
                "steps": len(stage.results),
                "changed": stage.outcome.changed,
                "errors": [
                    {"device": one.device, "step": one.step, "error": one.error} for one in stage.results if one.error
                ],
                "findings": [vars(finding) for finding in stage.gate],
            }
            for stage in run.stages.values()
        ],
    }
