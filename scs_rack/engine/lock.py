"""One run at a time holds a rack.

The lock is flock(2) on a file in the state folder: the kernel drops it when the holder dies, however that happens.
What stands in the file says who holds it, or who did and never said goodbye.
"""

import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from scs_rack.engine.processes import started
from scs_rack.errors import RackLocked

FILE = "lock"


@dataclass(frozen=True)
class Holder:
    """Who holds a rack."""

    pid: int
    host: str
    command: str
    since: float
    """Unix time."""
    ticks: str
    """Start of the process in clock ticks since boot: tells it from a later one with the same pid."""
    run: str = ""
    """Name of the run's folder."""

    @property
    def alive(self) -> bool:
        """False when the process is known to be gone; one on another host counts as alive."""
        return self.host != socket.gethostname() or started(self.pid) == self.ticks

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"pid {self.pid} on {self.host} since {since}: {self.command}"


@dataclass(frozen=True)
class Lock:
    """A rack that is held."""

    handle: int
    me: Holder
    before: Holder | None
    """The holder before us when it died without letting go."""

    def name_run(self, run: str) -> None:
        """Say which run we hold the rack for."""
        _write(self.handle, json.dumps(asdict(replace(self.me, run=run))))


@contextmanager
def hold(state_dir: Path) -> Iterator[Lock]:
    """Hold the rack.

    Raises:
        RackLocked: another run holds it.
    """
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(state_dir / FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RackLocked(
                f"rack {state_dir.name} is held by {holder(state_dir) or 'another run'}",
                "wait for it (`scs-rack status` shows how far it is), or stop it with Ctrl-C",
            ) from None
        me = Holder(os.getpid(), socket.gethostname(), command_line(), time.time(), started(os.getpid()) or "")
        lock = Lock(handle, me, holder(state_dir))
        lock.name_run("")
        yield lock
        _write(handle, "")
    finally:
        os.close(handle)


def holder(state_dir: Path) -> Holder | None:
    """Who the lock file names, alive or dead; None when the last one let go."""
    try:
        text = (state_dir / FILE).read_text(encoding="utf-8")
        return Holder(**json.loads(text)) if text else None
    except (OSError, ValueError, TypeError):
        return None


def _write(handle: int, text: str) -> None:
    os.ftruncate(handle, 0)
    os.pwrite(handle, text.encode(), 0)
    os.fsync(handle)


def command_line() -> str:
    """What we were called with, for people."""
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
