"""IPMI: readings and thresholds of sensors (chapter 35)."""

from scs_rack.lab.bmc.ipmi.commands import EVENT, INVALID_FIELD, NOT_PRESENT, OK, OPERATOR, Call, command
from scs_rack.lab.bmc.machine import Threshold
from scs_rack.lab.bmc.sensors import THRESHOLDS, Discrete, Sensor, discretes, sensors

_NO_READING = 0x20


def _analogue(call: Call) -> Sensor | None:
    return next((one for one in sensors(call.machine) if one.number == call.data[0]), None)


def _states(call: Call) -> Discrete | None:
    return next((one for one in discretes(call.machine) if one.number == call.data[0]), None)


def _limits(call: Call, one: Sensor) -> dict[Threshold, float]:
    return call.machine.limits(one.number, one.thresholds)


@command(EVENT, 0x2D, length=1)
def _reading(call: Call) -> bytes:
    """35.14."""
    one = _analogue(call)
    if one is not None:
        value = one.read(call.machine, call.on)
        if value is None:
            return OK + bytes([0, 0x40 | _NO_READING, 0xC0])
        raw = one.raw(value)
        beyond = one.state(one.value(raw), _limits(call, one))
        return OK + bytes([raw, 0xC0, 0xC0 | sum(1 << THRESHOLDS.index(name) for name in beyond)])
    states = _states(call)
    if states is None:
        return NOT_PRESENT
    bits = states.bits(call.machine, call.on)
    return OK + bytes([0, 0xC0, bits & 0xFF, 0x80 | bits >> 8 & 0x7F])


@command(EVENT, 0x27, length=1)
def _thresholds(call: Call) -> bytes:
    """35.9."""
    one = _analogue(call)
    if one is None:
        return NOT_PRESENT if _states(call) is None else INVALID_FIELD
    limits = _limits(call, one)
    mask = sum(1 << bit for bit, name in enumerate(THRESHOLDS) if name in limits)
    return OK + bytes([mask]) + bytes(one.raw(limits[name]) if name in limits else 0 for name in THRESHOLDS)


@command(EVENT, 0x26, privilege=OPERATOR, length=8)
def _set_thresholds(call: Call) -> bytes:
    """35.8; only those that the sensor has."""
    one = _analogue(call)
    if one is None:
        return NOT_PRESENT
    wanted = {name: call.data[2 + bit] for bit, name in enumerate(THRESHOLDS) if call.data[1] >> bit & 1}
    if set(wanted) - set(one.thresholds):
        return INVALID_FIELD
    if not call.machine.lies:
        call.machine.thresholds.setdefault(one.number, {}).update({n: one.value(raw) for n, raw in wanted.items()})
    return OK


@command(EVENT, 0x25, length=1)
def _hysteresis(call: Call) -> bytes:
    """35.7: none."""
    return OK + b"\0\0" if _analogue(call) else NOT_PRESENT


@command(EVENT, 0x23, length=2)
def _factors(call: Call) -> bytes:
    """35.5: the same for all readings."""
    one = _analogue(call)
    if one is None:
        return NOT_PRESENT
    factors = bytes([one.m & 0xFF, one.m >> 2 & 0xC0, 0, 0, 0, (one.exponent & 0x0F) << 4])
    return OK + bytes([call.data[1]]) + factors


@command(EVENT, 0x29, length=1)
def _event_enable(call: Call) -> bytes:
    """35.11: all events, and scanning."""
    return OK + b"\xc0\xff\x7f\xff\x7f" if _analogue(call) or _states(call) else NOT_PRESENT


@command(EVENT, 0x2B, length=1)
def _event_status(call: Call) -> bytes:
    """35.13: what is asserted now."""
    one = _analogue(call)
    if one is not None:
        value = one.read(call.machine, call.on)
        beyond = [] if value is None else one.state(value, _limits(call, one))
        place = {"lnc": 0, "lcr": 2, "lnr": 4, "unc": 7, "ucr": 9, "unr": 11}
        bits = sum(1 << place[name] for name in beyond)
    else:
        states = _states(call)
        if states is None:
            return NOT_PRESENT
        bits = states.bits(call.machine, call.on)
    return OK + b"\xc0" + bits.to_bytes(2, "little") + bytes(2)


@command(EVENT, 0x2F, length=1)
def _type(call: Call) -> bytes:
    """35.16."""
    one, states = _analogue(call), _states(call)
    if one:
        return OK + bytes([one.kind, 0x01])
    return OK + bytes([states.kind, 0x6F]) if states else NOT_PRESENT


@command(EVENT, 0x02, privilege=OPERATOR, length=7)
def _platform_event(call: Call) -> bytes:
    """29.3: what software wants in the log; over LAN the generator is given first."""
    generator, data = (call.data[0], call.data[1:]) if len(call.data) >= 8 else (0x41, call.data)
    if not call.machine.lies:
        call.machine.log.add_raw(bytes([0, 0, 2, 0, 0, 0, 0, generator, 0]) + data[:7])
    return OK


@command(EVENT, 0x10)
def _pef(_call: Call) -> bytes:
    """30.1: no platform event filters."""
    return OK + b"\x51\x00\x00"
