"""Checks across switches, which no model of one switch can make: both ends of a link, and what must be unique."""

from collections import defaultdict

from scs_rack.design import Design
from scs_rack.sonic.rows import Tables

AGREE = ("speed", "fec", "mtu", "autoneg")
"""Fields of PORT that must be the same at both ends of a link."""


def check_links(design: Design, configs: dict[str, Tables]) -> list[str]:
    """Faults between switches, one line each.

    Args:
        design: the rack's design.
        configs: CONFIG_DB of each switch by name.
    """
    faults = []
    for cable in design.rack.cables:
        one, two = cable
        rows = [configs.get(end.device, {}).get("PORT", {}).get(end.port) for end in cable]
        if rows[0] is None or rows[1] is None:
            continue
        faults += [
            f"{one} and {two} disagree on {field}: {rows[0].get(field, 'none')} and {rows[1].get(field, 'none')}"
            for field in AGREE
            if rows[0].get(field) != rows[1].get(field)
        ]
    return faults + _repeated(configs)


def _repeated(configs: dict[str, Tables]) -> list[str]:
    users: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, tables in configs.items():
        for field in ("local_asn", "router_id"):
            value = tables.get("BGP_GLOBALS", {}).get("default", {}).get(field)
            if value:
                users[field, value].append(name)
        for key in tables.get("LOOPBACK_INTERFACE", {}):
            if "|" in key:
                users["loopback", key.partition("|")[2]].append(name)
    return [f"{what} {value} is used by {', '.join(names)}" for (what, value), names in users.items() if len(names) > 1]
