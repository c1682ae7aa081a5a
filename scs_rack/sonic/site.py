"""One switch in its rack, as the parts of the generator see it: its ports, and what carries traffic on it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from ipaddress import IPv4Address
from typing import Literal

from scs_rack.design import Design, PortUse, SwitchDesign
from scs_rack.model.layer2 import Lag, Pair
from scs_rack.model.network import Network
from scs_rack.model.portmap import Port, load_portmap
from scs_rack.model.switching import Switching

Kind = Literal["fabric", "hosts", "bridged"]
_KINDS: dict[str, Kind] = {"fabric": "fabric", "host": "hosts", "access": "bridged", "trunk": "bridged"}


@dataclass(frozen=True)
class Interface:
    """A port or a LAG that carries traffic."""

    name: str
    members: tuple[str, ...]
    """Ports that it consists of: itself, when it is a port."""
    kind: Kind
    """`fabric` and `hosts` are routed and speak BGP, `bridged` belongs to VLANs."""
    peer: str = ""
    """Device at the other end, where the rack file knows it."""
    untagged: int | None = None
    tagged: tuple[int, ...] = ()
    lag: Lag | None = None

    @property
    def vlans(self) -> tuple[int, ...]:
        """All VLANs on a bridged interface."""
        return (*((self.untagged,) if self.untagged else ()), *self.tagged)


@dataclass(frozen=True)
class Site:
    """A switch in its rack."""

    design: Design
    switch: SwitchDesign

    @property
    def options(self) -> Switching:
        """Options of the switch."""
        return self.switch.options

    @property
    def routed(self) -> bool:
        """True for leaves and spines."""
        return self.switch.role != "oob"

    @cached_property
    def ports(self) -> Mapping[str, Port]:
        """All data ports after breakouts."""
        return switch_ports(self.switch)

    @cached_property
    def oob(self) -> Network:
        """The out-of-band network."""
        return next(network for network in self.design.rack.networks.values() if network.purpose == "oob")

    @property
    def gateway(self) -> IPv4Address | None:
        """Router of the out-of-band network, if it has one."""
        return self.oob.gateway

    @property
    def management_vrf(self) -> bool:
        """True if the management port has a routing table of its own; out-of-band switches have no such port."""
        return bool(self.options.management_vrf) and self.routed

    @cached_property
    def pair(self) -> Pair | None:
        """The pair of leaves that the switch belongs to."""
        return next((pair for pair in self.design.rack.layer2.pairs if self.switch.name in pair.switches), None)

    @cached_property
    def partner(self) -> SwitchDesign | None:
        """The other switch of its pair."""
        if self.pair is None:
            return None
        return self.design.switches[next(name for name in self.pair.switches if name != self.switch.name)]

    @cached_property
    def interfaces(self) -> dict[str, Interface]:
        """What carries traffic, by name: ports in the order of the cables, then ports without one, then LAGs."""
        single: dict[str, Interface] = {}
        for name, use in self.switch.ports.items():
            if name in self.ports:
                single[name] = _cabled(name, use)
        for name, stated in self.switch.port_options.items():
            if stated.bgp:
                single[name] = Interface(name, (name,), stated.bgp, single[name].peer if name in single else "")
            elif stated.untagged or stated.tagged:
                before = single.get(name) or Interface(name, (name,), "bridged")
                single[name] = replace(before, untagged=stated.untagged, tagged=tuple(stated.tagged))
        lags = {name: _lag(name, lag, single) for name, lag in self.switch.lags.items()}
        inside = {port for lag in self.switch.lags.values() for port in lag.ports}
        found = {name: one for name, one in single.items() if name not in inside} | lags
        link = self.pair.peer_link if self.pair else None
        if link in found:
            shared = {vlan for one in found.values() if one.name != link for vlan in one.vlans}
            found[link] = replace(found[link], kind="bridged", untagged=None, tagged=tuple(sorted(shared)))
        return found

    @cached_property
    def bridged(self) -> dict[str, Interface]:
        """Interfaces that belong to VLANs."""
        return {name: one for name, one in self.interfaces.items() if one.kind == "bridged" and one.vlans}

    @cached_property
    def neighbours(self) -> dict[str, Interface]:
        """Interfaces that speak BGP."""
        return {name: one for name, one in self.interfaces.items() if one.kind != "bridged"} if self.routed else {}


def speakers(design: Design, switch_name: str) -> dict[str, str]:
    """Interface that speaks BGP over each routed port of a switch: the port itself, or its LAG."""
    neighbours = Site(design, design.switches[switch_name]).neighbours
    return {port: name for name, one in neighbours.items() for port in one.members}


def _cabled(name: str, use: PortUse) -> Interface:
    return Interface(name, (name,), _KINDS[use.use], use.peer, use.untagged, use.tagged)


def _lag(name: str, lag: Lag, single: Mapping[str, Interface]) -> Interface:
    """A LAG: what it is for follows from its first member that is for something, or is stated."""
    first = next((single[port] for port in lag.ports if port in single), Interface(name, (), "bridged"))
    found = replace(first, name=name, members=tuple(lag.ports), lag=lag)
    if lag.untagged or lag.tagged:
        return replace(found, kind="bridged", untagged=lag.untagged, tagged=tuple(lag.tagged))
    return found


@cache
def _ports(model: str, breakouts: tuple[tuple[str, str], ...]) -> Mapping[str, Port]:
    return load_portmap(model).with_breakouts(dict(breakouts))


def switch_ports(switch: SwitchDesign) -> Mapping[str, Port]:
    """All data ports of a switch after breakouts, by name.

    Raises:
        BadBreakout: a port can't be broken out as the rack file says.
    """
    return _ports(switch.model, tuple(switch.breakouts.items()))
