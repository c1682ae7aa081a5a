"""Packets of IPMI over LAN, both directions, without any state.

Source: IPMI Specification, Second Generation v2.0, rev. 1.1: 13.6 (RMCP/IPMI packets), 13.8 (IPMI messages),
13.17 to 13.24 (RMCP+ open session and RAKP), table 13-8 (session header).
All numbers are little endian, except where said otherwise.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

RMCP = b"\x06\x00\xff\x07"
"""RMCP version 1.0, no acknowledge, class IPMI."""
AUTH_NONE = 0x00
AUTH_RMCP_PLUS = 0x06
BMC_ADDRESS = 0x20
CONSOLE_ADDRESS = 0x81
MAX_PACKET = 1024
"""Longest packet that is looked at, in bytes; real ones stay below 300."""


class Payload(IntEnum):
    """Payload types of RMCP+ (table 13-16)."""

    IPMI = 0x00
    OPEN_REQUEST = 0x10
    OPEN_RESPONSE = 0x11
    RAKP1 = 0x12
    RAKP2 = 0x13
    RAKP3 = 0x14
    RAKP4 = 0x15


class Malformed(ValueError):
    """Bytes that are no packet of this protocol; the receiver drops them."""


def checksum(data: bytes) -> int:
    """Two's complement checksum: all bytes and this one add up to zero modulo 256."""
    return -sum(data) & 0xFF


@dataclass(frozen=True)
class Message:
    """One IPMI request or response (13.8)."""

    netfn: int
    command: int
    data: bytes = b""
    sequence: int = 0
    """Request sequence number, 0 to 63."""
    target: int = BMC_ADDRESS
    source: int = CONSOLE_ADDRESS
    target_lun: int = 0
    source_lun: int = 0

    def encode(self) -> bytes:
        """Bytes of the message with both checksums."""
        head = bytes([self.target, self.netfn << 2 | self.target_lun])
        body = bytes([self.source, self.sequence << 2 | self.source_lun, self.command]) + self.data
        return head + bytes([checksum(head)]) + body + bytes([checksum(body)])

    @classmethod
    def decode(cls, raw: bytes) -> "Message":
        """Read a message.

        Raises:
            Malformed: too short, or a checksum is wrong.
        """
        if len(raw) < 7:
            raise Malformed("IPMI message too short")
        if checksum(raw[:2]) != raw[2] or checksum(raw[3:-1]) != raw[-1]:
            raise Malformed("wrong checksum")
        return cls(
            netfn=raw[1] >> 2,
            command=raw[5],
            data=raw[6:-1],
            sequence=raw[4] >> 2,
            target=raw[0],
            source=raw[3],
            target_lun=raw[1] & 3,
            source_lun=raw[4] & 3,
        )

    def answer(self, data: bytes) -> "Message":
        """The response to this request; `data` begins with the completion code."""
        return Message(
            netfn=self.netfn | 1,
            command=self.command,
            data=data,
            sequence=self.sequence,
            target=self.source,
            source=self.target,
            target_lun=self.source_lun,
            source_lun=self.target_lun,
        )


@dataclass(frozen=True)
class Packet:
    """What one datagram holds, before decryption."""

    payload_type: int
    payload: bytes
    session: int = 0
    sequence: int = 0
    encrypted: bool = False
    authenticated: bool = False
    legacy: bool = False
    """True for the IPMI 1.5 format (used before a session exists)."""
    covered: bytes = b""
    """Bytes that the integrity code covers."""
    code: bytes = b""
    """Integrity code."""


def plain(payload_type: int, payload: bytes) -> bytes:
    """A datagram outside of any session, RMCP+ format."""
    return RMCP + struct.pack("<BBIIH", AUTH_RMCP_PLUS, payload_type, 0, 0, len(payload)) + payload


def legacy(payload: bytes) -> bytes:
    """A datagram outside of any session, IPMI 1.5 format without authentication."""
    return RMCP + struct.pack("<BIIB", AUTH_NONE, 0, 0, len(payload)) + payload


def covered(payload_type: int, session: int, sequence: int, payload: bytes) -> bytes:
    """Header, encrypted payload and integrity trailer up to the next-header byte: what the code is made over."""
    body = struct.pack("<BBIIH", AUTH_RMCP_PLUS, payload_type | 0xC0, session, sequence, len(payload)) + payload
    pad = -(len(body) + 2) % 4
    return body + b"\xff" * pad + bytes([pad, 0x07])


def _decode_legacy(raw: bytes) -> Packet:
    if len(raw) < 14:
        raise Malformed("IPMI 1.5 packet too short")
    sequence, session, length = struct.unpack_from("<IIB", raw, 5)
    payload = raw[14 : 14 + length]
    if len(payload) != length:
        raise Malformed("IPMI 1.5 packet cut short")
    return Packet(Payload.IPMI, payload, session, sequence, legacy=True)


def decode(raw: bytes, code_length: int = 0) -> Packet:
    """Read a datagram.

    Args:
        raw: the datagram.
        code_length: bytes of the integrity code at the end of authenticated packets of this session.

    Raises:
        Malformed: it is not a packet of IPMI over LAN.
    """
    if not 5 < len(raw) <= MAX_PACKET or raw[0] != RMCP[0] or raw[3] != RMCP[3]:
        raise Malformed("no RMCP packet of class IPMI")
    if raw[4] == AUTH_NONE:
        return _decode_legacy(raw)
    if raw[4] != AUTH_RMCP_PLUS or len(raw) < 16:
        raise Malformed("unknown session format")
    kind, session, sequence, length = struct.unpack_from("<BIIH", raw, 5)
    payload = raw[16 : 16 + length]
    if len(payload) != length:
        raise Malformed("payload cut short")
    authenticated = bool(kind & 0x40)
    if authenticated and len(raw) < 16 + length + 2 + code_length:
        raise Malformed("integrity trailer cut short")
    split = len(raw) - code_length if authenticated else len(raw)
    return Packet(
        payload_type=kind & 0x3F,
        payload=payload,
        session=session,
        sequence=sequence,
        encrypted=bool(kind & 0x80),
        authenticated=authenticated,
        covered=raw[4:split],
        code=raw[split:],
    )
