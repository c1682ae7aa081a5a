"""Checks of power: feeds that exist, and what they can deliver."""

from collections.abc import Iterator

from scs_rack.model.draft import Draft
from scs_rack.model.fault import Problem
from scs_rack.model.shape import nearest
from scs_rack.model.watts import draws, feed_loads


def feeds(draft: Draft) -> Iterator[Problem]:
    """Each device names feeds that the rack has, each once."""
    known = draft.names("feeds")
    for section in ("servers", "switches"):
        for name, device in getattr(draft, section).items():
            if not device.feeds:
                hint = f"state `feeds`; the rack has {', '.join(sorted(known)) or 'none'}"
                yield Problem((section, name), "no power feed", hint, "")
            for number, feed in enumerate(device.feeds):
                path = (section, name, "feeds", number)
                if feed not in known:
                    yield Problem(path, "no such power feed", nearest(feed, sorted(known), "the rack has"))
                elif feed in device.feeds[:number]:
                    yield Problem(path, "the feed stands twice", "name each feed once; its share follows")


def feed_capacity(draft: Draft) -> Iterator[Problem]:
    """No feed delivers more than it can."""
    loads = feed_loads(draws(draft))
    for name, feed in draft.power.feeds.items() if draft.power else ():
        if loads.get(name, 0) > feed.capacity_w:
            hint = f"devices draw up to {loads[name]} W from {name}"
            yield Problem(("power", "feeds", name, "capacity_w"), "the feed is overloaded", hint)


def feed_loss(draft: Draft) -> Iterator[Problem]:
    """When one feed is lost, the others carry what it carried."""
    if not draft.power:
        return
    devices = list(draws(draft))
    normal = feed_loads(devices)
    for name, feed in draft.power.feeds.items():
        if normal.get(name, 0) > feed.capacity_w:
            continue
        for lost in draft.power.feeds:
            load = feed_loads(devices, lost).get(name, 0)
            if lost != name and load > feed.capacity_w:
                message = f"the feed is overloaded when {lost} is lost"
                hint = f"devices would draw up to {load} W from {name}"
                yield Problem(("power", "feeds", name, "capacity_w"), message, hint)


def rack_budget(draft: Draft) -> Iterator[Problem]:
    """The whole rack stays within its budget."""
    total = sum(watts for watts, _ in draws(draft))
    if draft.power and draft.power.budget_w and total > draft.power.budget_w:
        hint = f"all devices together draw up to {total} W"
        yield Problem(("power", "budget_w"), "the rack's power budget is exceeded", hint)


def inrush_limit(draft: Draft) -> Iterator[Problem]:
    """What a feed delivers for ever it also delivers for seconds."""
    for name, feed in draft.power.feeds.items() if draft.power else ():
        if feed.inrush_w is not None and feed.inrush_w < feed.capacity_w:
            hint = f"capacity_w is {feed.capacity_w}; leave inrush_w out where nothing more is allowed"
            yield Problem(("power", "feeds", name, "inrush_w"), "less than what the feed delivers for ever", hint)


def inrush(draft: Draft) -> Iterator[Problem]:
    """Each server can be switched on while all others draw their most; else no order of power-on would do."""
    devices = list(draws(draft))
    normal, told = feed_loads(devices), set[tuple[str, str]]()
    for server in draft.servers.values():
        model = draft.server_models.get(server.model)
        if not draft.power or not model or not model.inrush_w or not server.feeds:
            continue
        more = max(0, model.inrush_w - (server.power_w or model.power_w))
        path = ("server_models", server.model, "inrush_w")
        for name in dict.fromkeys(server.feeds):
            feed = draft.power.feeds.get(name)
            limit = feed and (feed.inrush_w or feed.capacity_w)
            peak = normal.get(name, 0) + more / len(set(server.feeds))
            if feed and limit and normal.get(name, 0) <= feed.capacity_w and peak > limit:
                if (server.model, name) not in told:
                    hint = f"beside all others {name} would carry {peak:.0f} W, and may carry {limit} W"
                    yield Problem(path, "such a server can't be switched on as the last one", hint)
                told.add((server.model, name))
        total, budget = sum(watts for watts, _ in devices), draft.power.budget_w
        if budget and total <= budget < total + more and (server.model, "") not in told:
            told.add((server.model, ""))
            hint = f"beside all others the rack would draw {total + more} W, and its budget_w is {budget}"
            yield Problem(path, "such a server can't be switched on as the last one", hint)


def shelves(draft: Draft) -> Iterator[Problem]:
    """Shelves supply feeds that the rack has, and have names and addresses of their own in the out-of-band network."""
    known, taken = draft.names("feeds"), dict[str, str]()
    oob = draft.oob
    for name, shelf in draft.power.shelves.items() if draft.power else ():
        if name in draft.servers or name in draft.switches:
            yield Problem(("power", "shelves", name), "another device has this name", "give it a name of its own", "")
        for number, feed in enumerate(shelf.feeds):
            if feed not in known:
                where = ("power", "shelves", name, "feeds", number)
                yield Problem(where, "no such power feed", nearest(feed, sorted(known), "the rack has"))
        path = ("power", "shelves", name, "address")
        if oob and shelf.address not in oob.prefix:
            yield Problem(path, "outside of the out-of-band network", f"take one of {oob.prefix}")
        if taken.setdefault(str(shelf.address), name) != name:
            yield Problem(path, f"{taken[str(shelf.address)]} has this address", "give each an address of its own")
