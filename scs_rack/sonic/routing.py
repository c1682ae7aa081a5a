"""The underlay: loopbacks, unnumbered interfaces, BGP with switches and hosts, and what may be announced.

What a host announces is taken only if it comes from the host itself, so that no server becomes a way between leaves.
Where a release can, it must also be a loopback of the rack. Release 202505 can't: its YANG models want four parts in
keys of PREFIX, on which its frrcfgd and its template of frr.conf break, and no BGP session would come up at all.
"""

from ipaddress import IPv4Network, IPv6Network

from scs_rack.design import Design, NodeDesign, SwitchDesign
from scs_rack.sonic.device import is_split
from scs_rack.sonic.rows import Row, Tables, strings
from scs_rack.sonic.site import Site

KEEPALIVE, HOLDTIME, CONNECT_RETRY = 3, 9, 5
"""BGP timers in seconds: a silent peer is given up after the hold time, a failed connection tried again soon."""
FABRIC, HOSTS = "FABRIC", "HOSTS"
"""Peer groups: switches, and servers (the manager too)."""
ALLOW = "ALLOW"
"""Route map that permits everything: eBGP without one exchanges nothing (RFC 8212)."""
ONE_HOP = "ONE_HOP"
"""AS path of a route that its neighbour has made itself."""
PREFIX_RELEASE = "202511"
"""First release whose frrcfgd understands the keys of PREFIX that its YANG models want."""
BGP_TABLES = frozenset(
    {
        "AS_PATH_SET",
        "BGP_GLOBALS",
        "BGP_GLOBALS_AF",
        "BGP_GLOBALS_AF_NETWORK",
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
_GROUPS = {"fabric": FABRIC, "hosts": HOSTS}


def has_prefix_sets(release: str) -> bool:
    """True where routes can be told by their prefix: a later release, or a file of FRR that we write ourselves."""
    return release >= PREFIX_RELEASE or is_split(release)


def loopback_map(family: int) -> str:
    """Name of the route map, and of its prefix set, that permits the rack's loopbacks of IP version 4 or 6."""
    return f"LOOPBACKS{family}"


def host_map(family: int) -> str:
    """Name of the route map for what hosts announce by IP version 4 or 6."""
    return f"HOSTS{family}"


def _prefixes(design: Design) -> dict[int, list[tuple[IPv4Network | IPv6Network, int]]]:
    """Prefixes that the underlay carries by version of IP, with the length of what may be announced from them."""
    pools = design.rack.pools
    devices: list[NodeDesign | SwitchDesign] = [*design.nodes.values(), *design.switches.values()]
    four = [device.loopback4 for device in devices]
    four = [design.api.vip4, *four] if design.api.vrrp_id is None else four  # keepalived moves it in a bridged network
    four += [pair.vtep for pair in design.rack.layer2.pairs if pair.vtep]
    six = [design.api.vip6, *(device.loopback6 for device in devices)]
    outside4 = [(IPv4Network(address), 32) for address in dict.fromkeys(four) if address not in pools.loopback4]
    outside6 = [(IPv6Network(address), 128) for address in dict.fromkeys(six) if address not in pools.loopback6]
    return {4: [(pools.loopback4, 32), *outside4], 6: [(pools.loopback6, 128), *outside6]}


def _policies(site: Site) -> Tables:
    """What is taken and told: all between switches; loopbacks of devices and the API's address from and to hosts."""
    tables: Tables = {
        "AS_PATH_SET": {ONE_HOP: {"as_path_set_member": ["^[0-9]+$"]}},
        "ROUTE_MAP_SET": {ALLOW: {}},
        "ROUTE_MAP": {f"{ALLOW}|10": {"route_operation": "permit"}},
    }
    for family in (4, 6):
        tables["ROUTE_MAP_SET"][host_map(family)] = {}
        tables["ROUTE_MAP"][f"{host_map(family)}|10"] = {"route_operation": "permit", "match_as_path": ONE_HOP}
    if not has_prefix_sets(site.switch.release):
        return tables
    tables |= {"PREFIX_SET": {}, "PREFIX": {}}
    for family, prefixes in _prefixes(site.design).items():
        name = loopback_map(family)
        tables["PREFIX_SET"][name] = {"mode": f"IPv{family}"}
        for number, (prefix, length) in enumerate(prefixes, start=1):
            tables["PREFIX"][f"{name}|{number * 10}|{prefix}|{length}..{length}"] = {"action": "permit"}
        tables["ROUTE_MAP_SET"][name] = {}
        tables["ROUTE_MAP"][f"{name}|10"] = {"route_operation": "permit", "match_prefix_set": name}
        tables["ROUTE_MAP"][f"{host_map(family)}|10"]["match_prefix_set"] = name
    return tables


def _peer_group(site: Site, group: str) -> Row:
    bfd = site.options.bfd.fabric if group == FABRIC else site.options.bfd.hosts
    row = {
        "peer_type": "external",
        "keepalive": KEEPALIVE,
        "holdtime": HOLDTIME,
        "conn_retry": CONNECT_RETRY,
        "min_adv_interval": 0,
    }
    return strings({**row, "bfd": "true"} if bfd else row)


def routing(site: Site) -> Tables:
    """All that a leaf or spine needs to route."""
    switch, groups = site.switch, {name: _GROUPS[one.kind] for name, one in site.neighbours.items()}
    tables = _policies(site)
    for table, prefix in (("INTERFACE", "Ethernet"), ("PORTCHANNEL_INTERFACE", "PortChannel")):
        tables[table] = {name: {"ipv6_use_link_local_only": "enable"} for name in groups if name.startswith(prefix)}
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
    tables["BGP_GLOBALS_AF_NETWORK"] = {
        f"default|ipv4_unicast|{switch.loopback4}/32": {},
        f"default|ipv6_unicast|{switch.loopback6}/128": {},
    }
    tables["BGP_PEER_GROUP"] = {}
    tables["BGP_PEER_GROUP_AF"] = {}
    for family in (4, 6):
        tables["BGP_GLOBALS_AF"][f"default|ipv{family}_unicast"] = {"max_ebgp_paths": str(site.options.max_paths)}
    for group in sorted(set(groups.values())):
        tables["BGP_PEER_GROUP"][f"default|{group}"] = _peer_group(site, group)
        for family in (4, 6):
            hosts, told = group == HOSTS, has_prefix_sets(switch.release)
            tables["BGP_PEER_GROUP_AF"][f"default|{group}|ipv{family}_unicast"] = {
                "admin_status": "up",
                "route_map_in": [host_map(family) if hosts else ALLOW],
                "route_map_out": [loopback_map(family) if hosts and told else ALLOW],
            }
    tables["BGP_NEIGHBOR"] = {f"default|{name}": {"peer_group_name": group} for name, group in groups.items()}
    return {table: rows for table, rows in tables.items() if rows}
