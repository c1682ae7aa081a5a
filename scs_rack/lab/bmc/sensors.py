"""Sensors of the server: what they read now, their thresholds, and their raw form (IPMI v2.0, 36.3)."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from scs_rack.lab.bmc.machine import Machine, Threshold

THRESHOLDS: tuple[Threshold, ...] = ("lnc", "lcr", "lnr", "unc", "ucr", "unr")
"""In the order of IPMI's bits (35.9)."""
TEMPERATURE, VOLTAGE, CURRENT, FAN, POWER = 0x01, 0x02, 0x03, 0x04, 0x0B


@dataclass(frozen=True)
class Sensor:
    """An analogue sensor."""

    number: int
    name: str
    kind: int
    """IPMI sensor type."""
    unit: int
    """IPMI unit: 1 degrees Celsius, 4 volts, 6 watts, 18 revolutions a minute."""
    entity: tuple[int, int]
    """IPMI entity id and instance."""
    m: int
    exponent: int
    """A raw value r reads as m × r × 10^exponent."""
    context: str
    """Redfish PhysicalContext."""
    thresholds: dict[Threshold, float]
    read: Callable[[Machine, bool], float | None]
    """The reading while the server is on or off; None when there is none."""
    b: int = 0

    def raw(self, value: float) -> int:
        """The byte that says a value."""
        return min(255, max(0, round(value / 10.0**self.exponent / self.m)))

    def value(self, raw: int) -> float:
        """The value that a byte says."""
        return round(self.m * raw * 10.0**self.exponent, 6)

    def state(self, value: float, limits: dict[Threshold, float] | None = None) -> list[Threshold]:
        """Thresholds that a value is beyond; `limits` stand in for the sensor's own."""
        return [
            name
            for name, at in (limits or self.thresholds).items()
            if (value <= at if name.startswith("l") else value >= at)
        ]


@dataclass(frozen=True)
class Discrete:
    """A sensor with states."""

    number: int
    name: str
    kind: int
    entity: tuple[int, int]
    bits: Callable[[Machine, bool], int]
    """States that are asserted."""


def _wave(machine: Machine, number: int, size: float) -> float:
    """A slow drift that differs from server to server."""
    phase = machine.uuid.int % 97 + number
    return size * math.sin(time.time() / 47 + phase)


def _temperature(number: int, base: float, per_load: float, *, always: bool = False) -> Callable[..., float | None]:
    def read(machine: Machine, on: bool) -> float | None:
        if not on and not always:
            return None
        return base + (machine.meter.load * per_load if on else 0) + _wave(machine, number, 1.2)

    return read


def _fan(number: int) -> Callable[..., float | None]:
    def read(machine: Machine, on: bool) -> float | None:
        return 4800 + 6000 * machine.meter.load + _wave(machine, number, 150) if on else None

    return read


def _volts(number: int, nominal: float, *, always: bool = False) -> Callable[..., float | None]:
    def read(machine: Machine, on: bool) -> float | None:
        return nominal + _wave(machine, number, nominal * 0.005) if on or always else None

    return read


def _watts(part: float) -> Callable[..., float | None]:
    def read(machine: Machine, on: bool) -> float | None:
        return machine.meter.watts(on=on) * part

    return read


def sensors(machine: Machine) -> tuple[Sensor, ...]:
    """The analogue sensors of a server; servers with the same parts share them."""
    return _sensors(machine.config.psus, machine.config.power_w)


@lru_cache(maxsize=32)
def _sensors(psus: int, power_w: float) -> tuple[Sensor, ...]:
    found = [
        Sensor(0x01, "Inlet Temp", TEMPERATURE, 1, (0x37, 1), 1, 0, "Intake",
               {"lcr": 0, "lnc": 5, "unc": 38, "ucr": 42, "unr": 47}, _temperature(1, 23, 0, always=True)),
        Sensor(0x02, "Exhaust Temp", TEMPERATURE, 1, (0x17, 1), 1, 0, "Exhaust",
               {"unc": 65, "ucr": 70, "unr": 75}, _temperature(2, 31, 14)),
        Sensor(0x03, "CPU1 Temp", TEMPERATURE, 1, (0x03, 1), 1, 0, "CPU",
               {"unc": 85, "ucr": 95, "unr": 100}, _temperature(3, 42, 34)),
        Sensor(0x04, "DIMM Temp", TEMPERATURE, 1, (0x20, 1), 1, 0, "Memory",
               {"unc": 80, "ucr": 85}, _temperature(4, 36, 12)),
    ]  # fmt: skip
    found += [
        Sensor(0x10 + n, f"Fan{n}", FAN, 18, (0x1D, n), 100, 0, "Fan", {"lnc": 1500, "lcr": 1000, "lnr": 500},
               _fan(0x10 + n))
        for n in range(1, 5)
    ]  # fmt: skip
    rails = (("12V", 12.0, 7, -2, False), ("5V", 5.0, 3, -2, False), ("3.3V Standby", 3.3, 2, -2, True))
    found += [
        Sensor(0x20 + n, name, VOLTAGE, 4, (0x07, n), m, exponent, "SystemBoard",
               {"lcr": volts * 0.9, "lnc": volts * 0.95, "unc": volts * 1.05, "ucr": volts * 1.1},
               _volts(0x20 + n, volts, always=always))
        for n, (name, volts, m, exponent, always) in enumerate(rails, 1)
    ]  # fmt: skip
    step = max(1, math.ceil(power_w * 1.2 / 255))
    found += [
        Sensor(0x40 + n, f"PSU{n} Input Power", POWER, 6, (0x0A, n), step, 0, "PowerSupply", {"unc": power_w},
               _watts(1 / psus))
        for n in range(1, psus + 1)
    ]  # fmt: skip
    found += [Sensor(0x50, "Total Power", POWER, 6, (0x13, 1), step, 0, "Chassis", {"unc": power_w}, _watts(1.0))]
    return tuple(found)


def discretes(machine: Machine) -> tuple[Discrete, ...]:
    """The sensors with states."""
    supplies = [
        Discrete(0x70 + n, f"PSU{n} Status", 0x08, (0x0A, n), lambda _m, _on: 1)
        for n in range(1, machine.config.psus + 1)
    ]
    return (
        Discrete(0x60, "ACPI State", 0x22, (0x13, 1), lambda _m, on: 1 if on else 1 << 5),
        Discrete(0x61, "CPU1 Status", 0x07, (0x03, 1), lambda _m, _on: 1 << 7),
        Discrete(0x62, "Intrusion", 0x05, (0x17, 1), lambda _m, _on: 0),
        Discrete(0x63, "Watchdog", 0x23, (0x06, 1), lambda _m, _on: 0),
        Discrete(0x64, "SEL Fullness", 0x10, (0x06, 1), lambda m, _on: 1 << 4 if m.log.lost else 0),
        *supplies,
    )
