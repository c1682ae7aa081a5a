"""The results as text for people."""

from typing import Any

from by_ansible import MEASURED

AIM = 1.3


def table(results: dict[str, Any]) -> str:
    """All that was measured, a line each."""
    shell, ansible = results.get("shell"), results.get("ansible")
    lines = [f"{'stage':<12}{'shell':>10}{'scs-rack':>10}{'ratio':>8}"]
    lines += [_row(stage, _of(shell, stage), _of(ansible, stage)) for stage in MEASURED]
    lines.append(_row("in all", shell and shell["total"], ansible and ansible["total"]))
    for name, words in (("cpu_nodes", "CPU nodes"), ("cpu_manager", "CPU manager")):
        lines.append(_row(words, shell and shell[name], ansible and ansible[name]))
    lines.append(f"(ceph and platform run side by side in both; the aim is {AIM} in all)")
    starts = [one["lab_start"] for one in (shell, ansible) if one]
    lines.append(f"lab start: {' and '.join(f'{seconds:.1f} s' for seconds in starts)}")
    if ansible:
        cold, second, changed = ansible["cold_up"], ansible["second_up"], ansible["second_changed"]
        part = f"{second / cold:.2f} of the first, {changed} changes"
        counts = ", ".join(f"{name} {count}" for name, count in ansible["by_playbook"].items())
        lines += [
            f"up --to resources: {cold:.1f} s from cold, {second:.1f} s the second time ({part})",
            f"Ansible: {ansible['tasks']} tasks, {ansible['task_hosts']} tasks × hosts ({counts})",
            "slowest tasks:",
            *(f"  {one['seconds']:6.1f} s  {one['playbook']}: {one['task']}" for one in ansible["slowest"][:12]),
        ]
    return "\n".join(lines)


def _of(way: dict[str, Any] | None, stage: str) -> float | None:
    return way["stages"][stage] if way else None


def _row(name: str, shell: float | None, ansible: float | None) -> str:
    def seconds(value: float | None) -> str:
        return f"{value:.1f} s" if value is not None else "-"

    ratio = f"{ansible / shell:.2f}" if shell and ansible else "-"
    return f"{name:<12}{seconds(shell):>10}{seconds(ansible):>10}{ratio:>8}"
