"""From samples to energy, from energy to emissions, and what feeds have left: pure functions."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scs_rack.energy.readings import Reading
from scs_rack.energy.store import Sample
from scs_rack.model import Rack

GAP_S = 900.0
"""Seconds between two samples after which what lies between counts as not seen."""


@dataclass(frozen=True)
class Used:
    """Energy of a device, or of a whole rack, over a span of time."""

    kwh: float
    seen_s: float
    """Seconds that samples cover; energy outside of them is not reckoned."""
    mean_w: float


def used(samples: Sequence[Sample], gap: float = GAP_S) -> Used:
    """Energy of one device: the area below its samples (trapezoids), without gaps.

    Args:
        samples: of one device, in the order of time.
        gap: seconds after which two samples have nothing to do with each other.
    """
    joule = seen = 0.0
    for before, after in itertools.pairwise(samples):
        span = after.time - before.time
        if 0 < span <= gap:
            joule += (before.watts + after.watts) / 2 * span
            seen += span
    mean = joule / seen if seen else (samples[-1].watts if samples else 0.0)
    return Used(joule / 3.6e6, seen, mean)


def by_device(samples: Iterable[Sample]) -> dict[str, list[Sample]]:
    """Samples of each device."""
    found: dict[str, list[Sample]] = {}
    for one in samples:
        found.setdefault(one.device, []).append(one)
    return found


def feeds_of(rack: Rack, device: str) -> tuple[str, ...]:
    """Feeds that share what a server or a switch draws."""
    if device in rack.servers:
        return tuple(dict.fromkeys(rack.servers[device].feeds))
    if device in rack.switches:
        return tuple(dict.fromkeys(rack.switches[device].feeds))
    return ()


@dataclass(frozen=True)
class Headroom:
    """What a feed carries, and what it could."""

    feed: str
    watts: float
    """What its devices draw now, their planning figures where they don't say."""
    capacity_w: int
    unknown: tuple[str, ...]
    """Devices whose planning figure stands in."""
    worst_w: float
    """What it would carry if the other feed that shifts most to it were lost now."""

    @property
    def left_w(self) -> float:
        """Watts that are left."""
        return self.capacity_w - self.watts


def planned(rack: Rack, device: str) -> float:
    """Highest draw in watts of a device, as the rack file or its model states it."""
    if device in rack.servers:
        return float(rack.servers[device].power_w or rack.model(device).power_w)
    from scs_rack.model.portmap import load_portmap

    switch = rack.switches[device]
    return float(switch.power_w or load_portmap(switch.model).power_w)


def headroom(rack: Rack, readings: Iterable[Reading]) -> list[Headroom]:
    """Load of each feed now; devices share their draw evenly among their feeds."""
    seen = {one.device: one for one in readings if one.kind != "shelf"}
    draws = {
        name: (one.watts if one and one.watts is not None else planned(rack, name), not (one and one.measured))
        for name in (*rack.servers, *rack.switches)
        for one in (seen.get(name),)
    }
    loads = {feed: _loads(rack, draws, "")[feed] for feed in rack.power.feeds}
    return [
        Headroom(
            feed,
            loads[feed],
            rack.power.feeds[feed].capacity_w,
            tuple(name for name, (_, guess) in draws.items() if guess and feed in feeds_of(rack, name)),
            max([loads[feed], *(_loads(rack, draws, lost)[feed] for lost in rack.power.feeds if lost != feed)]),
        )
        for feed in rack.power.feeds
    ]


def _loads(rack: Rack, draws: Mapping[str, tuple[float, bool]], lost: str) -> dict[str, float]:
    loads = dict.fromkeys(rack.power.feeds, 0.0)
    for name, (watts, _) in draws.items():
        feeds = [feed for feed in feeds_of(rack, name) if feed != lost and feed in loads]
        for feed in feeds:
            loads[feed] += watts / len(feeds)
    return loads


def pue(rack: Rack) -> float | None:
    """PUE of the rack: the mean of its feeds'; None where one does not state it."""
    stated = [feed.pue for feed in rack.power.feeds.values()]
    known = [value for value in stated if value is not None]
    return sum(known) / len(known) if known and len(known) == len(stated) else None


def co2e_kg(rack: Rack, kwh: float) -> float | None:
    """Emissions in kg of CO2 equivalent of the energy of devices, with that of the room behind it.

    None where the rack file states no factor. Without a PUE the room's own energy is left out.
    """
    factor = rack.power.co2e_g_per_kwh
    return None if factor is None else kwh * (pue(rack) or 1.0) * factor / 1000
