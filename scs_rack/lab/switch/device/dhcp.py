"""A DHCP client that asks once for an address and where the ztp.json is (RFC 2131; options of RFC 2132, 67 in 9.5)."""

import contextlib
import random
import socket
import struct
import time
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

_COOKIE = b"\x63\x82\x53\x63"
_DISCOVER, _OFFER, _REQUEST, _ACK = 1, 2, 3, 5
_BROADCAST = 0x8000
WANTED = (1, 3, 6, 12, 15, 42, 51, 54, 66, 67, 239)
"""Options that are asked for."""
VENDOR_CLASS = b"SONiC-ZTP"


@dataclass(frozen=True)
class Lease:
    """What a server gave."""

    address: IPv4Interface
    server: IPv4Address
    gateway: IPv4Address | None
    hostname: str
    bootfile: str
    """Option 67: URL of the ztp.json."""
    script: str
    """Option 239: URL of a script that is run in place of a ztp.json."""


def _option(code: int, value: bytes) -> bytes:
    return bytes([code, len(value)]) + value


def packet(kind: int, transaction: int, mac: bytes, hostname: str, *extra: bytes) -> bytes:
    """A message from client to server."""
    head = struct.pack(">BBBBIHH", 1, 1, 6, 0, transaction, 0, _BROADCAST)
    options = [
        _option(53, bytes([kind])),
        _option(60, VENDOR_CLASS),
        _option(77, VENDOR_CLASS),
        _option(12, hostname.encode()),
        _option(55, bytes(WANTED)),
        *extra,
    ]
    return head + bytes(16) + mac.ljust(16, b"\0") + bytes(192) + _COOKIE + b"".join(options) + b"\xff"


def options(message: bytes, transaction: int) -> dict[int, bytes] | None:
    """Options of an answer to one of our messages; None if it is none. `0` holds the offered address."""
    if len(message) < 241 or message[0] != 2 or message[236:240] != _COOKIE:
        return None
    if struct.unpack(">I", message[4:8])[0] != transaction:
        return None
    found: dict[int, bytes] = {0: message[16:20]}
    rest = message[240:]
    while rest and rest[0] != 255:
        if rest[0] == 0:
            rest = rest[1:]
            continue
        if len(rest) < 2 or len(rest) < 2 + rest[1]:
            return None
        found[rest[0]] = found.get(rest[0], b"") + rest[2 : 2 + rest[1]]
        rest = rest[2 + rest[1] :]
    return found


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode("ascii", "replace")


def lease(found: dict[int, bytes]) -> Lease:
    """What the options of an acknowledgement say.

    Raises:
        ValueError: they don't make sense.
    """
    mask = IPv4Address(found.get(1, b"\xff\xff\xff\0"))
    return Lease(
        IPv4Interface(f"{IPv4Address(found[0])}/{mask}"),
        IPv4Address(found.get(54, found[0])[:4]),
        IPv4Address(found[3][:4]) if len(found.get(3, b"")) >= 4 else None,
        _text(found.get(12, b"")),
        _text(found.get(67, b"")),
        _text(found.get(239, b"")),
    )


def ask(interface: str, hostname: str, seconds: float = 6.0) -> Lease | None:
    """Ask on an interface that is up and has no address; None when nobody answered in time.

    Raises:
        OSError: there is no such interface.
    """
    mac = bytes.fromhex(Path(f"/sys/class/net/{interface}/address").read_text(encoding="ascii").replace(":", ""))
    transaction = random.getrandbits(32)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        line.bind(("", 68))
        offer = _exchange(line, packet(_DISCOVER, transaction, mac, hostname), transaction, _OFFER, seconds)
        if offer is None or 54 not in offer:
            return None
        chosen = (_option(50, offer[0]), _option(54, offer[54]))
        request = packet(_REQUEST, transaction, mac, hostname, *chosen)
        answer = _exchange(line, request, transaction, _ACK, seconds)
    if answer is None:
        return None
    with contextlib.suppress(ValueError, KeyError):
        return lease({**offer, **answer})
    return None


def _exchange(
    line: socket.socket, message: bytes, transaction: int, kind: int, seconds: float
) -> dict[int, bytes] | None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        line.sendto(message, ("255.255.255.255", 67))
        until = min(end, time.monotonic() + 2.0)
        while (left := until - time.monotonic()) > 0:
            line.settimeout(left)
            try:
                found = options(line.recv(4096), transaction)
            except TimeoutError:
                break
            if found and found.get(53) == bytes([kind]):
                return found
    return None
