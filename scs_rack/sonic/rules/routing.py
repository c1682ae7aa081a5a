"""Rules of routing: policies and address families of BGP, listen ranges, static routes."""

from collections import defaultdict
from collections.abc import Iterator
from ipaddress import ip_network

from scs_rack.sonic.fault import Fault, TablesLike
from scs_rack.sonic.rules.tools import items, rows, text

_ROUTE_LISTS = ("nexthop", "ifname", "distance", "nexthop-vrf", "blackhole")


def by_framework(tables: TablesLike) -> bool:
    """True unless another daemon than frrcfgd reads the tables (bgpcfgd brings policies of its own), or none does."""
    row = rows(tables, "DEVICE_METADATA").get("localhost", {})
    split = text(row, "docker_routing_config_mode").startswith("split")
    return not split and text(row, "frr_mgmt_framework_config") != "false"


def _families(tables: TablesLike) -> tuple[dict[tuple[str, str], set[str]], dict[tuple[str, str], set[str]]]:
    """Address families that are active, and those with a policy in and out, by VRF and by group or neighbour."""
    active: dict[tuple[str, str], set[str]] = defaultdict(set)
    policed: dict[tuple[str, str], set[str]] = defaultdict(set)
    for table in ("BGP_PEER_GROUP_AF", "BGP_NEIGHBOR_AF"):
        for key, row in rows(tables, table).items():
            vrf, _, rest = key.partition("|")
            name, _, family = rest.partition("|")
            if family and text(row, "admin_status") in ("up", "true"):
                active[vrf, name].add(family)
            if family and items(row, "route_map_in") and items(row, "route_map_out"):
                policed[vrf, name].add(family)
    return active, policed


def neighbours(tables: TablesLike) -> Iterator[Fault]:
    """Each neighbour has an address family, and where it may be an external one a policy in and out (RFC 8212)."""
    if not by_framework(tables):
        return
    active, policed = _families(tables)
    for key, row in rows(tables, "BGP_NEIGHBOR").items():
        vrf, _, name = key.partition("|")
        if not name:
            continue  # keyed by address alone: bgpcfgd's
        group = text(row, "peer_group_name")
        families = active[vrf, name] | active[vrf, group]
        if not families:
            where = f"BGP_PEER_GROUP_AF|{vrf}|{group}" if group else f"BGP_NEIGHBOR_AF|{vrf}|{name}"
            hint = f'add "{where}|ipv4_unicast" with admin_status up'
            yield Fault("no address family is activated", "BGP_NEIGHBOR", key, hint=hint)
        bare = families - policed[vrf, name] - policed[vrf, group]
        if bare and not _internal(tables, vrf, name):
            hint = f"state route_map_in and route_map_out of {', '.join(sorted(bare))}; a map that permits all will do"
            message = "eBGP without a route map in and out exchanges nothing (RFC 8212)"
            yield Fault(message, "BGP_NEIGHBOR", key, hint=hint)


def _internal(tables: TablesLike, vrf: str, name: str) -> bool:
    row = rows(tables, "BGP_NEIGHBOR").get(f"{vrf}|{name}", {})
    group = rows(tables, "BGP_PEER_GROUP").get(f"{vrf}|{text(row, 'peer_group_name')}", {})
    local = text(rows(tables, "BGP_GLOBALS").get(vrf, {}), "local_asn")
    kind = text(row, "peer_type") or text(group, "peer_type")
    asn = text(row, "asn") or text(group, "asn")
    return kind == "internal" or bool(asn and asn == local)


def groups(tables: TablesLike) -> Iterator[Fault]:
    """A peer group with members has an address family: its neighbours exchange nothing otherwise."""
    if not by_framework(tables):
        return
    used = {
        f"{key.partition('|')[0]}|{text(row, 'peer_group_name')}"
        for key, row in rows(tables, "BGP_NEIGHBOR").items()
        if "|" in key and text(row, "peer_group_name")
    }
    used |= {
        f"{key.partition('|')[0]}|{text(row, 'peer_group')}"
        for key, row in rows(tables, "BGP_GLOBALS_LISTEN_PREFIX").items()
    }
    families = {key.rpartition("|")[0] for key in rows(tables, "BGP_PEER_GROUP_AF")}
    for key in rows(tables, "BGP_PEER_GROUP"):
        if key in used and key not in families:
            hint = f'add "{key}|ipv4_unicast" with admin_status up to BGP_PEER_GROUP_AF'
            yield Fault("no address family is stated for the group", "BGP_PEER_GROUP", key, hint=hint)


def multipath(tables: TablesLike) -> Iterator[Fault]:
    """More than one neighbour asks for more than one path: one is the default."""
    if not by_framework(tables):
        return
    for vrf in sorted({key.partition("|")[0] for key in rows(tables, "BGP_NEIGHBOR") if "|" in key}):
        if sum(key.startswith(f"{vrf}|") for key in rows(tables, "BGP_NEIGHBOR")) < 2:
            continue
        for family in ("ipv4_unicast", "ipv6_unicast"):
            row = rows(tables, "BGP_GLOBALS_AF").get(f"{vrf}|{family}")
            if row is not None and not (text(row, "max_ebgp_paths") or text(row, "max_ibgp_paths")):
                yield Fault(
                    "is not stated: one path is used, and no other",
                    "BGP_GLOBALS_AF",
                    f"{vrf}|{family}",
                    "max_ebgp_paths",
                    "state e.g. 64",
                    severity="warning",
                )


def ranges(tables: TablesLike) -> Iterator[Fault]:
    """Listen ranges of a VRF don't overlap (SONiC's config updater refuses equal ones)."""
    users: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for key, row in rows(tables, "BGP_PEER_RANGE").items():
        vrf, bar, _ = key.partition("|")
        users[vrf if bar else "default"] += [(key, prefix) for prefix in items(row, "ip_range")]
    for vrf, found in sorted(users.items()):
        for position, (key, prefix) in enumerate(found):
            for other, earlier in found[:position]:
                if _overlap(prefix, earlier):
                    what = "is" if prefix == earlier else "overlaps with"
                    message = f"range {prefix} {what} {earlier} of {other} in VRF {vrf}"
                    yield Fault(message, "BGP_PEER_RANGE", key, "ip_range")


def _overlap(one: str, two: str) -> bool:
    try:
        first, second = ip_network(one, strict=False), ip_network(two, strict=False)
    except ValueError:
        return one == two
    return first.version == second.version and first.overlaps(second)


def static_routes(tables: TablesLike) -> Iterator[Fault]:
    """The fields of a route list as many next hops each."""
    for key, row in rows(tables, "STATIC_ROUTE").items():
        counts = {field: len(text(row, field).split(",")) for field in _ROUTE_LISTS if text(row, field)}
        if len(set(counts.values())) > 1:
            *others, last = counts
            message = f"{', '.join(others)} and {last} are of unequal length"
            yield Fault(message, "STATIC_ROUTE", key, hint="one item for each next hop, joined by commas")


RULES = (neighbours, groups, multipath, ranges, static_routes)
