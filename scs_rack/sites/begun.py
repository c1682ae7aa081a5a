"""A run that was begun for a site: a process of its own, that goes on when the link to the site's machine is lost."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from fcntl import LOCK_EX, flock
from pathlib import Path

from scs_rack.engine import journal, runs
from scs_rack.engine.processes import started
from scs_rack.errors import StageFailed
from scs_rack.files import write_file
from scs_rack.sites.ticket import Ticket

FILE, LOG = "run.json", "run.log"
NEWEST = 5
"""Run folders among which a run is looked for; plans have some, too."""
LONGEST_WORDS = 4000
"""Letters of the log's end that are told."""


@dataclass(frozen=True)
class Begun:
    """What is written down of such a run, in `site/` of the rack's state."""

    ticket: str
    words: tuple[str, ...]
    digest: str
    since: float
    """Unix time."""
    pid: int = 0
    """Of the process that waits for the run's end and writes it down."""
    ticks: str = ""
    """Its start, in clock ticks since boot."""
    child: int = 0
    """Of the run itself."""
    child_ticks: str = ""
    code: int | None = None
    """Exit code of the run; None as long as it goes on, and for ever when it was killed."""

    @property
    def alive(self) -> bool:
        """True as long as somebody waits for its end."""
        return self.code is None and self.pid != 0 and started(self.pid) == self.ticks


def place(state_dir: Path) -> Path:
    """Where it is written down."""
    return state_dir / "site"


def read(state_dir: Path) -> Begun | None:
    """The last run that was begun for a site; None when there was none."""
    try:
        content = json.loads((place(state_dir) / FILE).read_text(encoding="utf-8"))
        return Begun(**{**content, "words": tuple(content["words"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write(state_dir: Path, begun: Begun) -> None:
    """Write it down."""
    write_file(place(state_dir) / FILE, json.dumps(asdict(begun)))


@contextmanager
def alone(state_dir: Path) -> Iterator[None]:
    """One link at a time decides whether a run is begun."""
    for folder in (state_dir, place(state_dir)):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (place(state_dir) / "lock").open("a", encoding="utf-8") as handle:
        flock(handle, LOCK_EX)
        yield


def begin(state_dir: Path, ticket: Ticket) -> Begun:
    """Begin a run in a session of its own; call it `alone`.

    Raises:
        StageFailed: it could not be begun.
    """
    write(state_dir, Begun(ticket.id, ticket.words, ticket.digest, time.time()))
    command = [sys.executable, "-m", "scs_rack.sites.begun", str(state_dir), ticket.folder]
    with os.fdopen(os.open(place(state_dir) / LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as log:
        process = subprocess.Popen(
            command, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    while process.poll() is None:
        begun = read(state_dir)
        if begun is not None and begun.pid == process.pid:
            return begun
        time.sleep(0.02)
    begun = read(state_dir)
    if begun is None or begun.pid != process.pid:
        raise StageFailed(f"no run could be begun: {said(state_dir)}")
    return begun


def stop(state_dir: Path, ticket: str) -> bool:
    """Ask the run of an order to stop, as Ctrl-C does; False when it does not go on."""
    begun = read(state_dir)
    if begun is None or begun.ticket != ticket or not begun.alive or started(begun.child) != begun.child_ticks:
        return False
    os.kill(begun.child, signal.SIGINT)
    return True


def folder_of(state_dir: Path, begun: Begun) -> Path | None:
    """Folder of its run; None before it has one."""
    for folder in reversed(runs.folders(state_dir)[-NEWEST:]):
        first = next((entry for _, entry in journal.since(folder, 0)[:1]), None)
        if first is not None and first.body.get("pid") == begun.child and first.time > begun.since - 1:
            return folder
    return None


def said(state_dir: Path) -> str:
    """The end of what it printed."""
    try:
        return (place(state_dir) / LOG).read_text(encoding="utf-8", errors="replace")[-LONGEST_WORDS:].strip()
    except OSError:
        return ""


def _wait(state_dir: Path, folder: str) -> int:
    """Run it, and write down how it ended: what the process of `begin` does."""
    begun = read(state_dir)
    if begun is None:
        return 1
    child = subprocess.Popen([sys.executable, "-m", "scs_rack", *begun.words, "-r", folder])
    me = os.getpid()
    begun = replace(begun, pid=me, ticks=started(me) or "", child=child.pid, child_ticks=started(child.pid) or "")
    write(state_dir, begun)
    code = child.wait()
    write(state_dir, replace(begun, code=code if code >= 0 else 128 - code))
    return 0


if __name__ == "__main__":
    sys.exit(_wait(Path(sys.argv[1]), sys.argv[2]))
