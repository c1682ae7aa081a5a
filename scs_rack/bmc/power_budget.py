"""What feeds carry while servers are switched on: pure functions, and a meter that both the plan and the deed use.

A server draws its peak from the moment it is asked to switch on until it has settled, then its highest steady draw;
its feeds share it evenly. What is not known counts as drawn.
"""

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from scs_rack.errors import ScsRackError
from scs_rack.model import Rack
from scs_rack.model.draft import draft_of
from scs_rack.model.watts import switch_draws

_SCALE = math.lcm(*range(1, 13))
"""A watt, in parts that up to twelve feeds share without a remainder."""
_ROLES = ("control", "network", "storage", "compute")
"""The order of power-on by what a server does; the first of its roles counts."""
BUDGET = "the rack"
"""How messages call the budget of all feeds together."""

State = Literal["off", "peak", "steady"]


class NoRoom(ScsRackError):
    """A server can't be switched on: what is on, or may be, leaves no room on a feed."""

    hint = "switch something else off, or find out about servers whose state is unknown: `scs-rack power status`"


@dataclass(frozen=True)
class Load:
    """A server as its feeds see it."""

    name: str
    steady: int
    """Watts."""
    peak: int
    """Watts, until it has settled."""
    settle: float
    """Seconds."""
    feeds: tuple[str, ...]
    rank: int = 0
    """Place in the order of power-on, from 0."""


@dataclass(frozen=True)
class Start:
    """A server that is switched on, and when."""

    at: float
    """Seconds after the first."""
    load: Load


def loads(rack: Rack) -> list[Load]:
    """All servers in the order of power-on: control nodes first, then as in the rack file."""
    found = []
    for name, server in rack.servers.items():
        model = rack.server_models[server.model]
        steady = server.power_w or model.power_w
        rank = min(_ROLES.index(role) for role in server.roles)
        peak = max(steady, model.inrush_w or 0)
        found.append(Load(name, steady, peak, model.settle_s, tuple(dict.fromkeys(server.feeds)), rank))
    return sorted(found, key=lambda load: load.rank)


class Meter:
    """Watts on each feed in the worst case, as servers are switched.

    Args:
        limits: watts that each feed may carry for seconds.
        budget: watts that all feeds may carry together; None for no limit.
        base: devices that are on all the time: watts and the feeds that share them.
    """

    def __init__(
        self, limits: Mapping[str, int], budget: int | None, base: Iterable[tuple[int, Sequence[str]]] = ()
    ) -> None:
        self._limits = {name: watts * _SCALE for name, watts in limits.items()}
        if budget is not None:
            self._limits[BUDGET] = budget * _SCALE
        self._carried = dict.fromkeys(self._limits, 0)
        self._states: dict[str, State] = {}
        for watts, feeds in base:
            for name, parts in self._parts(watts, feeds).items():
                self._carried[name] += parts

    @classmethod
    def of(cls, rack: Rack) -> "Meter":
        """Feeds and budget of a rack with its switches; servers are off."""
        limits = {name: feed.inrush_w or feed.capacity_w for name, feed in rack.power.feeds.items()}
        return cls(limits, rack.power.budget_w, switch_draws(draft_of(rack)))

    def carried(self) -> dict[str, float]:
        """Watts on each feed now, and on all together where there is a budget."""
        return {name: parts / _SCALE for name, parts in self._carried.items()}

    def hinders(self, load: Load) -> str:
        """The feed that can't carry the peak of a server now; empty when all can."""
        more = self._parts(load.peak, load.feeds)
        for name, parts in self._parts(self._watts(load), load.feeds).items():
            more[name] -= parts
        return next((name for name, parts in more.items() if self._carried[name] + parts > self._limits[name]), "")

    def set(self, load: Load, state: State) -> None:
        """A server draws nothing, its peak, or its steady draw from now on."""
        for name, parts in self._parts(self._watts(load), load.feeds).items():
            self._carried[name] -= parts
        self._states[load.name] = state
        for name, parts in self._parts(self._watts(load), load.feeds).items():
            self._carried[name] += parts

    def _watts(self, load: Load) -> int:
        return {"off": 0, "peak": load.peak, "steady": load.steady}[self._states.get(load.name, "off")]

    def _parts(self, watts: int, feeds: Sequence[str]) -> dict[str, int]:
        share = -(-watts * _SCALE // len(feeds)) if feeds else 0
        parts = {name: share for name in feeds if name in self._limits}
        if BUDGET in self._limits:
            parts[BUDGET] = watts * _SCALE
        return parts


def schedule(wanted: Sequence[Load], meter: Meter) -> list[Start]:
    """When each server is switched on: in their order, each as soon as its feeds can carry its peak.

    Args:
        wanted: servers to switch on, in the order to keep.
        meter: with all that is on already; it is left as it is at the end.

    Raises:
        NoRoom: a server does not fit even when all before it have settled.
    """
    now, starts = 0.0, list[Start]()
    settling: list[tuple[float, int, Load]] = []
    for number, load in enumerate(wanted):
        while hindered := meter.hinders(load):
            if not settling:
                raise NoRoom(f"{load.name} can't be switched on: {hindered} has no room for its {load.peak} W")
            now, _, settled = heapq.heappop(settling)
            meter.set(settled, "steady")
        meter.set(load, "peak")
        heapq.heappush(settling, (now + load.settle, number, load))
        starts.append(Start(now, load))
    for _, _, settled in settling:
        meter.set(settled, "steady")
    return starts
