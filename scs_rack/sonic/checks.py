"""Checks of a CONFIG_DB that the YANG models don't make. Standard library only: the lab switch makes them too.

None of these faults is found by the models of any release, and SONiC loads them without a word.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

_Tables = Mapping[str, Mapping[str, Mapping[str, Any]]]


def load_tables(text: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Read the text of a config_db.json.

    Raises:
        ValueError: it is no JSON, or not table → key → fields.
    """
    tables: dict[str, dict[str, dict[str, Any]]] = json.loads(text)
    if not isinstance(tables, dict) or not all(
        isinstance(rows, dict) and all(isinstance(row, dict) for row in rows.values()) for rows in tables.values()
    ):
        raise ValueError("not of the form table, key, fields")
    return tables


def _repeated(values: Mapping[str, list[str]], what: str) -> Iterator[str]:
    for value, users in sorted(values.items()):
        if len(users) > 1:
            yield f"{what} {value} is used by {', '.join(users)}"


def _ports(tables: _Tables) -> Iterator[str]:
    lanes, aliases = defaultdict(list), defaultdict(list)
    for name, row in tables.get("PORT", {}).items():
        for lane in str(row.get("lanes", "")).split(","):
            if not lane.strip().isdigit():
                yield f"PORT|{name}: lane {lane!r} is no number"
            lanes[lane].append(name)
        if row.get("alias"):
            aliases[row["alias"]].append(name)
        subport, siblings = row.get("subport", "0"), row.get("index")
        if subport != "0" and not siblings:
            yield f"PORT|{name}: a port that was broken out needs an index"
    yield from _repeated(lanes, "lane")
    yield from _repeated(aliases, "alias")


def _addresses(tables: _Tables) -> Iterator[str]:
    users: dict[str, list[str]] = defaultdict(list)
    for table in ("INTERFACE", "VLAN_INTERFACE", "LOOPBACK_INTERFACE", "PORTCHANNEL_INTERFACE", "MGMT_INTERFACE"):
        for key in tables.get(table, {}):
            name, bar, prefix = key.partition("|")
            if bar:
                users[prefix.partition("/")[0]].append(name)
    yield from _repeated(users, "address")


def _members(tables: _Tables) -> Iterator[str]:
    lags: dict[str, list[str]] = defaultdict(list)
    for key in tables.get("PORTCHANNEL_MEMBER", {}):
        lag, _, port = key.partition("|")
        lags[port].append(lag)
        if port in tables.get("INTERFACE", {}):
            yield f"{port} is a member of {lag} and a routed port"
    yield from _repeated(lags, "member port")
    for key in tables.get("VLAN_MEMBER", {}):
        vlan, _, port = key.partition("|")
        if vlan not in tables.get("VLAN", {}):
            yield f"VLAN_MEMBER|{key}: there is no {vlan}"
        if port in tables.get("INTERFACE", {}):
            yield f"{port} is a member of {vlan} and a routed port"


def _tunnels(tables: _Tables) -> Iterator[str]:
    vnis, vlans = defaultdict(list), defaultdict(list)
    for key, row in tables.get("VXLAN_TUNNEL_MAP", {}).items():
        vnis[row.get("vni", "")].append(key)
        vlans[row.get("vlan", "")].append(key)
        if row.get("vlan") not in tables.get("VLAN", {}):
            yield f"VXLAN_TUNNEL_MAP|{key}: there is no {row.get('vlan')}"
    yield from _repeated(vnis, "VNI")
    yield from _repeated(vlans, "VLAN of a tunnel")


def _routing(tables: _Tables) -> Iterator[str]:
    yield from _policies(tables)
    for key, row in tables.get("STATIC_ROUTE", {}).items():
        counts = {len(str(row[field]).split(",")) for field in ("nexthop", "ifname", "distance") if row.get(field)}
        if len(counts) > 1:
            yield f"STATIC_ROUTE|{key}: nexthop, ifname and distance are of unequal length"


def _policies(tables: _Tables) -> Iterator[str]:
    active: dict[str, set[str]] = defaultdict(set)
    policed: dict[str, set[str]] = defaultdict(set)
    for table in ("BGP_PEER_GROUP_AF", "BGP_NEIGHBOR_AF"):
        for key, row in tables.get(table, {}).items():
            _, name, family = key.split("|")
            if row.get("admin_status") == "up":
                active[name].add(family)
            if row.get("route_map_in") and row.get("route_map_out"):
                policed[name].add(family)
    for key, row in tables.get("BGP_NEIGHBOR", {}).items():
        name = key.partition("|")[2]
        if not name:
            continue  # keyed by address alone: bgpcfgd, which brings its own policy
        group = row.get("peer_group_name", "")
        families = active[name] | active[group]
        if not families:
            yield f"BGP_NEIGHBOR|{key}: no address family is activated"
        if families - policed[name] - policed[group]:
            yield f"BGP_NEIGHBOR|{key}: eBGP without a route map in and out exchanges nothing (RFC 8212)"


def check_tables(tables: _Tables) -> list[str]:
    """Faults of one switch's CONFIG_DB, one line each; an empty list when there is none."""
    return [fault for check in (_ports, _addresses, _members, _tunnels, _routing) for fault in check(tables)]
