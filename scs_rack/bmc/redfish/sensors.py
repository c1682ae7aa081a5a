"""Readings: Thermal and Power of the chassis, or their Sensors where there are none of those."""

from scs_rack.bmc.facts import Sensor, SensorKind
from scs_rack.bmc.redfish.read import absent, health, items, link, number, text
from scs_rack.bmc.redfish.tree import Json, Tree

_KINDS: dict[str, SensorKind] = {
    "Temperature": "temperature",
    "Voltage": "voltage",
    "Current": "current",
    "Power": "power",
    "EnergykWh": "energy",
    "EnergyJoules": "energy",
    "Rotational": "fan",
}
_UNITS = {"Cel": "°C", "RPM": "rpm", "Percent": "%", "{rev}/min": "rpm", "kW.h": "kWh"}


async def read(tree: Tree) -> tuple[Sensor, ...]:
    """All readings of the host's chassis."""
    found: list[Sensor] = []
    for chassis in await tree.chassis():
        old = [*await _thermal(tree, chassis), *await _power(tree, chassis)]
        found += old or [_sensor(body) async for _, body in tree.members(link(chassis, "Sensors")) if not absent(body)]
    return tuple(found)


async def _thermal(tree: Tree, chassis: Json) -> list[Sensor]:
    body = await tree.optional(link(chassis, "Thermal"))
    found = [_old(one, "temperature", "ReadingCelsius", "°C") for one in items(body, "Temperatures") if not absent(one)]
    for one in items(body, "Fans"):
        if not absent(one):
            unit = text(one, "ReadingUnits") or "rpm"
            found.append(_old(one, "fan", "Reading", _UNITS.get(unit, unit.lower())))
    return found


async def _power(tree: Tree, chassis: Json) -> list[Sensor]:
    body = await tree.optional(link(chassis, "Power"))
    found = [_old(one, "voltage", "ReadingVolts", "V") for one in items(body, "Voltages") if not absent(one)]
    found += [_old(one, "power", "PowerConsumedWatts", "W") for one in items(body, "PowerControl") if not absent(one)]
    for one in items(body, "PowerSupplies"):
        if not absent(one):
            key = "PowerInputWatts" if number(one, "PowerInputWatts") is not None else "LastPowerOutputWatts"
            found.append(_old(one, "power", key, "W"))
    return found


def _old(body: Json, kind: SensorKind, key: str, unit: str) -> Sensor:
    return Sensor(
        name=text(body, "Name") or text(body, "FanName") or text(body, "MemberId"),
        kind=kind,
        value=number(body, key),
        unit=unit,
        health=health(body),
        low=number(body, "LowerThresholdCritical"),
        high=number(body, "UpperThresholdCritical"),
    )


def _sensor(body: Json) -> Sensor:
    unit = text(body, "ReadingUnits")
    kind = _KINDS.get(text(body, "ReadingType"), "other")
    if kind == "other" and text(body, "PhysicalContext") == "Fan":
        kind = "fan"
    return Sensor(
        name=text(body, "Name") or text(body, "Id"),
        kind=kind,
        value=number(body, "Reading"),
        unit=_UNITS.get(unit, unit),
        health=health(body),
        low=number(body, "Thresholds", "LowerCritical", "Reading"),
        high=number(body, "Thresholds", "UpperCritical", "Reading"),
    )
