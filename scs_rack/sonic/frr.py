"""FRR's configuration that follows from CONFIG_DB in unified mode (what frrcfgd makes of the tables on a switch).

Standard library only: the lab switch carries this file, to turn its own CONFIG_DB into frr.conf.
Configuration commands: FRR 10 user guide, chapters BGP, Filtering and Route Maps.
"""

from collections.abc import Iterator, Mapping
from typing import Any

_Tables = Mapping[str, Mapping[str, Mapping[str, Any]]]

_AF = {"ipv4_unicast": "ipv4 unicast", "ipv6_unicast": "ipv6 unicast", "l2vpn_evpn": "l2vpn evpn"}
DEFAULT = "default"
"""Name of the routing table that every switch has."""


def _truthy(value: Any) -> bool:
    return str(value).lower() in ("true", "up", "enable")


def _many(value: Any) -> list[str]:
    """Values of a leaf-list, which CONFIG_DB writes as list or as one joined string."""
    return value.split(",") if isinstance(value, str) else [str(item) for item in value]


def _family(tables: _Tables, prefix_set: str) -> str:
    return "ipv6" if tables["PREFIX_SET"][prefix_set].get("mode") == "IPv6" else "ip"


def _prefix_lists(tables: _Tables) -> Iterator[str]:
    for key, row in tables.get("PREFIX", {}).items():
        name, sequence, prefix, lengths = key.split("|")
        line = f"{_family(tables, name)} prefix-list {name} seq {sequence} {row['action']} {prefix}"
        if lengths != "exact":
            shortest, longest = (int(length) for length in lengths.split(".."))
            own = int(prefix.rpartition("/")[2])
            line += f" ge {shortest}" if shortest > own else ""
            line += f" le {longest}" if longest < (128 if ":" in prefix else 32) else ""
        yield line


def _as_paths(tables: _Tables) -> Iterator[str]:
    for name, row in tables.get("AS_PATH_SET", {}).items():
        for number, path in enumerate(_many(row.get("as_path_set_member", [])), start=1):
            action = row.get("action", "permit")
            yield f"bgp as-path access-list {name} seq {number * 5} {action} {path}"


def _route_maps(tables: _Tables) -> Iterator[str]:
    for key, row in tables.get("ROUTE_MAP", {}).items():
        name, sequence = key.split("|")
        yield f"route-map {name} {row['route_operation']} {sequence}"
        if row.get("match_as_path"):
            yield f" match as-path {row['match_as_path']}"
        prefix_set = row.get("match_prefix_set")
        if prefix_set:
            yield f" match {_family(tables, prefix_set)} address prefix-list {prefix_set}"
        yield "exit"


def _session(name: str, row: Mapping[str, Any]) -> Iterator[str]:
    """Lines of a neighbour or peer group that are the same for all address families."""
    remote = row.get("asn") or row.get("peer_type")
    if remote:
        yield f"neighbor {name} remote-as {remote}"
    if "keepalive" in row and "holdtime" in row:
        yield f"neighbor {name} timers {row['keepalive']} {row['holdtime']}"
    if "conn_retry" in row:
        yield f"neighbor {name} timers connect {row['conn_retry']}"
    if "min_adv_interval" in row:
        yield f"neighbor {name} advertisement-interval {row['min_adv_interval']}"
    if _truthy(row.get("bfd")):
        yield f"neighbor {name} bfd"
    if row.get("admin_status") == "down":
        yield f"neighbor {name} shutdown"


def _rows(tables: _Tables, table: str, vrf: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Rest of the key, and row, of what a table has for a routing table."""
    for key, row in tables.get(table, {}).items():
        where, _, rest = key.partition("|")
        if where == vrf and rest:
            yield rest, row


def _neighbours(tables: _Tables, vrf: str) -> Iterator[str]:
    for name, row in _rows(tables, "BGP_PEER_GROUP", vrf):
        yield f"neighbor {name} peer-group"
        yield from _session(name, row)
    for name, row in _rows(tables, "BGP_NEIGHBOR", vrf):
        group = row.get("peer_group_name")
        unnumbered = name.startswith(("Ethernet", "PortChannel", "Vlan"))
        if unnumbered:
            yield f"neighbor {name} interface" + (f" peer-group {group}" if group else "")
        yield from _session(name, row)
        if group and not unnumbered:
            yield f"neighbor {name} peer-group {group}"


def _announced(tables: _Tables, vrf: str, family: str) -> Iterator[str]:
    """Routes that the switch makes itself."""
    for key, _ in _rows(tables, "BGP_GLOBALS_AF_NETWORK", vrf):
        where, prefix = key.split("|")
        if where == family:
            yield f"network {prefix}"
    for key, row in _rows(tables, "ROUTE_REDISTRIBUTE", vrf):
        source, target, where = key.split("|")
        if target == "bgp" and where == family.partition("_")[0]:
            maps = "".join(f" route-map {name}" for name in _many(row.get("route_map", [])))
            yield f"redistribute {source}{maps}"


def _address_family(tables: _Tables, vrf: str, family: str) -> Iterator[str]:
    yield from _announced(tables, vrf, family)
    for table in ("BGP_PEER_GROUP_AF", "BGP_NEIGHBOR_AF"):
        for key, row in _rows(tables, table, vrf):
            name, where = key.split("|")
            if where != family:
                continue
            yield f"{'' if _truthy(row.get('admin_status')) else 'no '}neighbor {name} activate"
            for direction in ("in", "out"):
                for policy in _many(row.get(f"route_map_{direction}", [])):
                    yield f"neighbor {name} route-map {policy} {direction}"
    settings = tables.get("BGP_GLOBALS_AF", {}).get(f"{vrf}|{family}", {})
    if _truthy(settings.get("advertise-all-vni")):
        yield "advertise-all-vni"
    if family.endswith("_unicast") and (vrf == DEFAULT or settings):
        yield f"maximum-paths {settings.get('max_ebgp_paths', '1')}"


def _bgp(tables: _Tables, vrf: str, settings: Mapping[str, Any]) -> Iterator[str]:
    yield f"router bgp {settings['local_asn']}" + ("" if vrf == DEFAULT else f" vrf {vrf}")
    if settings.get("router_id"):
        yield f" bgp router-id {settings['router_id']}"
    if _truthy(settings.get("log_nbr_state_changes")):
        yield " bgp log-neighbor-changes"
    yield " no bgp default ipv4-unicast"
    if _truthy(settings.get("load_balance_mp_relax")):
        yield " bgp bestpath as-path multipath-relax"
    for line in _neighbours(tables, vrf):
        yield f" {line}"
    for family, name in _AF.items():
        lines = list(_address_family(tables, vrf, family))
        if lines:
            yield f" address-family {name}"
            yield from (f"  {line}" for line in lines)
            yield " exit-address-family"
    yield "exit"


def _vrfs(tables: _Tables) -> Iterator[str]:
    """The VNI of routed traffic of each routing table."""
    for name, row in tables.get("VRF", {}).items():
        if str(row.get("vni", "0")) != "0":
            yield from (f"vrf {name}", f" vni {row['vni']}", "exit-vrf")


def _instances(tables: _Tables) -> Iterator[str]:
    """One BGP instance a routing table, that of all switches first."""
    instances = tables.get("BGP_GLOBALS", {})
    for vrf in sorted(instances, key=lambda name: (name != DEFAULT, name)):
        yield from _bgp(tables, vrf, instances[vrf])


def static_routes(tables: _Tables) -> Iterator[str]:
    """Static routes of the table that every switch has; CONFIG_DB joins several next hops by commas."""
    for key, row in tables.get("STATIC_ROUTE", {}).items():
        vrf, bar, prefix = key.partition("|")
        if bar and vrf != DEFAULT:
            continue
        family = "ipv6" if ":" in key else "ip"
        hops = _many(row.get("nexthop", [])) or [""]
        ports = _many(row.get("ifname", [])) or [""] * len(hops)
        for hop, port in zip(hops, ports, strict=False):
            yield " ".join(word for word in (family, "route", prefix if bar else vrf, hop, port) if word)


def frr_conf(config_db: _Tables) -> str:
    """Text of frr.conf for the routing tables of a CONFIG_DB.

    Raises:
        KeyError: a row refers to one that is not there (the YANG models forbid it).
    """
    hostname = config_db.get("DEVICE_METADATA", {}).get("localhost", {}).get("hostname", "sonic")
    lines = [
        "frr defaults traditional",
        f"hostname {hostname}",
        "log syslog informational",
        "service integrated-vtysh-config",
        *_prefix_lists(config_db),
        *_as_paths(config_db),
        *_route_maps(config_db),
        *_vrfs(config_db),
        *_instances(config_db),
    ]
    return "\n".join(lines) + "\n"
