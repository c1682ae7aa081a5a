"""The deep functions of IPMI (SDR, FRU, SEL, SOL): a process for each BMC, a few at a time, each with a time limit."""

import asyncio
import contextlib
import json
import sys
import weakref
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from scs_rack.bmc.errors import Busy, NoAnswer, NonsenseAnswer, NotSupported, Refused
from scs_rack.bmc.ipmi.link import PORT
from scs_rack.bmc.types import Target, TimeLimits

_CHILD = Path(__file__).with_name("child.py")
_AT_ONCE = 8
"""Processes at a time: each takes 40 MB and, while it starts, a third of a second of a core."""
_ANSWER_LIMIT = 4 * 1024 * 1024
"""Bytes of an answer that are read at most."""
_CHUNK = 4096
_UNKNOWN_COMMAND = {0xC1, 0xC2}

_slots: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]" = weakref.WeakKeyDictionary()


async def ask(target: Target, limits: TimeLimits, work: str) -> Any:
    """Have a process read something from one BMC, and return what it answers.

    It is asked a second time where answers got lost: pyghmi gives up early, and reading changes nothing.

    Raises:
        BmcError: the BMC is silent or refuses, or the process did not end in time.
    """
    try:
        return await _ask(target, limits, work)
    except _Late:
        raise
    except NoAnswer:
        await asyncio.sleep(limits.patience[0] if limits.patience else 0.0)
        return await _ask(target, limits, work)


class _Late(NoAnswer):
    """The time limit is over."""


async def _ask(target: Target, limits: TimeLimits, work: str) -> Any:
    where = target.where
    async with _slot():
        process = await _started()
        try:
            async with asyncio.timeout(limits.deep):
                raw = await _answer(process, _order(target, work, limits.deep))
        except TimeoutError as error:
            raise _Late(f"{where}: {work} took longer than {limits.deep:.0f} s") from error
        finally:
            await _ended(process)
    try:
        answer = json.loads(raw)
    except ValueError as error:
        raise NonsenseAnswer(f"{where}: {work}: pyghmi could not read what it sent") from error
    if "error" not in answer:
        return answer.get("ok")
    words = f"{where}: {work}: {answer.get('message')}"
    if answer["error"] == "no answer":
        raise NoAnswer(words)
    if answer["error"] == "nonsense":
        raise NonsenseAnswer(words)
    raise (NotSupported if answer.get("code") in _UNKNOWN_COMMAND else Refused)(words)


class SolConsole:
    """A serial console over LAN (15 of the specification), open."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def send(self, data: bytes) -> None:
        """Type."""
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        with contextlib.suppress(ConnectionError):
            await self._process.stdin.drain()

    async def output(self) -> AsyncIterator[bytes]:
        """What the server prints, until the BMC closes the console."""
        assert self._process.stdout is not None
        while data := await self._process.stdout.read(_CHUNK):
            yield data


@asynccontextmanager
async def console(target: Target, limits: TimeLimits) -> AsyncIterator[SolConsole]:
    """Open the console, and close it again.

    Raises:
        NoAnswer: the BMC is silent. Busy: somebody else has it open. Refused: the BMC has none, or it is switched off.
    """
    process = await _started()
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(_order(target, "console"))
        try:
            async with asyncio.timeout(limits.login + limits.answer):
                first = await process.stdout.readline()
        except TimeoutError as error:
            raise NoAnswer(f"{target.where}: the console did not open") from error
        if not first.startswith(b'{"ok"'):
            raise await _refusal(target, process, first)
        yield SolConsole(process)
        process.stdin.close()  # the process then closes console and session
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limits.answer):
                await process.wait()
    finally:
        await _ended(process)


async def _refusal(target: Target, process: Process, first: bytes) -> Exception:
    assert process.stderr is not None
    with contextlib.suppress(ValueError, AttributeError):
        return NonsenseAnswer(f"{target.where}: console: {json.loads(first).get('message')}")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            first = await process.stderr.read(_CHUNK)
    words = first.decode("utf-8", "replace")[:300].strip() or "it does not say why"
    if "another client" in words or "session count" in words:
        return Busy(f"{target.where}: its console is taken: {words}", "somebody else has it open; try again later")
    return Refused(f"{target.where}: no console: {words}", "is Serial over LAN switched on in the BMC?")


def _order(target: Target, work: str, limit: float = 0.0) -> bytes:
    order = {
        "address": str(target.address),
        "port": target.port or PORT,
        "user": target.user,
        "password": target.password,
        "work": work,
        "limit": limit,
    }
    return json.dumps(order).encode() + b"\n"


async def _started() -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-I", str(_CHILD), stdin=PIPE, stdout=PIPE, stderr=PIPE, limit=_ANSWER_LIMIT
    )


async def _answer(process: Process, order: bytes) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(order)
    with contextlib.suppress(ValueError):  # longer than the limit: no JSON either
        return await process.stdout.readline()
    return b""


async def _ended(process: Process) -> None:
    """Kill it if it still runs; also when we are cancelled, so that no process is left."""
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await asyncio.shield(process.wait())


def _slot() -> asyncio.Semaphore:
    return _slots.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_AT_ONCE))
