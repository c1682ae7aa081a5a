"""Rules of pairs of switches: what both of a multi-chassis LAG must say alike, and Ethernet segments of EVPN."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from scs_rack.sonic.fault import Fault, TablesLike
from scs_rack.sonic.rules.tools import rows, text

_Member = tuple[str, str]
"""A switch, and what it calls the pair."""
_ALIKE = ("keepalive_interval", "session_timeout", "mclag_system_id", "mclag_system_mac")
"""Fields of MCLAG_DOMAIN that both switches of a pair must have alike."""


def pair_faults(configs: Mapping[str, TablesLike]) -> Iterator[tuple[str, Fault]]:
    """Faults of pairs, each with the switch at which it is told."""
    pairs: dict[str, list[_Member]] = defaultdict(list)
    for name, tables in configs.items():
        for domain, row in rows(tables, "MCLAG_DOMAIN").items():
            ends = sorted((text(row, "source_ip"), text(row, "peer_ip")))
            pairs[f"{ends[0]} {ends[1]}"].append((name, domain))
    for members in pairs.values():
        if len(members) == 1:
            yield from _alone(members[0], configs)
        elif len(members) == 2:
            yield from _pair(members[0], members[1], configs)
        else:
            name, domain = members[-1]
            others = ", ".join(member for member, _ in members)
            yield name, Fault(f"a pair has two switches, and here are {others}", "MCLAG_DOMAIN", domain)
    yield from _segments(configs)


def _alone(member: _Member, configs: Mapping[str, TablesLike]) -> Iterator[tuple[str, Fault]]:
    """A domain whose peer is not among the switches: a fault when the peer's address is one of theirs."""
    name, domain = member
    row = rows(configs[name], "MCLAG_DOMAIN")[domain]
    peer = text(row, "peer_ip")
    for other, tables in configs.items():
        tables_of_addresses = ("VLAN_INTERFACE", "LOOPBACK_INTERFACE", "INTERFACE", "PORTCHANNEL_INTERFACE")
        own = {key.partition("|")[2].partition("/")[0] for table in tables_of_addresses for key in rows(tables, table)}
        if other != name and peer and peer in own:
            message = f"its peer {peer} is {other}, which has no domain whose peer is {text(row, 'source_ip')}"
            yield name, Fault(message, "MCLAG_DOMAIN", domain, "peer_ip", "source and peer are each other's")


def _pair(one: _Member, two: _Member, configs: Mapping[str, TablesLike]) -> Iterator[tuple[str, Fault]]:
    (near, domain), (far, other) = one, two
    first, second = configs[near], configs[far]
    here, there = rows(first, "MCLAG_DOMAIN")[domain], rows(second, "MCLAG_DOMAIN")[other]
    if domain != other:
        message = f"{near} calls the pair domain {domain}, and {far} domain {other}"
        yield near, Fault(message, "MCLAG_DOMAIN", domain, hint="both must have the same number")
    if text(here, "source_ip") == text(there, "source_ip"):
        message = f"{near} and {far} both have {text(here, 'source_ip')} as their own address"
        yield near, Fault(message, "MCLAG_DOMAIN", domain, "source_ip", "source and peer are each other's")
    for field in _ALIKE:
        if text(here, field) != text(there, field):
            values = f"{text(here, field) or 'none'} and {text(there, field) or 'none'}"
            yield near, Fault(f"{near} and {far} disagree on {field}: {values}", "MCLAG_DOMAIN", domain, field)
    for table, what in (("MCLAG_INTERFACE", "LAGs of the pair"), ("MCLAG_UNIQUE_IP", "VLANs with two addresses")):
        left, right = ({key.rpartition("|")[2] for key in rows(tables, table)} for tables in (first, second))
        for name in sorted(left ^ right):
            has, lacks = (near, far) if name in left else (far, near)
            message = f"{name} of {has} is not among the {what} of {lacks}"
            yield has, Fault(message, table, f"{domain}|{name}" if table == "MCLAG_INTERFACE" else name)
    yield from _bundles(near, far, first, second)


def _bundles(near: str, far: str, first: TablesLike, second: TablesLike) -> Iterator[tuple[str, Fault]]:
    """LAGs of a pair carry the same VLANs in the same way, with the same MTU."""
    both = {key.rpartition("|")[2] for key in rows(first, "MCLAG_INTERFACE")}
    both &= {key.rpartition("|")[2] for key in rows(second, "MCLAG_INTERFACE")}
    for name in sorted(both):
        left, right = (
            {
                key: text(row, "tagging_mode")
                for key, row in rows(tables, "VLAN_MEMBER").items()
                if key.endswith(f"|{name}")
            }
            for tables in (first, second)
        )
        for key in sorted(left.keys() | right.keys()):
            if left.get(key) != right.get(key):
                how = f"{near}: {left.get(key, 'not in it')}, {far}: {right.get(key, 'not in it')}"
                vlan = key.partition("|")[0]
                yield near, Fault(f"{name} is in {vlan} differently: {how}", "VLAN_MEMBER", key)
        sizes = [text(rows(tables, "PORTCHANNEL").get(name, {}), "mtu") or "9100" for tables in (first, second)]
        if sizes[0] != sizes[1]:
            message = f"{near} and {far} disagree on its mtu: {sizes[0]} and {sizes[1]}"
            yield near, Fault(message, "PORTCHANNEL", name, "mtu")


def _segments(configs: Mapping[str, TablesLike]) -> Iterator[tuple[str, Fault]]:
    """An Ethernet segment with a stated identifier is at two switches at least; else nothing is shared."""
    users: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, tables in configs.items():
        for port, row in rows(tables, "EVPN_ETHERNET_SEGMENT").items():
            esi = text(row, "esi").lower()
            if esi == "auto":
                esi = f"auto, system_mac {text(rows(tables, 'PORTCHANNEL').get(port, {}), 'system_mac').lower()}"
            users[esi].append((name, port))
    for esi, found in users.items():
        if len(found) == 1 and len(configs) > 1:
            name, port = found[0]
            message = f"no other switch has this segment ({esi})"
            yield name, Fault(message, "EVPN_ETHERNET_SEGMENT", port, "esi", severity="warning")
