"""What the server draws, and the limit of it: one meter for DCMI and Redfish."""

import time
from dataclasses import dataclass
from typing import Literal

from scs_rack.lab.bmc.power import PowerBackend

STANDBY_W = 6.0
IDLE_PART = 0.4
"""Part of the highest draw that a server without work takes."""
MIN_LIMIT_PART = 0.5
"""A limit below this part of the highest draw can't be kept, so it is refused."""


@dataclass
class Limit:
    """A power limit."""

    watts: int
    active: bool = False
    action: Literal["none", "off", "log"] = "none"
    """What happens when it can't be kept for `correction_ms`."""
    correction_ms: int = 1000
    period_s: int = 1


class Meter:
    """Reads the draw from the machine's real work where the backend tells it, and integrates the energy.

    Args:
        backend: what really runs.
        highest: draw under full load, in watts.
    """

    def __init__(self, backend: PowerBackend, highest: float) -> None:
        self._backend = backend
        self.highest = highest
        self.limit = Limit(round(highest))
        self.joules = 0.0
        self._began = self._read = time.monotonic()
        self._last: float | None = None
        self.least, self.most = float("inf"), 0.0

    @property
    def lowest_limit(self) -> int:
        """The lowest limit that is accepted, in watts."""
        return round(self.highest * MIN_LIMIT_PART)

    @property
    def load(self) -> float:
        """Work of the server, 0 to 1."""
        return min(1.0, max(0.0, self._backend.load()))

    def watts(self, *, on: bool) -> float:
        """The draw now."""
        idle = self.highest * IDLE_PART
        watts = idle + (self.highest - idle) * self.load if on else STANDBY_W
        if on and self.limit.active:
            watts = min(watts, float(self.limit.watts))
        now = time.monotonic()
        before = watts if self._last is None else self._last
        self.joules += (before + watts) / 2 * (now - self._read)
        self._read, self._last = now, watts
        self.least, self.most = min(self.least, watts), max(self.most, watts)
        return watts

    @property
    def seconds(self) -> float:
        """How long it has measured."""
        return time.monotonic() - self._began

    @property
    def mean(self) -> float:
        """Mean draw over that time, in watts."""
        passed = self._read - self._began
        return self.joules / passed if passed > 0.01 else self._last or 0.0

    @property
    def kwh(self) -> float:
        """Energy over that time."""
        return self.joules / 3.6e6

    def reset(self) -> None:
        """Begin to count energy anew."""
        self.joules = 0.0
        self._began = self._read = time.monotonic()
        self._last = None
        self.least, self.most = float("inf"), 0.0
