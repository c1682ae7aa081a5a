"""What the other end of a cable says of itself: one frame of LLDP (IEEE 802.1AB, clauses 8 and 9)."""

from collections.abc import Iterator
from dataclasses import dataclass

ETHERTYPE = 0x88CC
_VLAN_TAG = 0x8100
_CHASSIS, _PORT, _PORT_WORDS, _NAME = 1, 2, 4, 5
"""Types of the fields that count here (table 8-1)."""
_MAC = {_CHASSIS: 4, _PORT: 3}
"""Subtype of an id that is a MAC address (tables 8-2 and 8-3)."""


@dataclass(frozen=True)
class Neighbour:
    """Who was heard on a network port."""

    nic: str
    """Our port, by the ramdisk's name."""
    device: str
    """Name of the other device, without its domain; its chassis id where it tells no name."""
    port: str
    """Port id of the other end."""
    words: str = ""
    """What it says of its port."""


def neighbours(nic: str, frame: str) -> list[Neighbour]:
    """The neighbour that a frame (hexadecimal) tells of; none where it is cut or no such frame.

    What stands on the wire was written by anybody, so nothing here raises.
    """
    try:
        data = bytes.fromhex(frame)
    except ValueError:
        return []
    head = 18 if data[12:14] == _VLAN_TAG.to_bytes(2) else 14
    if data[head - 2 : head] != ETHERTYPE.to_bytes(2):
        return []
    fields = dict(reversed(list(_fields(data[head:]))))  # the first of each kind counts
    if _CHASSIS not in fields or _PORT not in fields:
        return []
    name = _text(fields.get(_NAME, b"")).partition(".")[0] or _id(_CHASSIS, fields[_CHASSIS])
    return [Neighbour(nic, name, _id(_PORT, fields[_PORT]), _text(fields.get(_PORT_WORDS, b"")))]


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and value: seven bits of type, nine of length (8.4)."""
    while len(data) >= 2:
        head = int.from_bytes(data[:2])
        kind, length = head >> 9, head & 0x1FF
        if kind == 0 or len(data) < 2 + length:
            return
        yield kind, data[2 : 2 + length]
        data = data[2 + length :]


def _id(kind: int, value: bytes) -> str:
    if value[:1] == bytes([_MAC[kind]]) and len(value) == 7:
        return value[1:].hex(":")
    return _text(value[1:])


def _text(value: bytes) -> str:
    text = value.decode("utf-8", errors="replace").strip("\0 ")
    return "".join(letter for letter in text if letter.isprintable())[:80]
