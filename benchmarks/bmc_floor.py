"""The floor of IPMI: cryptography and packets alone, for all BMCs in step.

Four exchanges: open session, RAKP 1, RAKP 3, Get Chassis Status; then the close that nobody waits for. Cipher suite 3.
Packets are sent to all BMCs and answers are read until all have come; a lost packet fails the run.
"""

import contextlib
import hmac
import os
import select
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_RMCP = b"\x06\x00\xff\x07\x06"
_ROLE = 0x14
_LIMIT = 10.0
_SHARED = 64


@dataclass
class Peer:
    """One BMC."""

    address: tuple[str, int]
    way: socket.socket
    number: int
    random: bytes = field(default_factory=lambda: os.urandom(16))
    bmc: bytes = b""
    sik: bytes = b""
    k1: bytes = b""
    k2: bytes = b""
    answer: bytes = b""


Peers = dict[tuple[str, int], Peer]


def ipmi(hosts: list[tuple[str, int]], user: str, password: str) -> int:
    """Ask all for the power; returns how many told it (command 01h, completion code 00h)."""
    ways = []
    for _ in range(0, len(hosts), _SHARED):
        way = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        way.bind(("0.0.0.0", 0))
        ways.append(way)
    peers = {
        (host, port): Peer((host, port), ways[number // _SHARED], number + 1)
        for number, (host, port) in enumerate(hosts)
    }
    key, name = password.encode().ljust(20, b"\0"), bytes([_ROLE, len(user)]) + user.encode()
    steps = [
        _open,
        lambda peer: _rakp1(peer, name),
        lambda peer: _rakp3(peer, key, name),
        lambda peer: _sealed(peer, 1, 0x00, 0x01, b""),
    ]
    for make in steps:
        _exchange(peers, ways, make)
    for peer in peers.values():
        _unsealed(peer)
        peer.way.sendto(_sealed(peer, 2, 0x06, 0x3C, peer.bmc), peer.address)
    for way in ways:
        way.close()
    return sum(peer.answer[5:7] == b"\x01\0" for peer in peers.values())


def _exchange(peers: Peers, ways: list[socket.socket], make: Callable[[Peer], bytes]) -> None:
    """Send to all; answers are read while more is sent."""
    missing = set(peers)
    poll = select.epoll()
    by_number = {way.fileno(): way for way in ways}
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    for count, peer in enumerate(peers.values()):
        peer.way.sendto(make(peer), peer.address)
        if count % 32 == 31:
            _read(peers, [by_number[number] for number, _ in poll.poll(0)], missing)
    until = time.monotonic() + _LIMIT
    while missing:
        if time.monotonic() > until:
            raise TimeoutError(f"{len(missing)} BMCs did not answer")
        _read(peers, [by_number[number] for number, _ in poll.poll(0.05)], missing)
    poll.close()


def _read(peers: Peers, ready: list[socket.socket], missing: set[tuple[str, int]]) -> None:
    for way in ready:
        with contextlib.suppress(BlockingIOError):
            while True:
                data, address = way.recvfrom(512)
                if address in missing:
                    peers[address].answer = data
                    missing.discard(address)


def _plain(kind: int, payload: bytes) -> bytes:
    return _RMCP + struct.pack("<BIIH", kind, 0, 0, len(payload)) + payload


def _open(peer: Peer) -> bytes:
    suite = b"".join(bytes([kind, 0, 0, 8, 1, 0, 0, 0]) for kind in range(3))
    return _plain(0x10, struct.pack("<BBHI", 0, 4, 0, peer.number) + suite)


def _rakp1(peer: Peer, name: bytes) -> bytes:
    peer.bmc = peer.answer[16 + 8 : 16 + 12]
    return _plain(
        0x12, struct.pack("<BxxxI16sBxxB", 1, *struct.unpack("<I", peer.bmc), peer.random, *name[:2]) + name[2:]
    )


def _rakp3(peer: Peer, key: bytes, name: bytes) -> bytes:
    answer, own = peer.answer[16:], struct.pack("<I", peer.number)
    theirs, guid, code = answer[8:24], answer[24:40], answer[40:60]
    if not hmac.compare_digest(code, _mac(key, own + peer.bmc + peer.random + theirs + guid + name)):
        raise ValueError("wrong password")
    peer.sik = _mac(key, peer.random + theirs + name)
    peer.k1, peer.k2 = _mac(peer.sik, b"\x01" * 20), _mac(peer.sik, b"\x02" * 20)
    _mac(peer.sik, peer.random + peer.bmc + guid)  # what RAKP message 4 is compared with
    return _plain(0x14, struct.pack("<BBxx", 2, 0) + peer.bmc + _mac(key, theirs + own + name))


def _sealed(peer: Peer, sequence: int, netfn: int, command: int, data: bytes) -> bytes:
    head = bytes([0x20, netfn << 2])
    body = bytes([0x81, sequence << 2, command]) + data
    message = head + bytes([-sum(head) & 0xFF]) + body + bytes([-sum(body) & 0xFF])
    pad = -(len(message) + 1) % 16
    first = os.urandom(16)
    cipher = Cipher(algorithms.AES(peer.k2[:16]), modes.CBC(first)).encryptor()
    packed = first + cipher.update(message + bytes(range(1, pad + 1)) + bytes([pad])) + cipher.finalize()
    covered = struct.pack("<BB", 6, 0xC0) + peer.bmc + struct.pack("<IH", sequence, len(packed)) + packed
    fill = -(len(covered) + 2) % 4
    covered += b"\xff" * fill + bytes([fill, 7])
    return _RMCP[:4] + covered + _mac(peer.k1, covered)[:12]


def _unsealed(peer: Peer) -> None:
    raw = peer.answer
    if not hmac.compare_digest(raw[-12:], _mac(peer.k1, raw[4:-12])[:12]):
        raise ValueError("wrong integrity code")
    packed = raw[16 : 16 + struct.unpack_from("<H", raw, 14)[0]]
    cipher = Cipher(algorithms.AES(peer.k2[:16]), modes.CBC(packed[:16])).decryptor()
    peer.answer = cipher.update(packed[16:]) + cipher.finalize()


def _mac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha1")
