"""The system event log of a virtual BMC: records of 16 bytes (IPMI v2.0, 32.1), told in words for Redfish."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from scs_rack.lab.bmc.clock import Clock

Severity = Literal["OK", "Warning", "Critical"]
CAPACITY = 512
BMC_GENERATOR = 0x0020
SENSOR_SPECIFIC = 0x6F


@dataclass(frozen=True)
class Record:
    """One entry."""

    number: int
    created: float
    """Seconds of the BMC's clock."""
    raw: bytes
    """All 16 bytes, record id included."""
    text: str
    severity: Severity = "OK"

    @property
    def code(self) -> str:
        """The six bytes that say what happened, in hex."""
        return self.raw[10:16].hex()


class EventLog:
    """Entries, the oldest first; full means that nothing more is taken, as with real ones."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.records: dict[int, Record] = {}
        self._next = 1
        self.added = 0
        """Clock of the last addition."""
        self.erased = 0
        self.lost = False
        """True once an entry found no room."""
        self.listeners: list[Callable[[Record], None]] = []

    def add(
        self, sensor_type: int, sensor: int, data: bytes, text: str, severity: Severity = "OK", *,
        event_type: int = SENSOR_SPECIFIC, deassert: bool = False,
    ) -> Record | None:  # fmt: skip
        """Add what a sensor saw; None when the log is full."""
        body = bytes([0x04, sensor_type, sensor, event_type | (0x80 if deassert else 0)]) + data.ljust(3, b"\xff")[:3]
        return self._put(0x02, BMC_GENERATOR.to_bytes(2, "little") + body, text, severity)

    def add_raw(self, raw: bytes) -> Record | None:
        """Add 16 bytes that a client gave; number and, for system events, the time are ours."""
        if raw[2] < 0xE0:
            kind, body = raw[2], raw[7:16]
            return self._put(kind, body, f"Event of type {body[3]:02x}h by sensor {body[4]:02x}h", "OK")
        number, now = self._take()
        if number is None:
            return None
        return self._keep(Record(number, now, number.to_bytes(2, "little") + raw[2:16], "OEM record"))

    def clear(self) -> None:
        """Empty it; says so in its first new entry."""
        self.records.clear()
        self.lost = False
        self.erased = int(self._clock.now())
        self.add(0x10, 0x01, b"\x02", "The event log was cleared")

    def delete(self, number: int) -> bool:
        """Delete one entry; False if there is none."""
        self.erased = int(self._clock.now())
        return self.records.pop(number, None) is not None

    def find(self, number: int) -> Record | None:
        """An entry; 0 names the first, FFFFh the last."""
        if number in (0, 0xFFFF):
            numbers = list(self.records)
            return self.records[numbers[0 if number == 0 else -1]] if numbers else None
        return self.records.get(number)

    def after(self, number: int) -> int:
        """Number of the entry behind one; FFFFh behind the last."""
        numbers = list(self.records)
        place = numbers.index(number) + 1
        return numbers[place] if place < len(numbers) else 0xFFFF

    def _take(self) -> tuple[int | None, int]:
        now = int(self._clock.now())
        if len(self.records) >= CAPACITY:
            self.lost = True
            return None, now
        number, self._next = self._next, self._next % 0xFFFE + 1
        while number in self.records:
            number = self._next
            self._next = self._next % 0xFFFE + 1
        return number, now

    def _put(self, kind: int, body: bytes, text: str, severity: Severity) -> Record | None:
        number, now = self._take()
        if number is None:
            return None
        head = number.to_bytes(2, "little") + bytes([kind]) + (now & 0xFFFFFFFF).to_bytes(4, "little")
        return self._keep(Record(number, now, head + body[:9].ljust(9, b"\xff"), text, severity))

    def _keep(self, record: Record) -> Record:
        self.records[record.number] = record
        self.added = int(self._clock.now())
        for listener in list(self.listeners):
            listener(record)
        return record
