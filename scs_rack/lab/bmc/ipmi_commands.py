"""IPMI commands that a virtual BMC answers. Each handler returns completion code and data.

Source: IPMI v2.0 rev. 1.1; the section stands at each handler.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from scs_rack.bmc.ipmi import fru
from scs_rack.bmc.ipmi.suites import SUITES
from scs_rack.lab.bmc.machine import Action, BootOverride, BootTarget, Machine

APP, CHASSIS, STORAGE, TRANSPORT = 0x06, 0x00, 0x0A, 0x0C
OK = b"\x00"
INVALID_COMMAND = b"\xc1"
INVALID_FIELD = b"\xcc"
OUT_OF_RANGE = b"\xc9"
SHORT_REQUEST = b"\xc7"
NOT_PRESENT = b"\xcb"
NO_PRIVILEGE = b"\xd4"
NOT_IN_THIS_STATE = b"\xd5"
PARAMETER_UNSUPPORTED = b"\x80"

USER, OPERATOR, ADMINISTRATOR = 2, 3, 4
LAN_CHANNEL = 1
THIS_CHANNEL = 0x0E
CONTROL: dict[int, Action] = {0: "off", 1: "on", 2: "cycle", 3: "reset", 5: "soft"}
BOOT: dict[int, BootTarget] = {
    0: "none", 1: "pxe", 2: "disk", 3: "safe", 4: "diag", 5: "cd", 6: "bios", 7: "remote-removable", 8: "remote-cd",
    11: "remote-disk", 15: "usb",
}  # fmt: skip

Handler = Callable[[Machine, bytes], Awaitable[bytes]]


@dataclass(frozen=True)
class Command:
    """A handler, the privilege it asks for, and the least length of its request."""

    handler: Handler
    privilege: int
    length: int


COMMANDS: dict[tuple[int, int], Command] = {}
"""All commands by network function and number; session commands are the server's own."""


def _command(netfn: int, number: int, *, privilege: int = USER, length: int = 0) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        COMMANDS[netfn, number] = Command(handler, privilege, length)
        return handler

    return register


async def execute(machine: Machine, netfn: int, number: int, data: bytes, privilege: int) -> bytes:
    """Run a command with the session's privilege; returns completion code and data."""
    command = COMMANDS.get((netfn, number))
    if command is None:
        return INVALID_COMMAND
    if privilege < command.privilege:
        return NO_PRIVILEGE
    if len(data) < command.length:
        return SHORT_REQUEST
    return await command.handler(machine, data)


@_command(APP, 0x01)
async def _device_id(_machine: Machine, _data: bytes) -> bytes:
    """20.1; bits of byte 6: chassis device, FRU inventory, SDR repository."""
    return OK + bytes([0x20, 0x01, 0x01, 0x00, 0x02, 0x8A]) + bytes(3) + bytes(2) + bytes(4)


@_command(APP, 0x37)
async def _system_guid(machine: Machine, _data: bytes) -> bytes:
    """22.14; least significant byte first."""
    return OK + machine.uuid.bytes[::-1]


@_command(APP, 0x42, length=1)
async def _channel_info(_machine: Machine, data: bytes) -> bytes:
    """22.24: one LAN channel (medium 4, IPMB protocol), IANA number 7154 of the IPMI forum."""
    if data[0] & 0x0F not in (LAN_CHANNEL, THIS_CHANNEL):
        return INVALID_FIELD
    return OK + bytes([LAN_CHANNEL, 0x04, 0x01, 0x80, 0xF2, 0x1B, 0x00, 0x00, 0x00])


@_command(APP, 0x41, length=2)
async def _channel_access(_machine: Machine, _data: bytes) -> bytes:
    """22.23: always available, administrators at most."""
    return OK + bytes([0x02, ADMINISTRATOR])


@_command(CHASSIS, 0x01)
async def _chassis_status(machine: Machine, _data: bytes) -> bytes:
    """28.2; restore policy: stays off."""
    return OK + bytes([int(await machine.power_state()), 0, 0])


@_command(CHASSIS, 0x02, privilege=OPERATOR, length=1)
async def _chassis_control(machine: Machine, data: bytes) -> bytes:
    """28.3."""
    action = CONTROL.get(data[0] & 0x0F)
    if action is None:
        return INVALID_FIELD
    if action in ("cycle", "reset", "soft") and not await machine.power_state():
        return NOT_IN_THIS_STATE
    machine.act(action)
    return OK


@_command(CHASSIS, 0x08, privilege=OPERATOR, length=1)
async def _set_boot(machine: Machine, data: bytes) -> bytes:
    """28.12; only the boot flags (parameter 5) are kept, the housekeeping around them is accepted."""
    parameter = data[0] & 0x7F
    if parameter in (0, 3, 4):
        return OK
    if parameter != 5:
        return PARAMETER_UNSUPPORTED
    if len(data) < 6:
        return SHORT_REQUEST
    target = BOOT.get(data[2] >> 2 & 0x0F)
    if target is None:
        return INVALID_FIELD
    valid = bool(data[1] & 0x80)
    machine.set_boot(BootOverride(target if valid else "none", bool(data[1] & 0x40), bool(data[1] & 0x20)))
    return OK


@_command(CHASSIS, 0x09, privilege=OPERATOR, length=3)
async def _get_boot(machine: Machine, data: bytes) -> bytes:
    """28.13."""
    parameter = data[0] & 0x7F
    head = OK + bytes([0x01, parameter])
    if parameter == 0:
        return head + b"\0"
    if parameter == 4:
        return head + bytes(2)
    if parameter != 5:
        return PARAMETER_UNSUPPORTED
    boot = machine.boot
    number = next(number for number, target in BOOT.items() if target == boot.target)
    flags = (0x80 if boot.target != "none" else 0) | (0x40 if boot.persistent else 0) | (0x20 if boot.uefi else 0)
    return head + bytes([flags, number << 2, 0, 0, 0])


@_command(STORAGE, 0x10, length=1)
async def _fru_info(machine: Machine, data: bytes) -> bytes:
    """34.1: one FRU, read by bytes."""
    if data[0] != 0:
        return NOT_PRESENT
    return OK + len(_fru(machine)).to_bytes(2, "little") + b"\0"


@_command(STORAGE, 0x11, length=4)
async def _fru_read(machine: Machine, data: bytes) -> bytes:
    """34.2."""
    if data[0] != 0:
        return NOT_PRESENT
    content, offset = _fru(machine), int.from_bytes(data[1:3], "little")
    if offset >= len(content):
        return OUT_OF_RANGE
    part = content[offset : offset + min(data[3], 64)]
    return OK + bytes([len(part)]) + part


@_command(STORAGE, 0x20)
async def _sdr_info(_machine: Machine, _data: bytes) -> bytes:
    """33.9: one record, read only."""
    return OK + bytes([0x51, 1, 0, 0, 0]) + bytes(8) + b"\x02"


@_command(STORAGE, 0x22)
async def _sdr_reserve(_machine: Machine, _data: bytes) -> bytes:
    """33.11."""
    return OK + b"\x01\x00"


@_command(STORAGE, 0x23, length=6)
async def _sdr_read(_machine: Machine, data: bytes) -> bytes:
    """33.12; 0 and 0xFFFF name the first and the last record, which are the same here."""
    if int.from_bytes(data[2:4], "little") not in (0, 1, 0xFFFF):
        return NOT_PRESENT
    offset, count = data[4], data[5]
    if offset >= len(_LOCATOR):
        return OUT_OF_RANGE
    return OK + b"\xff\xff" + _LOCATOR[offset : offset + count]


def _locator() -> bytes:
    """SDR type 12h (43.9): this BMC, a system management module that holds chassis device, FRU and SDRs."""
    body = bytes([0x20, 0x00, 0x00, 0x8A, 0, 0, 0, 0x06, 0x01, 0x00, 0xC3]) + b"BMC"
    return bytes([0x01, 0x00, 0x51, 0x12, len(body)]) + body


_LOCATOR = _locator()


@_command(TRANSPORT, 0x02, privilege=OPERATOR, length=4)
async def _lan_parameter(machine: Machine, data: bytes) -> bytes:
    """23.2 and table 23-4."""
    if data[0] & 0x0F not in (LAN_CHANNEL, THIS_CHANNEL):
        return INVALID_FIELD
    value = _lan_parameters(machine).get(data[1])
    return PARAMETER_UNSUPPORTED if value is None else OK + b"\x11" + value


def _lan_parameters(machine: Machine) -> dict[int, bytes]:
    config = machine.config
    mask = (0xFFFFFFFF << (32 - config.prefixlen)) & 0xFFFFFFFF
    return {
        0: b"\0",
        1: b"\0",
        2: bytes(5),
        3: config.address.packed,
        4: b"\x01",
        5: bytes.fromhex(config.mac.replace(":", "")),
        6: mask.to_bytes(4, "big"),
        12: bytes(4),
        13: bytes(6),
        20: bytes(2),
        21: b"\0",
        22: bytes([len(SUITES)]),
        23: b"\0" + bytes(SUITES).ljust(16, b"\0"),
        24: b"\0" + bytes([0x44] * 8),
    }


def _fru(machine: Machine) -> bytes:
    config = machine.config
    return fru.encode(fru.Fru(manufacturer="scs-rack lab", product=config.model, serial=config.serial))
