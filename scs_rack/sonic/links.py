"""Rules across switches, which no model of one switch can have: both ends of a link, and what must be unique.

Which port is cabled to which follows from the rack file, or from DEVICE_NEIGHBOR of the switches themselves.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from scs_rack.design import Design
from scs_rack.sonic.fault import Fault, TablesLike
from scs_rack.sonic.pairs import pair_faults
from scs_rack.sonic.rules.routing import by_framework
from scs_rack.sonic.rules.tools import rows, text
from scs_rack.sonic.uniqueness import unique_faults

AGREE = {"speed": "", "fec": "none", "mtu": "9100", "autoneg": "off"}
"""Fields of PORT that must be the same at both ends of a link, and what a port has that states none."""

COPPER = ("10", "100", "1000")
"""Speeds in Mb/s at which a port of copper negotiates, and a cage at the other end leaves that to its plug."""

Configs = Mapping[str, TablesLike]
"""CONFIG_DB of each switch by its name."""


@dataclass(frozen=True, order=True)
class End:
    """A port of a switch."""

    switch: str
    port: str

    def __str__(self) -> str:
        return f"{self.switch} {self.port}"


def links_of(design: Design) -> list[tuple[End, End]]:
    """Links between switches by the rack file."""
    cables = [(End(one.device, one.port), End(two.device, two.port)) for one, two in design.rack.cables]
    return [pair for pair in cables if all(end.switch in design.switches for end in pair)]


def stated_links(configs: Configs) -> tuple[list[tuple[End, End]], list[tuple[str, Fault]]]:
    """Links between switches by their DEVICE_NEIGHBOR, and where two of them contradict each other."""
    ports = {name: _ports_by_any_name(tables) for name, tables in configs.items()}
    peers: dict[End, End] = {}
    for name, tables in configs.items():
        for port, row in rows(tables, "DEVICE_NEIGHBOR").items():
            far, far_port = text(row, "name"), text(row, "port")
            if far in configs and far_port in ports[far]:
                peers[End(name, port)] = End(far, ports[far][far_port])
    faults = []
    for one, two in sorted(peers.items()):
        back = peers.get(two)
        if back is not None and back != one:
            message = f"says that it leads to {two}, which says that it leads to {back}"
            faults.append((one.switch, Fault(message, "DEVICE_NEIGHBOR", one.port, hint="one of both is wrong")))
    links = {(min(one, two), max(one, two)) for one, two in peers.items() if peers.get(two, one) == one}
    return sorted(links), faults


def _ports_by_any_name(tables: TablesLike) -> dict[str, str]:
    """Port by its alias and by its name."""
    ports = rows(tables, "PORT")
    return {text(row, "alias"): name for name, row in ports.items() if text(row, "alias")} | {
        name: name for name in ports
    }


def fabric_faults(configs: Configs, links: Iterable[tuple[End, End]] | None = None) -> list[tuple[str, Fault]]:
    """Faults between switches, each with the switch at which it is told.

    Args:
        configs: CONFIG_DB of each switch by name.
        links: which port leads to which; from DEVICE_NEIGHBOR when not given.
    """
    found: list[tuple[str, Fault]] = []
    if links is None:
        links, found = stated_links(configs)
    for one, two in links:
        if one.switch in configs and two.switch in configs:
            found += [(one.switch, fault) for fault in _link(one, two, configs)]
    return [*found, *unique_faults(configs), *pair_faults(configs)]


def check_links(design: Design, configs: Configs) -> list[str]:
    """Faults between the switches of a rack, one line each."""
    found = fabric_faults(configs, links_of(design))
    return [f"{name} {fault}" for name, fault in found if fault.severity == "error"]


def _link(one: End, two: End, configs: Configs) -> Iterator[Fault]:
    near, far = (rows(configs[end.switch], "PORT").get(end.port) for end in (one, two))
    if near is None or far is None:
        return
    for field, default in AGREE.items():
        values = [text(row, field) or default for row in (near, far)]
        if values[0] != values[1] and not (field == "autoneg" and text(near, "speed") in COPPER):
            message = f"{one} and {two} disagree on {field}: {values[0] or 'none'} and {values[1] or 'none'}"
            yield Fault(message, "PORT", one.port, field, "both ends of a link must have the same")
    states = [text(row, "admin_status") for row in (near, far)]
    if "down" in states and "up" in states:
        message = f"{one} is {states[0]}, and {two} at its other end {states[1]}"
        yield Fault(message, "PORT", one.port, "admin_status", "use the link or don't", severity="warning")
    yield from _bridging(one, two, configs)
    yield from _sessions(one, two, configs)


def _lag(end: End, configs: Configs) -> str:
    members = rows(configs[end.switch], "PORTCHANNEL_MEMBER")
    return next((key.partition("|")[0] for key in members if key.partition("|")[2] == end.port), "")


def _vlans(name: str, tables: TablesLike) -> dict[str, str]:
    """Tagging mode of each VLAN of a port."""
    members = {key.partition("|"): row for key, row in rows(tables, "VLAN_MEMBER").items()}
    return {vlan: text(row, "tagging_mode") for (vlan, _, port), row in members.items() if port == name}


def _bridging(one: End, two: End, configs: Configs) -> Iterator[Fault]:
    """A link is in a LAG at both ends or at none, and in the same VLANs."""
    lags = [_lag(end, configs) for end in (one, two)]
    if bool(lags[0]) != bool(lags[1]):
        end, lag, bare = (one, lags[0], two) if lags[0] else (two, lags[1], one)
        message = f"{end} is in {lag}, and {bare} at its other end in no LAG"
        yield Fault(message, "PORTCHANNEL_MEMBER", f"{lag}|{end.port}", hint="put both ends into a LAG, or none")
    names = [lag or end.port for lag, end in zip(lags, (one, two), strict=True)]
    near, far = (_vlans(name, configs[end.switch]) for name, end in zip(names, (one, two), strict=True))
    for vlan in sorted(near.keys() | far.keys()):
        if "tagged" in (near.get(vlan), far.get(vlan)) and near.get(vlan) != far.get(vlan):
            how = [f"{end}: {found.get(vlan, 'not in it')}" for end, found in ((one, near), (two, far))]
            key = f"{vlan}|{names[0]}"
            yield Fault(f"both ends of a link treat {vlan} differently: {', '.join(how)}", "VLAN_MEMBER", key)
    natives = [[vlan for vlan, mode in found.items() if mode == "untagged"] for found in (near, far)]
    if bool(natives[0]) and bool(natives[1]) and natives[0] != natives[1]:
        message = f"untagged frames are {natives[0][0]} at {one} and {natives[1][0]} at {two}"
        yield Fault(message, "VLAN_MEMBER", f"{natives[0][0]}|{names[0]}", "tagging_mode")


def _sessions(one: End, two: End, configs: Configs) -> Iterator[Fault]:
    """An unnumbered session is wanted by both ends, and both are of different systems where it is external."""
    names = [_lag(end, configs) or end.port for end in (one, two)]
    tables = [configs[end.switch] for end in (one, two)]
    if not all(map(by_framework, tables)):
        return  # sessions of one of them stand elsewhere
    found = [_neighbour(name, table) for name, table in zip(names, tables, strict=True)]
    wanted = [bool(key) for key, _ in found]
    if wanted[0] != wanted[1]:
        position = wanted.index(True)
        message = f"{(one, two)[position]} wants a BGP session, and {(two, one)[position]} at its other end none"
        yield Fault(message, "BGP_NEIGHBOR", found[position][0])
    if all(wanted):
        asns = [_asn(table, key.partition("|")[0]) for table, (key, _) in zip(tables, found, strict=True)]
        if asns[0] and asns[0] == asns[1] and "external" in (kind for _, kind in found):
            message = f"{one} and {two} want an external BGP session, and both are AS {asns[0]}"
            yield Fault(message, "BGP_NEIGHBOR", found[0][0], hint="give each switch its own number")


def _neighbour(name: str, tables: TablesLike) -> tuple[str, str]:
    """Key and kind of the unnumbered neighbour on an interface; empty texts where there is none."""
    for key, row in rows(tables, "BGP_NEIGHBOR").items():
        vrf, _, on = key.partition("|")
        if on == name:
            group = rows(tables, "BGP_PEER_GROUP").get(f"{vrf}|{text(row, 'peer_group_name')}", {})
            return key, text(row, "peer_type") or text(group, "peer_type")
    return "", ""


def _asn(tables: TablesLike, vrf: str) -> str:
    return text(rows(tables, "BGP_GLOBALS").get(vrf, {}), "local_asn")
