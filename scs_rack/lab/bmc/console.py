"""The console of a server as its BMC reaches it: the log of what was printed, and a socket for what is typed."""

import asyncio
import contextlib
import os
import socket
from pathlib import Path

from scs_rack.lab.serial import SOCKET

LOG = "console.log"
LOOK_SECONDS = 0.1
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
        self._closed = False

    async def read(self, most: int) -> bytes:
        """What was printed next; waits for it. Empty once it is closed."""
        while not self._closed:
            data = self._look(most)
            if data:
                return data
            await asyncio.sleep(LOOK_SECONDS)
        return b""

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
        with contextlib.suppress(OSError):
            folder = os.open(self._folder, os.O_PATH | os.O_DIRECTORY)
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
                    line.setblocking(False)
                    line.sendto(data, f"/proc/self/fd/{folder}/{SOCKET}")  # the path itself may be too long
            finally:
                os.close(folder)

    def close(self) -> None:
        """Close it."""
        self._closed = True
