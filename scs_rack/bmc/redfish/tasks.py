"""What takes a BMC a while: a task is followed to its end (DSP0266, 13.7 and the Task schema)."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from scs_rack.bmc.errors import Busy, NoAnswer, NotSupported, Refused
from scs_rack.bmc.facts import Task
from scs_rack.bmc.redfish.read import items, text, whole
from scs_rack.bmc.redfish.transport import Reply
from scs_rack.bmc.redfish.tree import Tree

_DONE = {"Completed"}
_FAILED = {"Killed", "Exception", "Cancelled", "Cancelling", "Interrupted"}
_FIRST_LOOK = 0.5
_SLOWEST_LOOK = 10.0
_HTTP_ACCEPTED = 202


async def follow(tree: Tree, reply: Reply, report: Callable[[Task], None] = lambda _: None) -> Task:
    """Look at the task that an answer names until it ends. An answer without a task was done at once.

    A BMC that does not answer for a while (it restarts with its new firmware) is waited for.

    Raises:
        Refused: the task failed. NoAnswer: the time limit of tasks is over.
    """
    path = _path(tree, reply)
    if not path:
        return Task("", "done", 100)
    begin, pause = time.monotonic(), _FIRST_LOOK
    seen = _task(path, reply.body)
    while True:
        if seen.state == "failed":
            raise Refused(f"{tree.where}: task {seen.number} failed: {seen.text or 'it does not say why'}")
        report(seen)
        if seen.state == "done":
            return seen
        if time.monotonic() - begin > tree.limits.task:
            raise NoAnswer(f"{tree.where}: task {seen.number} runs for more than {tree.limits.task:.0f} s: {seen.text}")
        await asyncio.sleep(min(pause, tree.limits.task))
        pause = min(pause * 1.5, _SLOWEST_LOOK)
        seen = await _look(tree, path, seen)


async def _look(tree: Tree, path: str, before: Task) -> Task:
    try:
        reply = await tree.session.request("GET", path)
    except (NoAnswer, Busy):
        return before
    except NotSupported as error:
        if error.status != 404:
            raise
        # Some forget a task as soon as it is over: what it did is seen by reading back.
        return Task(before.number, "done", before.percent, "the BMC has forgotten the task")
    if reply.status != _HTTP_ACCEPTED and not text(reply.body, "TaskState"):
        return Task(before.number, "done", 100, before.text)  # the monitor gives the answer of the request itself
    return _task(path, reply.body)


def _task(path: str, body: Any) -> Task:
    state = text(body, "TaskState")
    words = [text(one, "Message") for one in items(body, "Messages")]
    ill = text(body, "TaskStatus") in ("Warning", "Critical")
    failed = state in _FAILED or (state in _DONE and text(body, "TaskStatus") == "Critical")
    return Task(
        number=text(body, "Id") or path.rstrip("/").rsplit("/", 1)[-1],
        state="failed" if failed else "done" if state in _DONE else "running",
        percent=whole(body, "PercentComplete"),
        text=(words[-1] if words else "") or (f"{state} ({text(body, 'TaskStatus')})" if ill else state),
    )


def _path(tree: Tree, reply: Reply) -> str:
    """Where the task is: its own resource where the answer is one, else the monitor."""
    named = reply.body.get("@odata.id") if text(reply.body, "TaskState") else None
    if isinstance(named, str) and named:
        return tree.session.service.inside(named)
    location = reply.headers.get("location", "")
    return tree.session.service.inside(location) if reply.status == _HTTP_ACCEPTED and location else ""
