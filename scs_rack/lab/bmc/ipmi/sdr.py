"""IPMI: sensor data records (chapters 33 and 43)."""

from scs_rack.lab.bmc.ipmi.commands import (
    NOT_PRESENT,
    OK,
    OUT_OF_RANGE,
    RESERVATION_LOST,
    STORAGE,
    Call,
    command,
)  # fmt: skip
from scs_rack.lab.bmc.machine import Machine
from scs_rack.lab.bmc.sensors import THRESHOLDS, Discrete, Sensor, discretes, sensors

OWNER = 0x20
VERSION = 0x51
_STORE: dict[tuple[int, float], tuple[bytes, ...]] = {}


def _name(text: str) -> bytes:
    raw = text.encode("ascii")[:16]
    return bytes([0xC0 | len(raw)]) + raw


def _record(number: int, kind: int, body: bytes) -> bytes:
    return number.to_bytes(2, "little") + bytes([VERSION, kind, len(body)]) + body


def _full(one: Sensor) -> bytes:
    """Type 01h (43.1): an analogue sensor with its thresholds and the way from byte to value."""
    mask = sum(1 << bit for bit, name in enumerate(THRESHOLDS) if name in one.thresholds)
    lower = sum(1 << 2 * bit for bit in range(3) if mask >> bit & 1) | (mask & 0x07) << 12
    upper = sum(1 << 7 + 2 * bit for bit in range(3) if mask >> 3 + bit & 1)
    above = upper | (mask >> 3 & 0x07) << 12
    events = upper | lower
    head = bytes([OWNER, 0, one.number, *one.entity, 0x7F, 0x48, one.kind, 0x01])
    masks = events.to_bytes(2, "little") + above.to_bytes(2, "little") + bytes([mask, mask])
    units = bytes([0x00, one.unit, 0x00, 0x00])
    factors = bytes([one.m & 0xFF, one.m >> 2 & 0xC0, 0, 0, 0, (one.exponent & 0x0F) << 4])
    limits = {name: one.raw(at) for name, at in one.thresholds.items()}
    values = bytes(limits.get(name, 0) for name in ("unr", "ucr", "unc", "lnr", "lcr", "lnc"))
    nominal = bytes([0x00, 0, 0, 0, 0xFF, 0x00])
    return head + masks + units + factors + nominal + values + bytes([0, 0, 0, 0, 0]) + _name(one.name)


def _compact(one: Discrete) -> bytes:
    """Type 02h (43.2): a sensor with states."""
    head = bytes([OWNER, 0, one.number, *one.entity, 0x63, 0x40, one.kind, 0x6F])
    states = b"\xff\x7f" * 3
    return head + states + bytes([0xC0, 0, 0, 0x01, 0x00, 0, 0, 0, 0, 0, 0]) + _name(one.name)


def _fru_locator() -> bytes:
    """Type 11h (43.8): FRU 0, logical, of the system board."""
    return bytes([OWNER, 0x00, 0x80, 0x00, 0x00, 0x10, 0x00, 0x07, 0x01, 0x00]) + _name("Server FRU")


def _locator() -> bytes:
    """Type 12h (43.9): this BMC, a system management module that holds chassis device, SEL, FRU, SDRs, sensors."""
    return bytes([OWNER, 0x00, 0x00, 0x8F, 0, 0, 0, 0x06, 0x01, 0x00]) + _name("BMC")


def records(machine: Machine) -> tuple[bytes, ...]:
    """All records; servers with the same parts share them."""
    key = (machine.config.psus, machine.config.power_w)
    if key not in _STORE:
        bodies = [(0x12, _locator()), (0x11, _fru_locator())]
        bodies += [(0x01, _full(one)) for one in sensors(machine)]
        bodies += [(0x02, _compact(one)) for one in discretes(machine)]
        _STORE[key] = tuple(_record(number, kind, body) for number, (kind, body) in enumerate(bodies, 1))
    return _STORE[key]


@command(STORAGE, 0x20)
def _info(call: Call) -> bytes:
    """33.9: reserving is there, writing is not."""
    count = len(records(call.machine)).to_bytes(2, "little")
    return OK + bytes([VERSION]) + count + bytes(2) + bytes(8) + b"\x02"


@command(STORAGE, 0x22)
def _reserve(call: Call) -> bytes:
    """33.11."""
    return OK + call.server.reserve("sdr").to_bytes(2, "little")


@command(STORAGE, 0x23, length=6)
def _read(call: Call) -> bytes:
    """33.12; 0 names the first record, FFFFh the last."""
    found = records(call.machine)
    number = int.from_bytes(call.data[2:4], "little")
    number = 1 if number == 0 else len(found) if number == 0xFFFF else number
    if not 1 <= number <= len(found):
        return NOT_PRESENT
    offset, count = call.data[4], call.data[5]
    record = found[number - 1]
    if offset and not call.server.reserved("sdr", call.data[0:2]):
        return RESERVATION_LOST
    if offset >= len(record):
        return OUT_OF_RANGE
    following = number + 1 if number < len(found) else 0xFFFF
    return OK + following.to_bytes(2, "little") + record[offset : offset + count]
