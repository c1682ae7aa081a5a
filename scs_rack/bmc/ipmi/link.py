"""A UDP socket to one BMC: send, wait for the answer that fits, repeat where that is harmless.

The socket is connected, so that the kernel drops strangers' datagrams and reports a closed port.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVar

from scs_rack.bmc.errors import NoAnswer, PortClosed
from scs_rack.bmc.ipmi.wire import Malformed
from scs_rack.bmc.types import Target

T = TypeVar("T")

PORT = 623
_QUEUE = 64
"""Datagrams that wait to be looked at, at most."""


class _Inbox(asyncio.DatagramProtocol):
    """Puts datagrams and socket errors into a queue; what overflows it is dropped, as UDP may."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | Exception] = asyncio.Queue(_QUEUE)

    def datagram_received(self, data: bytes, _addr: object) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self.queue.put_nowait(data)

    def error_received(self, exc: Exception) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self.queue.put_nowait(exc)


class Link:
    """The datagram path to one BMC."""

    def __init__(self, target: Target) -> None:
        self.where = f"BMC of {target.name} ({target.address})"
        """How messages call this BMC."""
        self._address = (str(target.address), target.port or PORT)
        self._inbox = _Inbox()
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self) -> None:
        """Make the socket.

        Raises:
            NoAnswer: there is no way to the address.
        """
        loop = asyncio.get_running_loop()
        try:
            self._transport, self._inbox = await loop.create_datagram_endpoint(_Inbox, remote_addr=self._address)
        except OSError as error:
            raise NoAnswer(f"{self.where}: {error.strerror or error}") from error

    def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def send(self, datagram: bytes) -> None:
        """Send without waiting for anything."""
        if self._transport is not None:
            self._transport.sendto(datagram)

    async def exchange(
        self, make: Callable[[], bytes], match: Callable[[bytes], T | None], sends: tuple[float, ...], until: float
    ) -> T:
        """Send and return the first answer that fits; what does not fit is dropped and the time goes on.

        Args:
            make: makes the datagram, anew for each repeat.
            match: gives the answer, None, or raises Malformed.
            sends: seconds after the start at which to send; the first is 0.
            until: seconds after the start at which to give up.

        Raises:
            NoAnswer: the time is over. PortClosed: the BMC's host says that nothing listens.
        """
        if self._transport is None:
            raise NoAnswer(f"{self.where}: the session is closed")
        begin = asyncio.get_running_loop().time()
        for end in [*sends[1:], until]:
            self.send(make())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(begin + end):
                    return await self._answer(match)
        raise NoAnswer(f"{self.where}: no answer within {until:g} s")

    async def _answer(self, match: Callable[[bytes], T | None]) -> T:
        while True:
            raw = await self._inbox.queue.get()
            if isinstance(raw, ConnectionRefusedError):
                raise PortClosed(f"{self.where}: nothing listens on UDP port {self._address[1]}")
            if isinstance(raw, Exception):
                raise NoAnswer(f"{self.where}: {raw}")
            with contextlib.suppress(Malformed):
                if (answer := match(raw)) is not None:
                    return answer
