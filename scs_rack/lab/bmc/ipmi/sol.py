"""Serial over LAN: the server's console through the session (IPMI v2.0, chapter 15)."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from scs_rack.lab.bmc.console import Stream

if TYPE_CHECKING:
    from scs_rack.lab.bmc.ipmi_server import Session

CHUNK = 200
"""Most characters in a packet."""
RETRIES = 5
RETRY_SECONDS = 0.5
_NACK, _BREAK = 0x40, 0x10
_ENDED = 0x10
"""Status bit of a packet from the BMC: the console was deactivated."""


class Sol:
    """One open console.

    Args:
        session: whose it is.
        send: sends a payload within that session.
        stream: the console itself.
        ended: called when it closes by itself.
    """

    def __init__(
        self, session: "Session", send: Callable[[bytes], None], stream: Stream, ended: Callable[["Sol"], None]
    ) -> None:  # fmt: skip
        self.session = session
        self._send, self._stream, self._ended = send, stream, ended
        self._sequence = 0
        self._acknowledged: asyncio.Event = asyncio.Event()
        self._accepted = 0
        self._waiting = 0
        self._seen = 0
        """Number of the last packet that was typed."""
        self._task = asyncio.ensure_future(self._pump())

    def received(self, payload: bytes) -> None:
        """A packet from the client: what was typed, an acknowledgement, or both (15.9)."""
        if len(payload) < 4:
            return
        sequence, acknowledged, accepted, operation = payload[0] & 0x0F, payload[1] & 0x0F, payload[2], payload[3]
        if acknowledged and acknowledged == self._waiting:
            self._accepted = 0 if operation & _NACK else accepted
            self._acknowledged.set()
        if not sequence:
            return
        typed = payload[4:]
        if sequence != self._seen:  # else a repeat: acknowledged again, not typed again
            self._seen = sequence
            self._stream.write(typed)
        self._send(bytes([0, sequence, len(typed), 0]))

    async def _pump(self) -> None:
        try:
            while True:
                data = await self._stream.read(CHUNK)
                if not data:
                    break
                if not await self._deliver(data):
                    break
        finally:
            self._stream.close()
            self._ended(self)

    async def _deliver(self, data: bytes) -> bool:
        """Send until it was taken; False when the client is gone."""
        tries = 0
        while data:
            self._sequence = self._sequence % 15 + 1
            self._waiting, self._accepted = self._sequence, 0
            for _ in range(RETRIES):
                self._acknowledged.clear()
                self._send(bytes([self._sequence, 0, 0, 0]) + data)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._acknowledged.wait(), RETRY_SECONDS)
                    break
            else:
                return False
            tries = tries + 1 if not self._accepted else 0
            if tries > RETRIES:
                return False
            if not self._accepted:
                await asyncio.sleep(RETRY_SECONDS)
            data = data[self._accepted :]
        return True

    def close(self, *, tell: bool) -> None:
        """End it; `tell` says so to the client."""
        if tell:
            self._send(bytes([0, 0, 0, _ENDED]))
        self._task.cancel()
