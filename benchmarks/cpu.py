"""CPU time, which other users of the machine stretch far less than they stretch the time on the clock."""

import bisect
import resource
import threading
import time
from types import TracebackType
from typing import Self

from scs_rack.lab import cgroup

PAUSE = 0.25


class Watch:
    """Notes what all machines of a lab have used so far, again and again; a context manager."""

    def __init__(self, lab: str) -> None:
        self._path = cgroup.of(lab) / "cpu.stat"
        self._times: list[float] = []
        self._used: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._note, daemon=True)
        self._began = _of_children()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def nodes(self, begin: float, end: float) -> float:
        """Seconds of CPU time that the lab's machines used between two points of Unix time."""
        return round(self._at(end) - self._at(begin), 1)

    def manager(self) -> float:
        """Seconds of CPU time of commands that have ended since the watch was made."""
        return round(_of_children() - self._began, 1)

    def _at(self, when: float) -> float:
        return self._used[min(bisect.bisect_left(self._times, when), len(self._used) - 1)]

    def _note(self) -> None:
        while True:
            lines = dict(line.split() for line in self._path.read_text(encoding="ascii").splitlines())
            self._times.append(time.time())
            self._used.append(int(lines["usage_usec"]) / 1e6)
            if self._over.wait(PAUSE):
                return


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
