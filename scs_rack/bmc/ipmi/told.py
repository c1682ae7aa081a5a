"""From what pyghmi says of a BMC to our facts. It is a stranger's word: of any type, and cleaned."""

import datetime as dt
from typing import Any

from scs_rack.bmc.facts import Board, Event, Health, Sensor, SensorKind
from scs_rack.bmc.redfish.read import clean, items, number, text

_KINDS: dict[str, SensorKind] = {
    "temperature": "temperature",
    "fan": "fan",
    "voltage": "voltage",
    "current": "current",
    "power": "power",
    "watts": "power",
}
_BY_UNIT: dict[str, SensorKind] = {"W": "power", "A": "current", "V": "voltage", "RPM": "fan", "°C": "temperature"}
_UNITS = {"RPM": "rpm", "": ""}
_WARNING, _CRITICAL = 1, 2


def sensors(told: Any) -> tuple[Sensor, ...]:
    """Readings of the sensor data records."""
    return tuple(_sensor(one) for one in items(told))


def events(told: Any) -> tuple[Event, ...]:
    """Entries of the event log, oldest first."""
    return tuple(_event(one) for one in items(told))


def boards(told: Any) -> tuple[Board, ...]:
    """Boards that have a FRU inventory."""
    pairs = [one for one in told if isinstance(one, list) and len(one) == 2] if isinstance(told, list) else []
    return tuple(_board(clean(str(name)), info) for name, info in pairs if isinstance(info, dict))


def _sensor(body: dict[str, Any]) -> Sensor:
    unit = text(body, "units")
    kind = _KINDS.get(text(body, "type").lower()) or _BY_UNIT.get(unit, "other")
    value = number(body, "value")
    states = body.get("states")
    return Sensor(
        name=text(body, "name"),
        kind=_BY_UNIT.get(unit, kind) if kind == "other" else kind,
        value=value,
        unit=_UNITS.get(unit, unit),
        health=_health(body.get("health"), known=value is not None or bool(states)),
        states=tuple(clean(one) for one in states if isinstance(one, str)) if isinstance(states, list) else (),
    )


def _event(body: dict[str, Any]) -> Event:
    words = [text(body, "event"), text(body, "event_data")]
    if body.get("deassertion") is True:
        words.append("(over)")
    return Event(
        number=str(body.get("record_id", ""))[:20],
        time=_time(text(body, "timestamp")),
        severity=_health(body.get("severity"), known="severity" in body),
        text=" ".join(word for word in words if word),
        sensor=text(body, "component") or text(body, "component_type"),
    )


def _board(name: str, info: dict[str, Any]) -> Board:
    def first(*keys: str) -> str:
        return next((word for key in keys if (word := text(info, key))), "")

    return Board(
        name=name,
        manufacturer=first("Manufacturer", "Board manufacturer"),
        model=first("Product name", "Model", "Board product name"),
        serial=first("Serial Number", "Board serial number", "Chassis serial number"),
        part=first("Model", "Board model", "Chassis part number"),
    )


def _health(value: Any, *, known: bool) -> Health:
    """Pyghmi's bits: 1 warning, 2 critical, 4 failed."""
    if not known or not isinstance(value, int):
        return "unknown"
    return "critical" if value >= _CRITICAL else "warning" if value == _WARNING else "ok"


def _time(words: str) -> str:
    """Pyghmi gives local time without a zone."""
    try:
        return dt.datetime.fromisoformat(words).astimezone().isoformat()
    except ValueError:
        return ""
