"""IPMI: user accounts (22.26 to 22.30), the same that Redfish shows."""

import hmac
from dataclasses import replace

from scs_rack.lab.bmc.accounts import NO_ACCESS, NULL_USER, SLOTS
from scs_rack.lab.bmc.ipmi.commands import (
    ADMINISTRATOR,
    APP,
    INVALID_FIELD,
    OK,
    OPERATOR,
    OUT_OF_RANGE,
    SHORT_REQUEST,
    Call,
    command,
    is_lan,
)  # fmt: skip

DISABLE, ENABLE, SET, TEST = range(4)
WRONG_PASSWORD, WRONG_SIZE = b"\x80", b"\x81"


def _slot(byte: int) -> int | None:
    return byte & 0x3F if 1 <= byte & 0x3F <= SLOTS else None


@command(APP, 0x44, privilege=OPERATOR, length=2)
def _access(call: Call) -> bytes:
    """22.27."""
    slot = _slot(call.data[1])
    if slot is None or not is_lan(call.data[0]):
        return INVALID_FIELD
    accounts = call.machine.accounts
    one = accounts.slot(slot)
    enabled = sum(account.enabled for account in accounts.slots.values())
    access = one.level | (0x30 if one.level != NO_ACCESS else 0)
    return OK + bytes([SLOTS, (0x40 if one.enabled else 0x80) | enabled, 1, access])


@command(APP, 0x43, privilege=ADMINISTRATOR, length=3)
def _set_access(call: Call) -> bytes:
    """22.26."""
    slot, level = _slot(call.data[1]), call.data[2] & 0x0F
    if slot is None or not is_lan(call.data[0]) or level not in (1, 2, 3, 4, NO_ACCESS):
        return INVALID_FIELD
    if call.machine.lies:
        return OK
    messaging = not call.data[0] & 0x80 or call.data[0] & 0x10
    level = max(2, level) if messaging else NO_ACCESS
    call.machine.accounts.put(replace(call.machine.accounts.slot(slot), level=level))
    return OK


@command(APP, 0x46, privilege=OPERATOR, length=1)
def _name(call: Call) -> bytes:
    """22.29."""
    slot = _slot(call.data[0])
    if slot is None:
        return OUT_OF_RANGE
    return OK + call.machine.accounts.slot(slot).name.encode()[:16].ljust(16, b"\0")


@command(APP, 0x45, privilege=ADMINISTRATOR, length=17)
def _set_name(call: Call) -> bytes:
    """22.28; the null user has no name, and no name stands twice."""
    slot = _slot(call.data[0])
    try:
        name = call.data[1:17].rstrip(b"\0").decode("ascii")
    except UnicodeDecodeError:
        return INVALID_FIELD
    if slot is None or slot == NULL_USER or not name.isprintable():
        return INVALID_FIELD
    accounts = call.machine.accounts
    other = accounts.named(name)
    if other and other.slot != slot:
        return INVALID_FIELD
    if not call.machine.lies:
        one = accounts.slot(slot)
        if name:
            accounts.put(replace(one, name=name))
        else:
            accounts.remove(slot)
    return OK


@command(APP, 0x47, privilege=ADMINISTRATOR, length=2)
def _password(call: Call) -> bytes:
    """22.30: switch on and off, set, test."""
    slot, operation = _slot(call.data[0]), call.data[1] & 0x03
    if slot is None:
        return OUT_OF_RANGE
    size = 20 if call.data[0] & 0x80 else 16
    accounts = call.machine.accounts
    one = accounts.slot(slot)
    if operation in (DISABLE, ENABLE):
        if not call.machine.lies:
            accounts.put(replace(one, enabled=operation == ENABLE))
        return OK
    if len(call.data) < 2 + size:
        return SHORT_REQUEST
    given = call.data[2 : 2 + size].rstrip(b"\0")
    if operation == TEST:
        return _tested(one.password.encode(), given, size)
    if not given.isascii():
        return INVALID_FIELD
    if not call.machine.lies:
        accounts.put(replace(one, password=given.decode("ascii"), must_change=False))
    return OK


def _tested(password: bytes, given: bytes, size: int) -> bytes:
    """A password of more than 16 bytes is stored as one of 20 (22.30)."""
    if password and (len(password) > 16) != (size == 20 and len(given) > 16):
        return WRONG_SIZE
    return OK if password and hmac.compare_digest(given, password) else WRONG_PASSWORD
