"""Which function answers which IPMI command, and what it is given.

Source: IPMI v2.0 rev. 1.1; the section stands at each handler.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scs_rack.lab.bmc.machine import Machine

if TYPE_CHECKING:
    from scs_rack.lab.bmc.ipmi_server import IpmiServer, Session

CHASSIS, EVENT, APP, STORAGE, TRANSPORT, GROUP = 0x00, 0x04, 0x06, 0x0A, 0x0C, 0x2C
OK = b"\x00"
BUSY = b"\xc0"
INVALID_COMMAND = b"\xc1"
RESERVATION_LOST = b"\xc5"
SHORT_REQUEST = b"\xc7"
OUT_OF_RANGE = b"\xc9"
NOT_PRESENT = b"\xcb"
INVALID_FIELD = b"\xcc"
NO_PRIVILEGE = b"\xd4"
NOT_IN_THIS_STATE = b"\xd5"
PARAMETER_UNSUPPORTED = b"\x80"
READ_ONLY = b"\x82"

USER, OPERATOR, ADMINISTRATOR = 2, 3, 4
LAN_CHANNEL = 1
THIS_CHANNEL = 0x0E


@dataclass
class Call:
    """One command in a session."""

    machine: Machine
    server: "IpmiServer"
    session: "Session"
    data: bytes

    @property
    def on(self) -> bool:
        """True while the server is powered."""
        return self.machine.backend.power_state()


Handler = Callable[[Call], bytes]
"""Gives completion code and data."""


@dataclass(frozen=True)
class Command:
    """A handler, the privilege it asks for, and the least length of its request."""

    handler: Handler
    privilege: int
    length: int


COMMANDS: dict[tuple[int, int], Command] = {}
"""All commands by network function and number; those that make and end sessions are the server's own."""


def command(netfn: int, number: int, *, privilege: int = USER, length: int = 0) -> Callable[[Handler], Handler]:
    """Register a handler."""

    def register(handler: Handler) -> Handler:
        COMMANDS[netfn, number] = Command(handler, privilege, length)
        return handler

    return register


def execute(call: Call, netfn: int, number: int) -> bytes:
    """Run a command with the session's privilege; returns completion code and data."""
    found = COMMANDS.get((netfn, number))
    if found is None:
        return INVALID_COMMAND
    if call.session.privilege < found.privilege:
        return NO_PRIVILEGE
    if len(call.data) < found.length:
        return SHORT_REQUEST
    return found.handler(call)


def is_lan(channel: int) -> bool:
    """True for the one channel there is."""
    return channel & 0x0F in (LAN_CHANNEL, THIS_CHANNEL)


def part(content: bytes, offset: int, count: int, most: int = 0xFF) -> bytes:
    """A piece of something that is read in pieces, with its length in front."""
    piece = content[offset : offset + min(count, most)]
    return OK + bytes([len(piece)]) + piece
