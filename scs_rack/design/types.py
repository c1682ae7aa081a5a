"""The types of a Design."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Network
from typing import Literal

from scs_rack.model import Disk, Rack
from scs_rack.model.layer2 import Lag, SwitchPort
from scs_rack.model.switching import Switching

Use = Literal["fabric", "host", "access", "trunk"]
"""What a switch port is for: `fabric` routed to a switch, `host` routed to a server, `access` and `trunk` bridged."""


@dataclass(frozen=True)
class PortUse:
    """A cabled port, seen from one of its ends."""

    port: str
    peer: str
    """Name of the device at the other end."""
    peer_port: str
    use: Use
    speed: int | None = None
    """Mb/s, where an end's model states it."""
    untagged: int | None = None
    """VLAN of untagged frames on a bridged port."""
    tagged: tuple[int, ...] = ()


@dataclass(frozen=True)
class BmcDesign:
    """A server's BMC, ready to be called."""

    address: IPv4Address
    protocol: Literal["redfish", "ipmi"]
    user: str
    mac: str | None
    fingerprint: str | None
    fallback: bool = False
    """Speak the other protocol where this one is silent or lacks a function."""
    quirks: frozenset[str] = frozenset()
    """Departures of its Redfish service that the rack file states."""


@dataclass(frozen=True)
class NodeDesign:
    """A server with all that was derived for it."""

    name: str
    unit: int
    in_service: bool
    roles: tuple[str, ...]
    mgmt: IPv4Interface
    """Address of the management NIC, with its prefix."""
    mgmt_nic: str
    bmc: BmcDesign
    loopback4: IPv4Address
    loopback6: IPv6Address
    asn: int
    uplinks: tuple[PortUse, ...]
    external: tuple[PortUse, ...]
    disks: dict[str, Disk]
    macs: dict[str, str]
    shut: bool = False
    """Switch ports of its NICs are down."""


@dataclass(frozen=True)
class SwitchDesign:
    """A switch with all that was derived for it."""

    name: str
    model: str
    role: Literal["leaf", "spine", "oob"]
    release: str
    unit: int
    mgmt: IPv4Interface
    loopback4: IPv4Address
    loopback6: IPv6Address
    asn: int
    mac: str
    ports: dict[str, PortUse]
    """Cabled ports by name."""
    breakouts: dict[str, str]
    options: Switching = field(default_factory=Switching)
    """The rack's options, and what this switch states in their place."""
    port_options: dict[str, SwitchPort] = field(default_factory=dict)
    """What differs from the usual on single ports."""
    lags: dict[str, Lag] = field(default_factory=dict)
    """Ports that act as one, by name."""


@dataclass(frozen=True)
class ManagerDesign:
    """The machine that scs-rack runs on."""

    mgmt: IPv4Interface
    loopback4: IPv4Address
    loopback6: IPv6Address
    asn: int
    ports: dict[str, PortUse]


@dataclass(frozen=True)
class Api:
    """Where the cloud's API answers."""

    vip4: IPv4Address
    vip6: IPv6Address
    host: str
    """What stands in URLs: the DNS name where there is one, else the IPv4 address."""
    vrrp_id: int | None = None
    """Virtual router where one controller at a time holds the addresses; None where all healthy ones announce them."""


@dataclass(frozen=True)
class Guests:
    """What networks of customers get."""

    pool4: IPv4Network
    pool6: IPv6Network
    domain: str
    """Domain of guests' names, without a point at its end."""
    resolvers: tuple[str, ...]
    """What guests are told to ask."""
    routes: "GuestRoutes | None" = None
    """Who outside learns which router leads to which guests; None where the provider routes by hand."""


@dataclass(frozen=True)
class GuestRoutes:
    """BGP towards the provider: prefixes of guests from the IPv6 pool, with their router as next hop."""

    network: str
    """The external network that next hops are on."""
    asn: int
    """The cloud's autonomous system."""
    peers: tuple[tuple[IPv6Address, int], ...]
    """Address and autonomous system of each router of the provider."""


@dataclass(frozen=True)
class Pool:
    """A pool of Ceph."""

    name: str
    application: Literal["rbd", "rgw"]
    pg_num: int
    """Placement groups: a power of two, unless the rack file says otherwise."""
    exact: bool
    """The rack file states the number; otherwise a pool never loses placement groups when disks are taken away."""


@dataclass(frozen=True)
class Storage:
    """What follows for Ceph."""

    failure_domain: Literal["host", "rack"]
    """Each copy lies in another one of these."""
    places: dict[str, str]
    """Failure domain of each storage host that states one, by name."""
    pools: tuple[Pool, ...]


@dataclass(frozen=True)
class Design:
    """All that follows from a Rack."""

    rack: Rack
    nodes: dict[str, NodeDesign]
    """Every server, spares included."""
    switches: dict[str, SwitchDesign]
    manager: ManagerDesign
    api: Api
    guests: Guests
    storage: Storage
    fsid: str
    """Ceph cluster id: a UUID made from the rack's name (RFC 9562, version 5)."""
    groups: dict[str, tuple[str, ...]]
    """Ansible groups of servers in service."""

    @property
    def in_service(self) -> dict[str, NodeDesign]:
        """Servers in service, by name, in the order of the file."""
        return {name: node for name, node in self.nodes.items() if node.in_service}
