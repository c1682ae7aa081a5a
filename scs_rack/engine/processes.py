"""Processes that a run started, found by a mark in their environment.

A mark survives what pid files don't: the death of the process that would have written them, and pids used again.
It is read from /proc (proc(5), `environ`).
"""

import os
import signal
import time
from pathlib import Path

MARK = "SCS_RACK_RUN"
"""Environment variable that holds the run folder; all children of a run inherit it."""


def marked(value: str, variable: str = MARK) -> list[int]:
    """Pids of other processes whose environment says `variable=value`."""
    wanted = f"{variable}={value}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:  # gone meanwhile, or another user's
            continue
        if wanted in environment and _alive(entry):
            found.append(int(entry.name))
    return found


def stop_marked(value: str, variable: str = MARK, patience: float = 5.0) -> int:
    """End all processes with this mark: SIGTERM, and SIGKILL to those left after `patience` seconds.

    Returns:
        How many there were.
    """
    pids = marked(value, variable)
    _signal(pids, signal.SIGTERM)
    deadline = time.monotonic() + patience
    left = pids
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = marked(value, variable)
    _signal(left, signal.SIGKILL)
    return len(pids)


def started(pid: int) -> str | None:
    """When a process started, in clock ticks since boot (proc(5), `stat` field 22); None if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]


def _alive(entry: Path) -> bool:
    stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
    return stat.rpartition(")")[2].split()[0] != "Z"


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
