"""IPMI: payloads beside IPMI itself, which is Serial over LAN, and its settings (chapters 24 and 26)."""

from scs_rack.lab.bmc.ipmi.commands import (
    ADMINISTRATOR,
    APP,
    INVALID_FIELD,
    OK,
    OPERATOR,
    PARAMETER_UNSUPPORTED,
    READ_ONLY,
    TRANSPORT,
    Call,
    command,
    is_lan,
)  # fmt: skip
from scs_rack.lab.bmc.ipmi.sol import CHUNK

SOL = 0x01
ALREADY_ACTIVE, DISABLED = b"\x80", b"\x81"
NOT_ACTIVE = b"\x80"


@command(APP, 0x48, length=6)
def _activate(call: Call) -> bytes:
    """24.1: one console for one session."""
    if call.data[0] & 0x3F != SOL or call.data[1] & 0x0F != 1:
        return INVALID_FIELD
    if not call.server.sol_enabled:
        return DISABLED
    if not call.server.open_console(call.session):
        return ALREADY_ACTIVE
    size = CHUNK.to_bytes(2, "little")
    return OK + bytes(4) + size + size + call.server.port.to_bytes(2, "little") + b"\xff\xff"


@command(APP, 0x49, length=6)
def _deactivate(call: Call) -> bytes:
    """24.2: also of another session, which is how a console that was lost is taken over."""
    if call.data[0] & 0x3F != SOL:
        return INVALID_FIELD
    return OK if call.server.close_console() else NOT_ACTIVE


@command(APP, 0x4A, length=1)
def _status(call: Call) -> bytes:
    """24.4."""
    if call.data[0] & 0x3F != SOL:
        return INVALID_FIELD
    return OK + bytes([1, 1 if call.server.console else 0, 0])


@command(APP, 0x4B, length=2)
def _instance(call: Call) -> bytes:
    """24.5: whose it is."""
    console = call.server.console
    number = console.session.bmc if console else 0
    return OK + number.to_bytes(4, "little") + b"\x01" + bytes(7)


@command(APP, 0x4C, privilege=ADMINISTRATOR, length=6)
def _set_access(call: Call) -> bytes:
    """24.6: every user may open a console."""
    return OK if is_lan(call.data[0]) else INVALID_FIELD


@command(APP, 0x4D, privilege=OPERATOR, length=2)
def _access(_call: Call) -> bytes:
    """24.7."""
    return OK + bytes([0x02, 0, 0, 0])


@command(APP, 0x4E, length=1)
def _support(_call: Call) -> bytes:
    """24.8: IPMI and SOL, and what opens a session."""
    return OK + bytes([0x03, 0x00, 0x3F, 0x00, 0x00, 0x00, 0x00, 0x00])


@command(APP, 0x4F, length=2)
def _version(_call: Call) -> bytes:
    """24.9: 1.0."""
    return OK + b"\x10"


@command(TRANSPORT, 0x22, length=4)
def _get(call: Call) -> bytes:
    """26.3."""
    if not is_lan(call.data[0]):
        return INVALID_FIELD
    values = {
        0: b"\0",
        1: bytes([call.server.sol_enabled]),
        2: b"\xc2",  # encrypted and authenticated, from users on
        3: bytes([10, CHUNK]),
        4: bytes([5, 50]),
        5: b"\x0a",  # 115.2 kbit/s
        6: b"\x0a",
        7: b"\x01",
        8: call.server.port.to_bytes(2, "little"),
    }
    value = values.get(call.data[1])
    return PARAMETER_UNSUPPORTED if value is None else OK + b"\x11" + value


@command(TRANSPORT, 0x21, privilege=ADMINISTRATOR, length=3)
def _set(call: Call) -> bytes:
    """26.2: switches the console; the rest is fixed, and taken when it says what is."""
    if not is_lan(call.data[0]):
        return INVALID_FIELD
    if call.data[1] == 1 and not call.machine.lies:
        call.server.sol_enabled = bool(call.data[2] & 1)
        if not call.server.sol_enabled:
            call.server.close_console()
    if call.data[1] in (7, 8):
        return READ_ONLY
    return OK if call.data[1] <= 6 else PARAMETER_UNSUPPORTED
