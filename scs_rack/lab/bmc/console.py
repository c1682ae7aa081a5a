"""The console of a server as its BMC reaches it: a socket that gives and takes, or the log of what was printed."""

import asyncio
import contextlib
from pathlib import Path

SOCKET, LOG = "console.sock", "console.log"
LOOK_SECONDS = 0.2
BACKLOG = 2048
"""Bytes of what was printed before that a new reader gets first."""


class Stream:
    """An open console.

    Args:
        folder: where the server's console is; None for one that is silent for ever.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._place: int | None = None
        self._typed: list[bytes] = []
        self._writer: asyncio.StreamWriter | None = None
        self._connecting: asyncio.Task[None] | None = None

    async def read(self, most: int) -> bytes:
        """What was printed next; waits for it."""
        while True:
            data = self._look(most)
            if data:
                return data
            await asyncio.sleep(LOOK_SECONDS)

    def _look(self, most: int) -> bytes:
        if self._folder is None:
            return b""
        try:
            with (self._folder / LOG).open("rb") as file:
                end = file.seek(0, 2)
                if self._place is None or self._place > end:
                    self._place = max(0, end - BACKLOG)
                file.seek(self._place)
                data = file.read(most)
        except OSError:
            return b""
        self._place += len(data)
        return data

    def write(self, data: bytes) -> None:
        """Type; what nobody takes is lost, as on a serial line."""
        if not data or self._folder is None:
            return
        self._typed.append(data)
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.ensure_future(self._type(self._folder / SOCKET))

    async def _type(self, path: Path) -> None:
        if self._writer is None or self._writer.is_closing():
            try:
                _, self._writer = await asyncio.open_unix_connection(str(path))
            except OSError:
                self._typed.clear()
                return
        while self._typed:
            typed, self._typed = b"".join(self._typed), []
            self._writer.write(typed)
            try:
                await self._writer.drain()
            except OSError:
                self._writer = None
                return

    def close(self) -> None:
        """Close it."""
        if self._connecting:
            self._connecting.cancel()
        if self._writer:
            with contextlib.suppress(OSError, RuntimeError):
                self._writer.close()
