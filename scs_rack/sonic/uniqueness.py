"""Rules across switches of what must be unique: names, MAC addresses, numbers of systems, addresses."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from scs_rack.sonic.fault import Fault, TablesLike
from scs_rack.sonic.rules.tools import INTERFACES, items, rows, text


def unique_faults(configs: Mapping[str, TablesLike]) -> Iterator[tuple[str, Fault]]:
    """What two switches have that one may have, each with the switch at which it is told."""
    yield from _names(configs)
    yield from _addresses(configs)


def _peers_inside(tables: TablesLike) -> bool:
    """True if the switch has neighbours in its own system: then its number is shared on purpose."""
    own = text(rows(tables, "BGP_GLOBALS").get("default", {}), "local_asn")
    peers = [*rows(tables, "BGP_NEIGHBOR").values(), *rows(tables, "BGP_PEER_GROUP").values()]
    return any(text(row, "peer_type") == "internal" or (text(row, "asn") or "-") == own for row in peers)


def _names(configs: Mapping[str, TablesLike]) -> Iterator[tuple[str, Fault]]:
    """Names, MAC addresses, router ids and numbers of systems belong to one switch."""
    users: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for name, tables in configs.items():
        metadata = rows(tables, "DEVICE_METADATA").get("localhost", {})
        bgp = rows(tables, "BGP_GLOBALS").get("default", {})
        for table, key, row, field in (
            ("DEVICE_METADATA", "localhost", metadata, "hostname"),
            ("DEVICE_METADATA", "localhost", metadata, "mac"),
            ("BGP_GLOBALS", "default", bgp, "router_id"),
            ("BGP_GLOBALS", "default", bgp, "local_asn"),
        ):
            value = text(row, field).lower()
            if value and not (field == "local_asn" and _peers_inside(tables)):
                users[table, key, field, value].append(name)
    for (table, key, field, value), names in users.items():
        if len(names) > 1:
            message = f"{field} {value} is used by {', '.join(names)}"
            yield names[-1], Fault(message, table, key, field, "give each switch its own")


def _addresses(configs: Mapping[str, TablesLike]) -> Iterator[tuple[str, Fault]]:
    """An address belongs to one switch, unless it is one of several routers' on purpose (anycast)."""
    users: dict[tuple[str, str], list[tuple[str, str, str]]] = defaultdict(list)
    for name, tables in configs.items():
        shared = _shared(tables)
        for table in (*INTERFACES, "MGMT_INTERFACE"):
            for key in rows(tables, table):
                on, bar, prefix = key.partition("|")
                address = prefix.partition("/")[0]
                if bar and not address.lower().startswith("fe80:") and not {on, address} & shared:
                    vrf = text(rows(tables, table).get(on, {}), "vrf_name") or "default"
                    users[vrf, address].append((name, table, key))
    for (_, address), found in users.items():
        names = list(dict.fromkeys(name for name, _, _ in found))
        if len(names) > 1:
            name, table, key = found[-1]
            what = "loopback" if table == "LOOPBACK_INTERFACE" else "address"
            yield name, Fault(f"{what} {address} is used by {', '.join(names)}", table, key)


def _shared(tables: TablesLike) -> set[str]:
    """Interfaces and addresses that may be those of several switches: gateways of VLANs, tunnels of a pair."""
    found = {
        name for name, row in rows(tables, "VLAN_INTERFACE").items() if text(row, "static_anycast_gateway") == "true"
    }
    found |= {name for name, row in rows(tables, "VLAN").items() if text(row, "mac")}
    found |= {name for name, row in rows(tables, "VLAN_INTERFACE").items() if text(row, "mac_addr")}
    domains = rows(tables, "MCLAG_DOMAIN")
    if domains:  # a pair has one tunnel end point, and gives its VLANs one gateway
        found |= {address for row in rows(tables, "VXLAN_TUNNEL").values() for address in items(row, "src_ip")}
        found |= set(rows(tables, "VLAN_INTERFACE")) - set(rows(tables, "MCLAG_UNIQUE_IP"))
    return found
