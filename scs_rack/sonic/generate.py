"""CONFIG_DB of a switch, made from a Design: pure functions, the same input gives the same tables.

Spelling is that of community SONiC 202505 and newer in unified mode with the FRR management framework (frrcfgd).
Release 202411 can't do that validly (its YANG models and its frrcfgd contradict each other about `admin_status`),
so its CONFIG_DB says `split-unified`, and `frr_file` gives the FRR configuration that belongs to it.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import Any

from scs_rack.design import Design, NodeDesign, PortUse, SwitchDesign
from scs_rack.model.portmap import Port, default_fec, load_portmap
from scs_rack.sonic.frr import frr_conf

Row = dict[str, Any]
Tables = dict[str, dict[str, Row]]
"""CONFIG_DB as in config_db.json: table → key → fields; values are strings or lists of strings."""

PORT_MTU = 9100
"""MTU in bytes of every port and VLAN, as SONiC has it by default."""
KEEPALIVE, HOLDTIME, CONNECT_RETRY = 3, 9, 5
"""BGP timers in seconds: a silent peer is given up after the hold time, a failed connection tried again soon."""
MAX_PATHS = 64
"""Next hops of one route (equal-cost multipath)."""
FABRIC, HOSTS = "FABRIC", "HOSTS"
"""Peer groups: switches, and servers (the manager too)."""
ALLOW = "ALLOW"
"""Route map that permits everything: eBGP without one exchanges nothing (RFC 8212)."""
TYPES = {"leaf": "LeafRouter", "spine": "SpineRouter", "oob": "MgmtToRRouter"}
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


def is_split(release: str) -> bool:
    """True for releases where FRR's configuration is a file of its own."""
    return release < "202505"


def _strings(row: dict[str, Any]) -> Row:
    return {name: value if isinstance(value, (str, list)) else str(value) for name, value in row.items()}


def _metadata(switch: SwitchDesign) -> Row:
    portmap = load_portmap(switch.model)
    row = {
        "hostname": switch.name,
        "hwsku": portmap.sku,
        "platform": portmap.platform,
        "mac": switch.mac,
        "type": TYPES[switch.role],
        "docker_routing_config_mode": "split-unified" if is_split(switch.release) else "unified",
        "frr_mgmt_framework_config": "false" if is_split(switch.release) else "true",
    }
    if switch.role != "oob":
        row["bgp_asn"] = str(switch.asn)
    return row


def port_speed(design: Design, switch: SwitchDesign, port: Port) -> int:
    """Speed of a port in Mb/s: the highest that both ends can do, where the other end is known; else its usual one."""
    use = switch.ports.get(port.name)
    if use is None:
        return port.speed
    if use.peer in design.switches:
        far = switch_ports(design.switches[use.peer]).get(use.peer_port)
        return max(set(port.speeds) & set(far.speeds), default=port.speed) if far else port.speed
    return use.speed if use.speed in port.speeds else port.speed


def _port(port: Port, use: PortUse | None, speed: int) -> Row:
    row: dict[str, Any] = {
        "lanes": ",".join(str(lane) for lane in port.lanes),
        "alias": port.alias,
        "index": port.index,
        "speed": speed,
        "autoneg": port.autoneg,
        "mtu": PORT_MTU,
        "admin_status": "up" if use else "down",
        "description": f"{use.peer}:{use.peer_port}" if use else "unused",
    }
    if default_fec(speed) != "none":
        row["fec"] = default_fec(speed)
    if port.subport:
        row["subport"] = port.subport
    return _strings(row)


def switch_ports(switch: SwitchDesign) -> dict[str, Port]:
    """All data ports of a switch after breakouts, by name."""
    return load_portmap(switch.model).with_breakouts(switch.breakouts)


def _ports(design: Design, switch: SwitchDesign) -> Tables:
    ports = switch_ports(switch)
    return {
        "PORT": {
            name: _port(port, switch.ports.get(name), port_speed(design, switch, port)) for name, port in ports.items()
        }
    }


def _neighbours(design: Design, switch: SwitchDesign) -> Tables:
    """The cable plan on the switch itself: `show interfaces neighbor expected` reads it."""
    data = {name: use for name, use in switch.ports.items() if name.startswith("Ethernet")}
    metadata: dict[str, Row] = {}
    for use in data.values():
        other = design.switches.get(use.peer)
        if other:
            metadata[other.name] = {
                "hwsku": load_portmap(other.model).sku,
                "mgmt_addr": str(other.mgmt.ip),
                "type": TYPES[other.role],
            }
    tables: Tables = {
        "DEVICE_NEIGHBOR": {name: {"name": use.peer, "port": use.peer_port} for name, use in data.items()}
    }
    if metadata:
        tables["DEVICE_NEIGHBOR_METADATA"] = metadata
    return {table: rows for table, rows in tables.items() if rows}


def _vlans(switch: SwitchDesign) -> Tables:
    members: dict[str, Row] = {}
    for name, use in switch.ports.items():
        if use.untagged:
            members[f"Vlan{use.untagged}|{name}"] = {"tagging_mode": "untagged"}
        for vlan in use.tagged:
            members[f"Vlan{vlan}|{name}"] = {"tagging_mode": "tagged"}
    # a switch's own management port is no data port and no member
    members = {key: row for key, row in members.items() if key.partition("|")[2].startswith("Ethernet")}
    vlans = sorted({int(key.partition("|")[0].removeprefix("Vlan")) for key in members})
    if not vlans:
        return {}
    return {"VLAN": {f"Vlan{vlan}": {"vlanid": str(vlan)} for vlan in vlans}, "VLAN_MEMBER": members}


def oob_vlan(design: Design) -> tuple[int, IPv4Address | None]:
    """VLAN of the out-of-band network and its router, if it has one."""
    network = next(network for network in design.rack.networks.values() if network.purpose == "oob")
    return network.vlan, network.gateway


def _management(design: Design, switch: SwitchDesign) -> Tables:
    """Where the switch is managed: an SVI on out-of-band switches, the management port on others."""
    vlan, gateway = oob_vlan(design)
    if switch.role == "oob":
        tables: Tables = {"VLAN_INTERFACE": {f"Vlan{vlan}": {}, f"Vlan{vlan}|{switch.mgmt}": {}}}
        if gateway:
            tables["STATIC_ROUTE"] = {"default|0.0.0.0/0": {"nexthop": str(gateway), "ifname": f"Vlan{vlan}"}}
        return tables
    # the YANG models want a gateway: in a network without a router the manager is the one address that must be reached
    return {
        "MGMT_PORT": {"eth0": {"alias": "eth0", "admin_status": "up"}},
        "MGMT_INTERFACE": {f"eth0|{switch.mgmt}": {"gwaddr": str(gateway or design.manager.mgmt.ip)}},
    }


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


def loopback_map(family: int) -> str:
    """Name of the route map, and of its prefix set, that permits the rack's loopbacks of IP version 4 or 6."""
    return f"LOOPBACKS{family}"


def _routing(design: Design, switch: SwitchDesign) -> Tables:
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
        tables["BGP_PEER_GROUP"][f"default|{group}"] = _strings(
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


def all_tables(design: Design, name: str) -> Tables:
    """All that follows from a Design for a switch, whatever its release can keep in CONFIG_DB."""
    switch = design.switches[name]
    tables: Tables = {"DEVICE_METADATA": {"localhost": _metadata(switch)}, **_ports(design, switch)}
    tables |= _vlans(switch)
    tables |= _management(design, switch)
    tables |= _neighbours(design, switch)
    if switch.role != "oob":
        tables |= _routing(design, switch)
    return dict(sorted(tables.items()))


def config_db(design: Design, switch_name: str) -> Tables:
    """The tables of CONFIG_DB that scs-rack owns on a switch.

    Raises:
        KeyError: the rack has no switch of that name.
        BadBreakout: a port can't be broken out as the rack file says.
    """
    tables = all_tables(design, switch_name)
    if is_split(design.switches[switch_name].release):
        return {table: rows for table, rows in tables.items() if table not in BGP_TABLES}
    return tables


def frr_file(design: Design, switch_name: str) -> str | None:
    """FRR's configuration of a switch whose release keeps it in a file; None where CONFIG_DB holds it."""
    if not is_split(design.switches[switch_name].release):
        return None
    return frr_conf(all_tables(design, switch_name))


def day0(design: Design, switch_name: str) -> Tables:
    """What a switch has before scs-rack touches it: it can be managed, and does nothing else.

    An out-of-band switch already bridges its VLAN, so that all that hangs on it can be reached; that is what whoever
    puts a switch into a rack does by hand or by ZTP.
    """
    switch = design.switches[switch_name]
    metadata = {
        key: value
        for key, value in _metadata(switch).items()
        if key in ("hostname", "hwsku", "platform", "mac", "type")
    }
    tables: Tables = {
        "DEVICE_METADATA": {"localhost": metadata},
        "VERSIONS": {"DATABASE": {"VERSION": f"version_{switch.release}_01"}},
        **_ports(design, switch),
        **_management(design, switch),
    }
    if switch.role == "oob":
        tables |= _vlans(switch)
    else:
        for row in tables["PORT"].values():
            row["admin_status"] = "down"
    for row in tables["PORT"].values():
        del row["description"]
    return dict(sorted(tables.items()))
