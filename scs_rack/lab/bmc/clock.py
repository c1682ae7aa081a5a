"""The clock of a virtual BMC: the machine's own with an offset, since each BMC can be set on its own."""

import time
from datetime import UTC, datetime

from scs_rack.lab.bmc.faults import LiveFaults


class Clock:
    """Seconds since 1970, UTC."""

    def __init__(self, faults: LiveFaults) -> None:
        self._faults = faults
        self._offset = 0.0
        self._reset = False
        self.utc_offset = 0
        """Minutes east of UTC that the BMC shows (IPMI Get SEL Time UTC Offset, Redfish DateTimeLocalOffset)."""
        self.ntp = False
        """True while the operator has time servers switched on."""
        self.servers: list[str] = []

    def now(self) -> float:
        """What the BMC takes for the time."""
        broken = "clock-1970" in self._faults
        if broken != self._reset:
            self._reset = broken
            self._offset = -time.time() if broken else 0.0
        return max(0.0, time.time() + self._offset)

    def set(self, seconds: float) -> None:
        """Set it."""
        self.now()
        self._offset = seconds - time.time()

    def stamp(self, seconds: float | None = None) -> str:
        """Date and time as Redfish writes it."""
        when = datetime.fromtimestamp(self.now() if seconds is None else seconds, UTC)
        return when.isoformat(timespec="seconds")
