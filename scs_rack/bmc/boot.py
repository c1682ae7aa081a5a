"""Wait until a server that was switched on answers: the greeting of its SSH server (RFC 4253, 4.2)."""

import asyncio
import time
from collections.abc import Callable

from scs_rack.design import Design

SSH_PORT = 22
_LOOK = 0.5
"""Seconds between two looks."""


def boot_limit(design: Design) -> float:
    """Seconds that servers of a rack may take from power on to SSH: nodes of a lab, or metal with its self tests."""
    return 120.0 if design.rack.lab is not None else 900.0


async def wait_for_ssh(address: str, limit: float, stopped: Callable[[], bool] = lambda: False) -> str:
    """Wait for an SSH server's greeting.

    Args:
        address: of the server.
        limit: seconds to wait at most.
        stopped: asked between looks; True ends the wait.

    Returns:
        Why there was none; empty when there was.
    """
    deadline = time.monotonic() + limit
    while True:
        try:
            failure = await _greeting(address)
        except (OSError, TimeoutError) as error:
            failure = getattr(error, "strerror", None) or "no answer"
        if not failure or time.monotonic() > deadline or stopped():
            return failure
        await asyncio.sleep(_LOOK)


async def _greeting(address: str) -> str:
    async with asyncio.timeout(5.0):
        reader, writer = await asyncio.open_connection(address, SSH_PORT)
        try:
            line = await reader.readline()
        finally:
            writer.close()
    return "" if line.startswith(b"SSH-") else "what answers is no SSH server"
