"""Tasks of a Redfish service: work that goes on after the answer (DSP0266, 12.4)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["New", "Running", "Completed", "Exception", "Cancelled"]
KEPT = 32
"""Tasks that are remembered."""


@dataclass
class Job:
    """One task."""

    number: int
    name: str
    started: str
    state: State = "New"
    percent: int = 0
    ended: str | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    work: "asyncio.Task[None] | None" = None

    @property
    def over(self) -> bool:
        """True once nothing will change any more."""
        return self.state in ("Completed", "Exception", "Cancelled")


class JobFailed(Exception):
    """The work of a task failed; the message is for the client."""


class Jobs:
    """All tasks of one service."""

    def __init__(self) -> None:
        self.all: dict[int, Job] = {}
        self._next = 1

    def begin(self, name: str, stamp: Callable[[], str], work: Callable[[Job], Awaitable[None]]) -> Job:
        """Start work; it reports progress in the job that it is given."""
        job = Job(self._next, name, stamp())
        self._next += 1
        self.all[job.number] = job
        for old in [n for n, one in self.all.items() if one.over][: max(0, len(self.all) - KEPT)]:
            del self.all[old]

        async def run() -> None:
            job.state = "Running"
            try:
                await work(job)
                job.state, job.percent = "Completed", 100
            except JobFailed as failed:
                job.state = "Exception"
                job.messages.append({"text": str(failed), "severity": "Critical"})
            except asyncio.CancelledError:
                job.state = "Cancelled"
            finally:
                job.ended = stamp()

        job.work = asyncio.ensure_future(run())
        return job

    def close(self) -> None:
        """Stop everything."""
        for job in self.all.values():
            if job.work:
                job.work.cancel()
