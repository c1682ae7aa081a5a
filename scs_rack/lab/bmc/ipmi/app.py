"""IPMI: who the BMC is, its channel, its sessions (chapters 20 to 22)."""

from ipaddress import IPv4Address

from scs_rack.lab.bmc.ipmi.commands import (
    ADMINISTRATOR,
    APP,
    INVALID_FIELD,
    LAN_CHANNEL,
    NOT_PRESENT,
    OK,
    PARAMETER_UNSUPPORTED,
    Call,
    command,
    is_lan,
)  # fmt: skip

MANUFACTURER = 0
"""Unspecified (20.1): nobody shall take this BMC for a vendor's."""
PRODUCT = 0
SUPPORT = 0b10001111
"""Chassis device, FRU inventory, SEL, SDR repository, sensors."""


@command(APP, 0x01)
def _device_id(call: Call) -> bytes:
    """20.1; the version is that of the firmware inventory."""
    words = [int(one) for one in call.machine.firmware["BMC"].version.split(".") if one.isdecimal()]
    major, minor = (*words, 0, 0)[:2]
    version = bytes([major & 0x7F, minor // 10 % 10 << 4 | minor % 10])
    makers = MANUFACTURER.to_bytes(3, "little") + PRODUCT.to_bytes(2, "little")
    return OK + bytes([0x20, 0x01]) + version + bytes([0x02, SUPPORT]) + makers + bytes(4)


@command(APP, 0x02, privilege=ADMINISTRATOR)
@command(APP, 0x03, privilege=ADMINISTRATOR)
def _reset(call: Call) -> bytes:
    """20.2 and 20.3: cold and warm."""
    call.server.later(0.05, call.machine.restart_bmc)
    return OK


@command(APP, 0x04)
def _self_test(_call: Call) -> bytes:
    """20.4: nothing wrong."""
    return OK + b"\x55\x00"


@command(APP, 0x07)
def _acpi_state(call: Call) -> bytes:
    """20.7: S0/D0 or S5/D3."""
    return OK + (b"\x00\x00" if call.on else b"\x05\x03")


@command(APP, 0x08)
@command(APP, 0x37)
def _guid(call: Call) -> bytes:
    """20.8 and 22.14; least significant byte first."""
    return OK + call.machine.uuid.bytes[::-1]


@command(APP, 0x2F)
def _global_enables(_call: Call) -> bytes:
    """22.2: the SEL is on."""
    return OK + b"\x08"


@command(APP, 0x2E, privilege=ADMINISTRATOR, length=1)
def _set_global_enables(_call: Call) -> bytes:
    """22.1: nothing of it can be switched off."""
    return OK


@command(APP, 0x3D, length=1)
def _session_info(call: Call) -> bytes:
    """22.20: one's own, or the n-th."""
    active = [one for one in call.server.sessions.values() if one.active and not one.closed]
    index = call.data[0]
    if index == 0:
        found = call.session
    elif index == 0xFF and len(call.data) >= 5:
        number = int.from_bytes(call.data[1:5], "little")
        known = call.server.sessions.get(number)
        if known is None:
            return NOT_PRESENT
        found = known
    elif index == 0xFE and len(call.data) >= 2:
        same = [one for one in active if one.bmc & 0xFF == call.data[1]]
        if not same:
            return NOT_PRESENT
        found = same[0]
    elif 1 <= index <= len(active):
        found = active[index - 1]
    else:
        return OK + bytes([0, call.server.most, len(active)])
    host, port = found.address
    where = IPv4Address(host).packed + bytes(6) + port.to_bytes(2, "little")
    user = found.account.slot if found.account else 0
    return OK + bytes([found.bmc & 0xFF or 1, call.server.most, len(active), user, found.privilege, 0x11]) + where


@command(APP, 0x42, length=1)
def _channel_info(call: Call) -> bytes:
    """22.24: one LAN channel (medium 4, IPMB protocol), IANA number 7154 of the IPMI forum."""
    if not is_lan(call.data[0]):
        return INVALID_FIELD
    return OK + bytes([LAN_CHANNEL, 0x04, 0x01, 0x80, 0xF2, 0x1B, 0x00, 0x00, 0x00])


@command(APP, 0x41, length=2)
def _channel_access(call: Call) -> bytes:
    """22.23: always available, authentication for each message, administrators at most."""
    return OK + bytes([0x02, ADMINISTRATOR]) if is_lan(call.data[0]) else INVALID_FIELD


@command(APP, 0x40, privilege=ADMINISTRATOR, length=3)
def _set_channel_access(call: Call) -> bytes:
    """22.22: only what it is already."""
    access, limit = call.data[1], call.data[2]
    same = (access >> 6 == 0 or access & 0x07 == 2) and (limit >> 6 == 0 or limit & 0x0F == ADMINISTRATOR)
    return OK if is_lan(call.data[0]) and same else INVALID_FIELD


@command(APP, 0x59, length=4)
def _system_info(call: Call) -> bytes:
    """22.14b: firmware version (1) and name of the system (2), in blocks of 16 bytes."""
    texts = {1: call.machine.firmware["BIOS"].version, 2: call.machine.config.server}
    selector, block = call.data[1], call.data[2]
    if selector == 0:
        return OK + b"\x11\x00"
    text = texts.get(selector, "").encode()[:60]
    if not text:
        return PARAMETER_UNSUPPORTED
    content = bytes([0, len(text)]) + text
    return OK + b"\x11" + bytes([block]) + content[block * 16 : block * 16 + 16].ljust(16, b"\0")
