"""IPMI: the LAN channel (chapter 23)."""

from scs_rack.bmc.ipmi.suites import SUITES
from scs_rack.lab.bmc.ipmi.commands import (
    ADMINISTRATOR,
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
from scs_rack.lab.bmc.machine import Machine


@command(TRANSPORT, 0x02, privilege=OPERATOR, length=4)
def _get(call: Call) -> bytes:
    """23.2 and table 23-4."""
    if not is_lan(call.data[0]):
        return INVALID_FIELD
    if call.data[0] & 0x80:
        return OK + b"\x11"
    value = _parameters(call.machine).get(call.data[1])
    return PARAMETER_UNSUPPORTED if value is None else OK + b"\x11" + value


@command(TRANSPORT, 0x01, privilege=ADMINISTRATOR, length=3)
def _set(call: Call) -> bytes:
    """23.1: the rack file decides the address, so only the housekeeping is taken."""
    if not is_lan(call.data[0]):
        return INVALID_FIELD
    if call.data[1] == 0:
        return OK
    return READ_ONLY if call.data[1] in _parameters(call.machine) else PARAMETER_UNSUPPORTED


def _parameters(machine: Machine) -> dict[int, bytes]:
    config = machine.config
    mask = (0xFFFFFFFF << (32 - config.prefixlen)) & 0xFFFFFFFF
    return {
        0: b"\0",  # set complete
        1: b"\0",  # authentication types of IPMI 1.5: none
        2: bytes(5),
        3: config.address.packed,
        4: b"\x01",  # static
        5: bytes.fromhex(config.mac.replace(":", "")),
        6: mask.to_bytes(4, "big"),
        7: b"\x40\x40\x10",  # time to live, flags, type of service
        8: b"\x6f\x02",  # port 623
        10: b"\x02",  # answers ARP, no gratuitous ARP
        11: b"\0",
        12: bytes(4),
        13: bytes(6),
        14: bytes(4),
        15: bytes(6),
        16: b"public".ljust(18, b"\0"),
        17: b"\0",  # no alert destinations
        20: bytes(2),  # no VLAN
        21: b"\0",
        22: bytes([len(SUITES)]),
        23: b"\0" + bytes(SUITES).ljust(16, b"\0"),
        24: b"\0" + bytes([0x44] * 8),  # administrators with each suite
        26: bytes([0, machine.accounts.lock_after & 0xFF])
        + (machine.accounts.lock_seconds // 10).to_bytes(2, "little") * 2,  # in units of ten seconds
    }
