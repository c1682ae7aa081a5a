"""Rules of ports: lanes, aliases, indexes, speeds, states."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from scs_rack.sonic.fault import Fault, TablesLike
from scs_rack.sonic.rules.tools import items, number, repeated, rows, text

SPEEDS = frozenset(
    {10, 100, 1000, 2500, 5000, 10000, 20000, 25000, 40000, 50000, 100000, 200000, 400000, 800000, 1600000}
)
"""Speeds of Ethernet in Mb/s that SONiC's platforms have."""
LANE_SPEEDS = (50_000, 200_000)
"""Mb/s of a lane that every chip of today may have, and that none exceeds."""
WIDTHS = (2, 4, 8)
"""Numbers of lanes that ports of more than one have."""
LEAST = 10_000
"""Mb/s of a lane of such a port (40G over four)."""


def lanes(tables: TablesLike) -> Iterator[Fault]:
    """Lanes are numbers, and each belongs to one port (SONiC's config updater refuses all else)."""
    users: dict[str, list[str]] = defaultdict(list)
    for name, row in rows(tables, "PORT").items():
        for lane in items(row, "lanes"):
            if not (lane.isascii() and lane.isdigit()):
                yield Fault(f"lane {lane!r} is no number", "PORT", name, "lanes", "write e.g. 1,2,3,4")
            elif name not in users[lane]:
                users[lane].append(name)
            else:
                yield Fault(f"lane {lane} stands twice", "PORT", name, "lanes")
    yield from repeated(users, "lane", "PORT", field="lanes", hint="each lane of the chip belongs to one port")


def aliases(tables: TablesLike) -> Iterator[Fault]:
    """Aliases are unique, and none is the name of another port: LLDP and commands tell ports by them."""
    users: dict[str, list[str]] = defaultdict(list)
    for name, row in rows(tables, "PORT").items():
        alias = text(row, "alias")
        if alias:
            users[alias].append(name)
        if alias != name and alias in rows(tables, "PORT"):
            yield Fault(f"alias {alias} is the name of another port", "PORT", name, "alias")
    yield from repeated(users, "alias", "PORT", field="alias", hint="neighbours see the alias: give each port its own")


def indexes(tables: TablesLike) -> Iterator[Fault]:
    """Ports of one cage share its index and number themselves by subport; others have an index of their own."""
    cages: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, row in rows(tables, "PORT").items():
        index, subport = text(row, "index"), text(row, "subport") or "0"
        if index:
            cages[index][subport].append(name)
        elif subport != "0":
            yield Fault("a port that was broken out needs an index", "PORT", name, "index", "that of its cage")
    for index, subports in sorted(cages.items()):
        names = [name for users in subports.values() for name in users]
        if "0" in subports and len(names) > 1:
            yield Fault(
                f"index {index} is used by {', '.join(names)}",
                "PORT",
                names[-1],
                "index",
                "ports of one cage need a subport each, from 1 on; others an index of their own",
            )
            continue
        for subport, users in sorted(subports.items()):
            if len(users) > 1:
                message = f"subport {subport} of index {index} is used by {', '.join(users)}"
                yield Fault(message, "PORT", users[-1], "subport", "children of a cage count from 1")


def _lane_speed(row: Mapping[str, Any]) -> int:
    speed, count = number(row, "speed"), len(items(row, "lanes"))
    return speed // count if speed and count else 0


def speeds(tables: TablesLike) -> Iterator[Fault]:
    """Lanes can carry the speed: no lane is faster than any chip's, nor much faster than all others of this switch."""
    rates = {name: _lane_speed(row) for name, row in rows(tables, "PORT").items()}
    usual, most = LANE_SPEEDS
    quick = sum(rate > usual for rate in rates.values())
    for name, row in rows(tables, "PORT").items():
        speed, count = number(row, "speed"), len(items(row, "lanes"))
        if speed is None:
            continue
        if speed not in SPEEDS:
            yield Fault(f"no Ethernet runs at {speed} Mb/s", "PORT", name, "speed", "in Mb/s, e.g. 25000 for 25G")
        elif count > 8:
            yield Fault(f"{count} lanes, and no port has more than 8", "PORT", name, "lanes")
        elif rates[name] > most or (rates[name] > usual and quick == 1):
            lane = "lane" if count == 1 else "lanes"
            yield Fault(
                f"{count} {lane} can't carry {speed} Mb/s",
                "PORT",
                name,
                "speed",
                "a lane carries 10G, 25G or 50G; chips with lanes of 100G have them on all ports",
            )


def slow_lanes(tables: TablesLike) -> Iterator[Fault]:
    """Lanes have a use: few chips run a speed over more lanes than it needs (those of NVIDIA do)."""
    platform = text(rows(tables, "DEVICE_METADATA").get("localhost", {}), "platform")
    if "mlnx" in platform or "nvidia" in platform:
        return
    for name, row in rows(tables, "PORT").items():
        speed, count = number(row, "speed"), len(items(row, "lanes"))
        if speed in SPEEDS and 1 < count <= 8 and (count not in WIDTHS or speed // count < LEAST):
            message = f"{count} lanes for {speed} Mb/s, which needs fewer"
            yield Fault(message, "PORT", name, "lanes", "is the speed right?", severity="warning")


def states(tables: TablesLike) -> Iterator[Fault]:
    """A port that is used states that it is up: it is down otherwise."""
    used = {key.partition("|")[0] for key in rows(tables, "INTERFACE")}
    used |= {key.partition("|")[2] for table in ("VLAN_MEMBER", "PORTCHANNEL_MEMBER") for key in rows(tables, table)}
    for name, row in rows(tables, "PORT").items():
        if name in used and not text(row, "admin_status"):
            yield Fault(
                "is used and has no admin_status: it stays down",
                "PORT",
                name,
                "admin_status",
                "state `up` or `down`",
                severity="warning",
            )


RULES = (lanes, aliases, indexes, speeds, slow_lanes, states)
