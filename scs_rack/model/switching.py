"""What switches offer and use beside forwarding: for the whole rack in `switching`, and per switch what differs.

A part that is not stated is not ours: what a switch has there stays as it is.
"""

import ipaddress
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from scs_rack.model.base import DomainName, IPv4Net, Strict, text_schema
from scs_rack.model.login import Login, SshKey


def _ip(value: object) -> str:
    try:
        return str(ipaddress.ip_address(str(value).strip()))
    except ValueError as error:
        raise ValueError("not an IP address; write e.g. 10.0.0.1 or fd00::1") from error


def _snmp_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{4,32}", value):
        raise ValueError("not a name of an SNMP user; use 4 to 32 letters, digits, points, hyphens and underscores")
    return value


def _line(value: str) -> str:
    if not value or len(value) > 255 or not value.isprintable():
        raise ValueError("not a line of text; write 1 to 255 printable characters")
    return value


Address = Annotated[str, BeforeValidator(_ip), text_schema("IPv4 or IPv6 address", r"^[0-9A-Fa-f.:]+$")]
"""An IPv4 or IPv6 address in its shortest form (RFC 5952)."""

SnmpName = Annotated[str, AfterValidator(_snmp_name), text_schema("Name of an SNMPv3 user", r"^[A-Za-z0-9_.-]{4,32}$")]
"""A name of an SNMPv3 user, as SONiC takes it."""

Line = Annotated[str, AfterValidator(_line), text_schema("One line of text")]
"""One line for people."""


class Bfd(Strict):
    """Bidirectional forwarding detection (RFC 5880): a silent neighbour is given up within a second."""

    fabric: bool = True
    """On sessions between switches."""
    hosts: bool = True
    """On sessions with servers."""


class Ntp(Strict):
    """Time."""

    servers: list[Address] = Field(default_factory=list)
    """Servers to follow."""


class Syslog(Strict):
    """Where log messages go."""

    servers: list[Address] = Field(default_factory=list)
    """Receivers."""
    severity: Literal["debug", "info", "notice", "warn", "error", "crit"] = "notice"
    """Least severe messages that are sent."""
    protocol: Literal["udp", "tcp"] = "udp"
    port: int = Field(default=514, ge=1, le=65535)


class Dns(Strict):
    """Name resolution."""

    servers: list[Address] = Field(default_factory=list)
    """Resolvers."""
    search: list[DomainName] = Field(default_factory=list)
    """Domains that short names are looked up in (release 202511 and newer)."""


class SnmpUser(Strict):
    """A user of SNMPv3 (RFC 3414), signed by SHA and encrypted by AES; its two passwords are in the vault."""

    write: bool = False
    """May change values too."""


class Snmp(Strict):
    """Monitoring by SNMPv3. Communities of version 2c are removed, those of the image's default too."""

    users: dict[SnmpName, SnmpUser] = Field(default_factory=dict)
    """Users by name."""
    location: Line | None = None
    """Where the switch stands; rack and unit when not stated."""
    contact: Line | None = None
    """Who to ask."""


class Tacacs(Strict):
    """Logins are asked of TACACS+ (RFC 8907) first, then of the switch itself. The key is in the vault."""

    servers: list[Address] = Field(default_factory=list)
    """Servers, the preferred one first."""
    port: int = Field(default=49, ge=1, le=65535)
    timeout: int = Field(default=5, ge=1, le=60)
    """Seconds to wait for a server."""


class Banner(Strict):
    """What people read who log in."""

    login: str = ""
    """Before the password."""
    motd: str = ""
    """After it."""
    logout: str = ""


class SwitchUser(Strict):
    """Someone who may log in to a switch by SSH key."""

    role: Literal["admin", "operator"] = "admin"
    """`admin` may change everything, `operator` may look."""
    keys: list[SshKey] = Field(min_length=1)
    """Public SSH keys, one line each."""


class Fence(Strict):
    """Access lists that keep all others off the switches' management and the out-of-band network."""

    allow: list[IPv4Net] = Field(default_factory=list)
    """Who may use SSH, SNMP and NTP of a switch, beside the out-of-band network."""
    data: bool = True
    """Drop what servers and outside networks send to the out-of-band network through leaves and spines."""
    bmcs: bool = True
    """Ports of BMCs reach the manager and the gateway only, not each other or other devices."""


class OutOfBand(Strict):
    """The out-of-band network on its switches."""

    dhcp_relay: list[Address] | None = None
    """DHCP servers that requests are passed on to."""
    spanning_tree: bool = False
    """Break loops by spanning tree (release 202511 and newer)."""


class RoceBuffers(Strict):
    """Buffers for lossless traffic, in bytes; they depend on the switch chip: ask its vendor."""

    pool: int = Field(ge=1)
    """Size of the lossless ingress pool."""
    pool_xoff: int = Field(ge=0)
    """Headroom of all ports together."""
    size: int = Field(ge=1)
    """Reserved for each port's lossless group."""
    xon: int = Field(ge=0)
    xoff: int = Field(ge=1)
    """Headroom of a port: what is still under way after a pause frame."""
    threshold: int = Field(default=0, ge=-8, le=7)
    """Share of the pool that one group may take (alpha is two to the power of it)."""


class Roce(Strict):
    """Lossless Ethernet for RDMA storage (RoCEv2): PFC for one class, ECN before it (IEEE 802.1Qbb, RFC 3168)."""

    dscp: int = Field(default=26, ge=0, le=63)
    """Marking of storage traffic."""
    cnp_dscp: int = Field(default=48, ge=0, le=63)
    """Marking of congestion notifications, which go first."""
    priority: int = Field(default=3, ge=1, le=5)
    """Traffic class, queue and priority of storage traffic."""
    share: int = Field(default=50, ge=1, le=99)
    """Percent of a port's bandwidth that storage gets under load."""
    ecn_min: int = Field(default=250_000, ge=1)
    """Bytes in the queue from which packets are marked."""
    ecn_max: int = Field(default=1_048_576, ge=1)
    """Bytes in the queue from which all are marked that the probability allows."""
    ecn_probability: int = Field(default=5, ge=1, le=100)
    """Percent of packets marked at `ecn_max`."""
    cable_m: int = Field(default=5, ge=1, le=300)
    """Longest cable in metres; headroom follows from it."""
    watchdog: bool = True
    """Drop the traffic of a queue that a peer pauses without end."""
    buffers: RoceBuffers | None = None
    """Buffers, where the platform's own are not wanted."""


class Switching(Strict):
    """Options of switches. Those of one switch go before those of the rack, value by value."""

    bfd: Bfd = Bfd()
    """Bidirectional forwarding detection."""
    mtu: int = Field(default=9100, ge=1500, le=9216)
    """MTU in bytes of every port."""
    max_paths: int = Field(default=64, ge=1, le=256)
    """Next hops of one route (equal-cost multipath)."""
    management_vrf: bool | None = None
    """The management port has a routing table of its own (leaves and spines); left as it is when not stated."""
    out_of_band: OutOfBand = OutOfBand()
    """The out-of-band network on its switches."""
    fence: Fence | None = None
    """Access lists around the out-of-band network."""
    ntp: Ntp | None = None
    """Time."""
    syslog: Syslog | None = None
    """Where log messages go."""
    dns: Dns | None = None
    """Name resolution."""
    snmp: Snmp | None = None
    """Monitoring."""
    tacacs: Tacacs | None = None
    """Central logins."""
    banner: Banner | None = None
    """What people read who log in."""
    users: dict[Login, SwitchUser] | None = None
    """Who may log in by SSH key, beside scs-rack itself."""
    roce: Roce | None = None
    """Lossless class for storage (leaves and spines)."""


def overlaid(base: Any, over: Any) -> Any:
    """Options with those that another statement of them makes in their place, value by value."""
    if not isinstance(base, Strict) or not isinstance(over, Strict):
        return over
    stated = {name: overlaid(getattr(base, name), getattr(over, name)) for name in over.model_fields_set}
    return base.model_copy(update=stated) if stated else base
