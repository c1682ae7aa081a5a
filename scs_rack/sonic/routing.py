"""The underlay: loopbacks, unnumbered interfaces, BGP with switches and hosts, and what may be announced."""

from ipaddress import IPv4Network, IPv6Network

from scs_rack.design import Design, NodeDesign, SwitchDesign
from scs_rack.sonic.rows import Tables, strings

KEEPALIVE, HOLDTIME, CONNECT_RETRY = 3, 9, 5
"""BGP timers in seconds: a silent peer is given up after the hold time, a failed connection tried again soon."""
MAX_PATHS = 64
"""Next hops of one route (equal-cost multipath)."""
FABRIC, HOSTS = "FABRIC", "HOSTS"
"""Peer groups: switches, and servers (the manager too)."""
ALLOW = "ALLOW"
"""Route map that permits everything: eBGP without one exchanges nothing (RFC 8212)."""
BGP_TABLES = frozenset(
    {
        "BGP_GLOBALS",
        "BGP_GLOBALS_AF",
        "BGP_PEER_GROUP",
        "BGP_PEER_GROUP_AF",
        "BGP_NEIGHBOR",
        "PREFIX_SET",
        "PREFIX",
        "ROUTE_MAP_SET",
        "ROUTE_MAP",
        "ROUTE_REDISTRIBUTE",
    }
)
"""Tables that frrcfgd turns into FRR's configuration."""


def loopback_map(family: int) -> str:
    """Name of the route map, and of its prefix set, that permits the rack's loopbacks of IP version 4 or 6."""
    return f"LOOPBACKS{family}"


def _loopback_sets(design: Design) -> Tables:
    """Prefix sets and maps of what the underlay carries: loopbacks of devices, and the API's address."""
    api4, api6 = IPv4Network(design.api.vip4), IPv6Network(design.api.vip6)
    pools: dict[int, list[tuple[IPv4Network | IPv6Network, int]]] = {
        4: [(design.rack.pools.loopback4, 32)],
        6: [(design.rack.pools.loopback6, 128)],
    }
    if not api4.subnet_of(design.rack.pools.loopback4):
        pools[4].append((api4, 32))
    if not api6.subnet_of(design.rack.pools.loopback6):
        pools[6].append((api6, 128))
    devices: list[NodeDesign | SwitchDesign] = [*design.nodes.values(), *design.switches.values()]
    for device in devices:
        if device.loopback4 not in design.rack.pools.loopback4:
            pools[4].append((IPv4Network(device.loopback4), 32))
        if device.loopback6 not in design.rack.pools.loopback6:
            pools[6].append((IPv6Network(device.loopback6), 128))
    tables: Tables = {
        "PREFIX_SET": {},
        "PREFIX": {},
        "ROUTE_MAP_SET": {ALLOW: {}},
        "ROUTE_MAP": {f"{ALLOW}|10": {"route_operation": "permit"}},
    }
    for family, prefixes in pools.items():
        name = loopback_map(family)
        tables["PREFIX_SET"][name] = {"mode": f"IPv{family}"}
        for number, (prefix, length) in enumerate(prefixes, start=1):
            tables["PREFIX"][f"{name}|{number * 10}|{prefix}|{length}..{length}"] = {"action": "permit"}
        tables["ROUTE_MAP_SET"][name] = {}
        tables["ROUTE_MAP"][f"{name}|10"] = {"route_operation": "permit", "match_prefix_set": name}
    return tables


def routing(design: Design, switch: SwitchDesign) -> Tables:
    """All that a leaf or spine needs to route."""
    groups = {
        name: FABRIC if use.use == "fabric" else HOSTS
        for name, use in switch.ports.items()
        if use.use in ("fabric", "host")
    }
    tables = _loopback_sets(design)
    tables["INTERFACE"] = {name: {"ipv6_use_link_local_only": "enable"} for name in groups}
    tables["LOOPBACK_INTERFACE"] = {
        "Loopback0": {},
        f"Loopback0|{switch.loopback4}/32": {},
        f"Loopback0|{switch.loopback6}/128": {},
    }
    tables["BGP_GLOBALS"] = {
        "default": {
            "local_asn": str(switch.asn),
            "router_id": str(switch.loopback4),
            "load_balance_mp_relax": "true",
            "log_nbr_state_changes": "true",
        }
    }
    tables["BGP_GLOBALS_AF"] = {}
    tables["ROUTE_REDISTRIBUTE"] = {}
    tables["BGP_PEER_GROUP"] = {}
    tables["BGP_PEER_GROUP_AF"] = {}
    for family in (4, 6):
        tables["BGP_GLOBALS_AF"][f"default|ipv{family}_unicast"] = {"max_ebgp_paths": str(MAX_PATHS)}
        tables["ROUTE_REDISTRIBUTE"][f"default|connected|bgp|ipv{family}"] = {"route_map": [loopback_map(family)]}
    for group in sorted(set(groups.values())):
        tables["BGP_PEER_GROUP"][f"default|{group}"] = strings(
            {
                "peer_type": "external",
                "keepalive": KEEPALIVE,
                "holdtime": HOLDTIME,
                "conn_retry": CONNECT_RETRY,
                "min_adv_interval": 0,
                "bfd": "true",
            }
        )
        for family in (4, 6):
            policy = ALLOW if group == FABRIC else loopback_map(family)
            tables["BGP_PEER_GROUP_AF"][f"default|{group}|ipv{family}_unicast"] = {
                "admin_status": "up",
                "route_map_in": [policy],
                "route_map_out": [policy],
            }
    tables["BGP_NEIGHBOR"] = {f"default|{name}": {"peer_group_name": group} for name, group in groups.items()}
    return {table: rows for table, rows in tables.items() if rows}
