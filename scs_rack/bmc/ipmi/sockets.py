"""UDP sockets that many BMCs share: few file descriptors, and one look at the socket reads what many have answered.

The sockets are not connected, so a stranger's datagram arrives too; it is dropped here, since only addresses that were
called have an owner. Errors of the network (ICMP) come by the socket's error queue (ip(7), IP_RECVERR), which names
the address that was called: a closed port is told at once, and to its owner only.
"""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

SHARED = 64
"""BMCs on one socket; their answers, all at once, fit its receive buffer by far."""
_LONGEST = 2048
_AT_A_LOOK = 256
"""Datagrams that are read before other work gets its turn."""
_IP_RECVERR = 11
_ERROR = struct.Struct("=I4B2I")  # struct sock_extended_err: errno, origin, type, code, padding, info, data

Address = tuple[str, int]


@dataclass(frozen=True)
class Owner:
    """What is called when something comes from an address."""

    received: Callable[[bytes], None]
    failed: Callable[[OSError], None]


class SharedSocket:
    """A UDP socket with the owners of the addresses that are called by it."""

    def __init__(self) -> None:
        self.owners: dict[Address, Owner] = {}
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.setsockopt(socket.SOL_IP, _IP_RECVERR, 1)
        self._loop.add_reader(self._socket, self._receive)

    def close(self) -> None:
        """Close it; nobody is told."""
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def send(self, datagram: bytes, address: Address) -> None:
        """Send, or lose it where the socket's buffer is full, as UDP may.

        Raises:
            OSError: there is no way to the address.
        """
        for last in (False, False, True):
            try:
                self._socket.sendto(datagram, address)
            except BlockingIOError:
                return
            except OSError:
                # Often an error of an earlier datagram to another address, which its owner is told now.
                self._errors()
                if last:
                    raise
            else:
                return

    def _receive(self) -> None:
        for _ in range(_AT_A_LOOK):
            try:
                datagram, address = self._socket.recvfrom(_LONGEST)
            except BlockingIOError:
                return
            except OSError:
                self._errors()
                continue
            if owner := self.owners.get(address):
                owner.received(datagram)

    def _errors(self) -> None:
        for _ in range(_AT_A_LOOK):
            try:
                _, notes, _, address = self._socket.recvmsg(0, 512, socket.MSG_ERRQUEUE)
            except OSError:
                return
            for level, kind, note in notes:
                if (level, kind) != (socket.SOL_IP, _IP_RECVERR) or len(note) < _ERROR.size:
                    continue
                number = _ERROR.unpack_from(note)[0]
                if owner := self.owners.get(address):
                    owner.failed(OSError(number, os.strerror(number)))


class Sockets:
    """As many sockets as the BMCs need that are called at the same time. Close it at the end."""

    def __init__(self) -> None:
        self._sockets: list[SharedSocket] = []

    def join(self, address: Address, owner: Owner) -> SharedSocket:
        """Become the owner of an address on some socket; leave by `owners.pop`.

        Raises:
            OSError: no socket can be made, e.g. for want of file descriptors.
        """
        chosen = self._free(address, SHARED)
        if chosen is None:
            try:
                chosen = SharedSocket()
                self._sockets.append(chosen)
            except OSError:
                chosen = self._free(address, 8 * SHARED)
                if chosen is None:
                    raise
        chosen.owners[address] = owner
        return chosen

    def close(self) -> None:
        """Close all sockets."""
        while self._sockets:
            with contextlib.suppress(OSError):
                self._sockets.pop().close()

    def _free(self, address: Address, limit: int) -> SharedSocket | None:
        rooms = (one for one in reversed(self._sockets) if len(one.owners) < limit and address not in one.owners)
        return next(rooms, None)
