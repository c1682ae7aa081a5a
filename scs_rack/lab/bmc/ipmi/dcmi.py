"""DCMI 1.5 over IPMI: power reading and limit, asset tag, controller id (its chapter 6)."""

from collections.abc import Callable

from scs_rack.lab.bmc.eventlog import CAPACITY
from scs_rack.lab.bmc.ipmi.commands import (
    ADMINISTRATOR,
    COMMANDS,
    GROUP,
    INVALID_COMMAND,
    INVALID_FIELD,
    OK,
    OPERATOR,
    OUT_OF_RANGE,
    SHORT_REQUEST,
    Call,
    Command,
    Handler,
)  # fmt: skip
from scs_rack.lab.bmc.ipmi.sdr import records
from scs_rack.lab.bmc.sensors import TEMPERATURE, Sensor, sensors

DCMI = 0xDC
NO_LIMIT = b"\x80"
LIMIT_OUT_OF_RANGE, CORRECTION_OUT_OF_RANGE, PERIOD_OUT_OF_RANGE = b"\x84", b"\x85", b"\x89"
_ACTIONS = {0x00: "none", 0x01: "off", 0x11: "log"}
_ENTITIES = {0x40: 0x37, 0x41: 0x03, 0x42: 0x20, 0x37: 0x37, 0x03: 0x03, 0x07: 0x20}
"""Entities of temperatures as DCMI calls them, and as the records do."""
TAG_MAX, ID_MAX = 63, 64


def _dcmi(number: int, *, privilege: int = 2, length: int = 0) -> Callable[[Handler], Handler]:
    """Register a handler; it sees the data behind the group byte, and its answer gets that byte in front."""

    def register(handler: Handler) -> Handler:
        def grouped(call: Call) -> bytes:
            if not call.data or call.data[0] != DCMI:
                return INVALID_COMMAND
            if len(call.data) - 1 < length:
                return SHORT_REQUEST
            answer = handler(Call(call.machine, call.server, call.session, call.data[1:]))
            return answer[:1] + bytes([DCMI]) + answer[1:]

        COMMANDS[GROUP, number] = Command(grouped, privilege, 1)
        return handler

    return register


@_dcmi(0x01, length=1)
def _capabilities(call: Call) -> bytes:
    """6.1.1."""
    found = {
        1: bytes([0x00, 0x01, 0x00]),  # power management; nothing but the primary LAN
        2: CAPACITY.to_bytes(2, "little") + bytes([0x05, 0x07, 0x01]),
        3: bytes([0x20, 0x00]),
        4: bytes([0x01, 0xFF, 0xFF]),
        5: bytes([0x01, 0x41]),  # one rolling average: a minute
    }.get(call.data[0])
    return INVALID_FIELD if found is None else OK + bytes([0x01, 0x05, 0x02]) + found


@_dcmi(0x02, length=3)
def _power(call: Call) -> bytes:
    """6.6.1: normal (1) and enhanced (2) statistics are the same here."""
    if call.data[0] not in (1, 2):
        return INVALID_FIELD
    meter = call.machine.meter
    now = meter.watts(on=call.on)
    watts = (now, meter.least, meter.most, meter.mean)
    stamp = int(call.machine.clock.now()) & 0xFFFFFFFF
    period = max(1000, min(int(meter.seconds * 1000), 0xFFFFFFFF))
    values = b"".join(min(round(one), 0xFFFF).to_bytes(2, "little") for one in watts)
    return OK + values + stamp.to_bytes(4, "little") + period.to_bytes(4, "little") + b"\x40"


@_dcmi(0x03)
def _limit(call: Call) -> bytes:
    """6.6.2."""
    limit = call.machine.meter.limit
    action = next(code for code, name in _ACTIONS.items() if name == limit.action)
    data = bytes(2) + bytes([action]) + limit.watts.to_bytes(2, "little") + limit.correction_ms.to_bytes(4, "little")
    return (OK if limit.active else NO_LIMIT) + data + bytes(2) + limit.period_s.to_bytes(2, "little")


@_dcmi(0x04, privilege=OPERATOR, length=14)
def _set_limit(call: Call) -> bytes:
    """6.6.3: it comes into force when it is activated."""
    meter, data = call.machine.meter, call.data
    watts, correction = int.from_bytes(data[4:6], "little"), int.from_bytes(data[6:10], "little")
    period = int.from_bytes(data[12:14], "little")
    if data[3] not in _ACTIONS:
        return INVALID_FIELD
    if not meter.lowest_limit <= watts <= meter.highest:
        return LIMIT_OUT_OF_RANGE
    if correction > 600_000:
        return CORRECTION_OUT_OF_RANGE
    if not 1 <= period <= 3600:
        return PERIOD_OUT_OF_RANGE
    if not call.machine.lies:
        limit = meter.limit
        limit.watts, limit.correction_ms, limit.period_s = watts, correction, period
        limit.action = _ACTIONS[data[3]]  # type: ignore[assignment]
    return OK


@_dcmi(0x05, privilege=OPERATOR, length=1)
def _activate(call: Call) -> bytes:
    """6.6.4."""
    if call.data[0] > 1:
        return INVALID_FIELD
    if not call.machine.lies:
        call.machine.meter.limit.active = call.data[0] == 1
    return OK


@_dcmi(0x06, length=2)
def _tag(call: Call) -> bytes:
    """6.4.2."""
    return _text(call, call.machine.asset_tag.encode("utf-8"))


def _text(call: Call, content: bytes) -> bytes:
    offset, count = call.data[0], min(call.data[1], 16)
    if offset and offset >= len(content):
        return OUT_OF_RANGE
    return OK + bytes([len(content)]) + content[offset : offset + count]


@_dcmi(0x08, privilege=OPERATOR, length=2)
def _set_tag(call: Call) -> bytes:
    """6.4.3: what is written ends the tag."""
    offset, data = call.data[0], call.data[2 : 2 + min(call.data[1], 16)]
    before = call.machine.asset_tag.encode("utf-8")
    if offset > len(before) or offset + len(data) > TAG_MAX:
        return OUT_OF_RANGE
    fresh = before[:offset] + data
    if not call.machine.lies:
        call.machine.asset_tag = fresh.rstrip(b"\0").decode("utf-8", "replace")
        call.machine.save()
    return OK + bytes([len(fresh)])


@_dcmi(0x09, length=2)
def _id(call: Call) -> bytes:
    """6.4.6.1."""
    return _text(call, _controller(call))


def _controller(call: Call) -> bytes:
    return (call.machine.controller_id or f"{call.machine.config.server}-bmc").encode()[: ID_MAX - 1] + b"\0"


@_dcmi(0x0A, privilege=ADMINISTRATOR, length=2)
def _set_id(call: Call) -> bytes:
    """6.4.6.2."""
    offset, data = call.data[0], call.data[2 : 2 + min(call.data[1], 16)]
    before = _controller(call)
    if offset > len(before) or offset + len(data) > ID_MAX:
        return OUT_OF_RANGE
    fresh = (before[:offset] if offset else b"") + data
    if not call.machine.lies:
        call.machine.controller_id = fresh.rstrip(b"\0").decode("utf-8", "replace")
    return OK + bytes([len(fresh)])


def _temperatures(call: Call) -> list[Sensor]:
    entity = _ENTITIES.get(call.data[1], call.data[1])
    found = [one for one in sensors(call.machine) if one.kind == TEMPERATURE and one.entity[0] == entity]
    return [one for one in found if call.data[2] in (0, one.entity[1])]


@_dcmi(0x07, length=4)
def _sensor_info(call: Call) -> bytes:
    """6.5.2: record ids of temperature sensors."""
    if call.data[0] != TEMPERATURE:
        return INVALID_FIELD
    found = _temperatures(call)
    ids = [number for number, raw in enumerate(records(call.machine), 1)
           if raw[3] == 0x01 and any(raw[7] == one.number for one in found)][:8]  # fmt: skip
    return OK + bytes([len(found), len(ids)]) + b"".join(one.to_bytes(2, "little") for one in ids)


@_dcmi(0x10, length=4)
def _temperature(call: Call) -> bytes:
    """6.7.3: readings in degrees, bit 7 for those below zero."""
    if call.data[0] != TEMPERATURE:
        return INVALID_FIELD
    found = [(one, one.read(call.machine, call.on)) for one in _temperatures(call)]
    pairs = [bytes([min(127, round(value)), one.entity[1]]) for one, value in found if value is not None][:8]
    return OK + bytes([len(found), len(pairs)]) + b"".join(pairs)
