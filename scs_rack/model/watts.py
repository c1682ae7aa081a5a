"""Power that devices draw from feeds."""

from collections.abc import Iterable, Iterator

from scs_rack.model.draft import Draft

Draw = tuple[int, tuple[str, ...]]
"""Watts of a device, and the feeds that share them."""


def draws(draft: Draft) -> Iterator[Draw]:
    """What each device may draw at most. Spares count: they are cabled and may be switched on at any time."""
    for name, server in draft.servers.items():
        model = draft.model(name)
        if model:
            yield server.power_w or model.power_w, tuple(server.feeds)
    yield from switch_draws(draft)


def switch_draws(draft: Draft) -> Iterator[Draw]:
    """What each switch may draw at most; switches are always on."""
    for name, switch in draft.switches.items():
        stated = switch.power_w or (draft.portmaps[name].power_w if name in draft.portmaps else 0)
        yield stated, tuple(switch.feeds)


def feed_loads(devices: Iterable[Draw], lost: str | None = None) -> dict[str, int]:
    """Watts on each feed, rounded up; a device shares its draw evenly among its feeds that are not lost."""
    loads: dict[str, float] = {}
    for watts, feeds in devices:
        left = [feed for feed in feeds if feed != lost]
        for feed in left:
            loads[feed] = loads.get(feed, 0.0) + watts / len(left)
    return {feed: -int(-load // 1) for feed, load in sorted(loads.items())}
