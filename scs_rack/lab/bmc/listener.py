"""The TCP port of a virtual BMC's Redfish server; faults of the network happen here.

Each connection is accepted by us, so that what a fault changes counts from the next connection on. What is lost is
lost in the kernel, by a classic BPF filter on the socket (socket(7), SO_ATTACH_FILTER): clients see real TCP.
"""

import asyncio
import contextlib
import ctypes
import socket
import ssl
import struct

from aiohttp import web

from scs_rack.lab.bmc.machine import Machine
from scs_rack.lab.bmc.tls import Certificates

HANDSHAKE_SECONDS = 20.0
WATCH_SECONDS = 0.25
_ATTACH, _DETACH = 26, 27
"""SO_ATTACH_FILTER and SO_DETACH_FILTER of Linux; Python has no names for them."""
_LOSE_ALL = struct.pack("HBBI", 0x06, 0, 0, 0)
"""ret #0"""
_LOSE_HALF = b"".join(
    struct.pack("HBBI", *one)
    for one in (
        (0x20, 0, 0, 0xFFFFF038),  # ld rand
        (0x45, 0, 1, 1),  # jset #1, next, skip one
        (0x06, 0, 0, 0),  # ret #0
        (0x06, 0, 0, 0xFFFFFFFF),  # ret everything
    )
)


class Listener:
    """Accepts connections for one BMC."""

    def __init__(
        self, machine: Machine, server: web.Server, certificates: Certificates, host: str, port: int
    ) -> None:  # fmt: skip
        self._machine, self._server, self._certificates = machine, server, certificates
        self._where = (host, port)
        self._socket: socket.socket | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._open: set[asyncio.Task[None]] = set()
        self._held: set[socket.socket] = set()
        self._filter = b""

    def start(self) -> int:
        """Listen; returns the port.

        Raises:
            OSError: the port is taken.
        """
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(self._where)
        self._socket.listen(128)
        self._socket.setblocking(False)
        self._weather()
        self._machine.faults.listeners.append(self._weather)
        self._tasks = [asyncio.ensure_future(self._accept(self._socket))]
        if self._machine.faults.watched:
            self._tasks.append(asyncio.ensure_future(self._watch()))
        return int(self._socket.getsockname()[1])

    async def close(self) -> None:
        """Stop listening and close what is open."""
        with contextlib.suppress(ValueError):
            self._machine.faults.listeners.remove(self._weather)
        ending = [*self._tasks, *self._open]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        for one in (self._socket, *self._held):
            if one:
                one.close()

    def _weather(self) -> None:
        """Put the packet filter in force that the faults of this moment ask for."""
        faults = self._machine.faults
        wanted = _LOSE_ALL if "silent" in faults else _LOSE_HALF if "drops" in faults else b""
        if wanted != self._filter and self._socket:
            self._filter = wanted
            _attach(self._socket, wanted)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(listening)
            except OSError:  # gone again, or no file descriptor left for it
                await asyncio.sleep(0.05)
                continue
            self._accepted(accepted)

    async def _watch(self) -> None:
        """Notice faults that a file states, also while nobody calls."""
        while True:
            self._machine.faults.refresh()
            await asyncio.sleep(WATCH_SECONDS)

    def _accepted(self, accepted: socket.socket) -> None:
        faults = self._machine.faults
        if "silent" in faults or "half-open" in faults:
            self._held.add(accepted)  # open for ever; neither answered nor closed
            return
        if self._machine.away:
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            accepted.close()
            return
        task = asyncio.ensure_future(self._serve(accepted))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, accepted: socket.socket) -> None:
        expired = "expired-certificate" in self._machine.faults
        loop = asyncio.get_running_loop()
        try:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.connect_accepted_socket(
                self._server, accepted,
                ssl=self._certificates.context(expired=expired), ssl_handshake_timeout=HANDSHAKE_SECONDS,
            )  # fmt: skip
        except (OSError, ssl.SSLError, ConnectionError):
            accepted.close()
        except asyncio.CancelledError:
            accepted.close()
            raise


def _attach(listening: socket.socket, code: bytes) -> None:
    if not code:
        with contextlib.suppress(OSError):
            listening.setsockopt(socket.SOL_SOCKET, _DETACH, 0)
        return
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HP", len(code) // 8, ctypes.addressof(buffer))
    listening.setsockopt(socket.SOL_SOCKET, _ATTACH, program)
