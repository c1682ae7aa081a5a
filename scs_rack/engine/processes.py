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
_KILLING = 5.0
"""Seconds after which processes that SIGKILL did not end (they wait for a device) are left to the kernel."""


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
    pids = left = marked(value, variable)
    begun = time.monotonic()
    while left and time.monotonic() - begun < patience + _KILLING:
        # again and again: a process may have started another one meanwhile
        _signal(left, signal.SIGTERM if time.monotonic() - begun < patience else signal.SIGKILL)
        time.sleep(0.1)
        left = marked(value, variable)
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
