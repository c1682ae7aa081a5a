"""The messages that open a session, as typed values (IPMI v2.0 rev. 1.1, 13.17 to 13.24)."""

import struct
from dataclasses import dataclass

from scs_rack.bmc.ipmi.suites import Suite
from scs_rack.bmc.ipmi.wire import Malformed

ADMINISTRATOR = 4
NAME_ONLY = 0x10
"""Role bit: find the user by name alone."""

OK = 0x00
NO_RESOURCES = 0x01
INVALID_SESSION = 0x02
INVALID_ROLE = 0x09
UNAUTHORIZED_ROLE = 0x0A
INVALID_NAME_LENGTH = 0x0C
UNAUTHORIZED_NAME = 0x0D
INVALID_CODE = 0x0F
NO_SUITE_MATCH = 0x11
STATUS = {
    NO_RESOURCES: "no free session",
    INVALID_SESSION: "unknown session id",
    0x03: "unknown payload type",
    0x04: "authentication algorithm refused",
    0x05: "integrity algorithm refused",
    0x06: "no matching authentication payload",
    0x07: "no matching integrity payload",
    0x08: "inactive session id",
    INVALID_ROLE: "unknown role",
    UNAUTHORIZED_ROLE: "role not allowed for this user",
    0x0B: "not enough resources for the role",
    INVALID_NAME_LENGTH: "user name of a wrong length",
    UNAUTHORIZED_NAME: "unknown user name",
    0x0E: "unauthorised GUID",
    INVALID_CODE: "wrong check code",
    0x10: "confidentiality algorithm refused",
    NO_SUITE_MATCH: "no cipher suite matches",
    0x12: "illegal parameter",
}
"""RMCP+ status codes (table 13-15), in words."""
SUITE_STATUS = frozenset({0x04, 0x05, 0x06, 0x07, 0x10, 0x11})
"""Status codes that say: not with these algorithms."""


@dataclass(frozen=True)
class OpenRequest:
    """Console asks for a session with one cipher suite."""

    tag: int
    role: int
    console: int
    algorithms: tuple[int, int, int]

    @classmethod
    def decode(cls, raw: bytes) -> "OpenRequest":
        """Read it; raises Malformed."""
        if len(raw) < 32:
            raise Malformed("open-session request too short")
        return cls(raw[0], raw[1] & 0x0F, int.from_bytes(raw[4:8], "little"), (raw[12], raw[20], raw[28]))


def open_request(tag: int, console: int, suite: Suite) -> bytes:
    """Payload of an open-session request for the administrator role."""
    return struct.pack("<BBHI", tag, ADMINISTRATOR, 0, console) + suite.proposal()


@dataclass(frozen=True)
class OpenResponse:
    """The BMC's answer."""

    tag: int
    status: int
    console: int = 0
    bmc: int = 0
    algorithms: tuple[int, int, int] = (0, 0, 0)

    @classmethod
    def decode(cls, raw: bytes) -> "OpenResponse":
        """Read it; raises Malformed."""
        if len(raw) < 2:
            raise Malformed("open-session response too short")
        if raw[1] != OK:
            return cls(raw[0], raw[1])
        if len(raw) < 36:
            raise Malformed("open-session response too short")
        console, bmc = struct.unpack_from("<II", raw, 4)
        return cls(raw[0], OK, console, bmc, (raw[16], raw[24], raw[32]))


@dataclass(frozen=True)
class Rakp1:
    """Console names the user and the role."""

    tag: int
    bmc: int
    random: bytes
    role: int
    user: bytes

    def encode(self) -> bytes:
        """Payload."""
        head = struct.pack("<BxxxI16sBxxB", self.tag, self.bmc, self.random, self.role, len(self.user))
        return head + self.user

    @classmethod
    def decode(cls, raw: bytes) -> "Rakp1":
        """Read it; raises Malformed."""
        if len(raw) < 28 or len(raw) < 28 + raw[27] or raw[27] > 16:
            raise Malformed("RAKP message 1 of a wrong length")
        return cls(raw[0], int.from_bytes(raw[4:8], "little"), raw[8:24], raw[24], raw[28 : 28 + raw[27]])


@dataclass(frozen=True)
class Rakp2:
    """The BMC proves that it knows the password."""

    tag: int
    status: int
    console: int
    random: bytes = b""
    guid: bytes = b""
    code: bytes = b""

    def encode(self) -> bytes:
        """Payload."""
        return struct.pack("<BBxxI", self.tag, self.status, self.console) + self.random + self.guid + self.code

    @classmethod
    def decode(cls, raw: bytes) -> "Rakp2":
        """Read it; raises Malformed."""
        if len(raw) < 8:
            raise Malformed("RAKP message 2 too short")
        console = int.from_bytes(raw[4:8], "little")
        if raw[1] != OK:
            return cls(raw[0], raw[1], console)
        if len(raw) < 40:
            raise Malformed("RAKP message 2 too short")
        return cls(raw[0], OK, console, raw[8:24], raw[24:40], raw[40:])


@dataclass(frozen=True)
class Proof:
    """RAKP messages 3 and 4: a status, a session id and a code."""

    tag: int
    status: int
    session: int
    code: bytes = b""

    def encode(self) -> bytes:
        """Payload."""
        return struct.pack("<BBxxI", self.tag, self.status, self.session) + self.code

    @classmethod
    def decode(cls, raw: bytes) -> "Proof":
        """Read it; raises Malformed."""
        if len(raw) < 8:
            raise Malformed("RAKP message too short")
        return cls(raw[0], raw[1], int.from_bytes(raw[4:8], "little"), raw[8:])
