"""Networks and pools of addresses and numbers."""

import ipaddress
import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from scs_rack.model.base import IPv4Net, IPv6Net, Strict, Vlan, text_schema


def _span(value: object) -> tuple[str, str]:
    if isinstance(value, (tuple, list)) and len(value) == 2:
        return str(value[0]), str(value[1])
    first, dash, last = str(value).partition("-")
    if not dash:
        raise ValueError("not a range; write FIRST-LAST")
    return first.strip(), last.strip()


def _address_range(value: object) -> tuple[ipaddress.IPv4Address, ipaddress.IPv4Address]:
    try:
        first, last = (ipaddress.IPv4Address(part) for part in _span(value))
    except ipaddress.AddressValueError as error:
        raise ValueError("not a range of addresses; write e.g. 10.0.0.100-10.0.0.199") from error
    if last < first:
        raise ValueError("the range ends before it begins")
    return first, last


def _address_range6(value: object) -> tuple[ipaddress.IPv6Address, ipaddress.IPv6Address]:
    try:
        first, last = (ipaddress.IPv6Address(part) for part in _span(value))
    except ipaddress.AddressValueError as error:
        raise ValueError("not a range of IPv6 addresses; write e.g. 2001:db8::100-2001:db8::fff") from error
    if last < first:
        raise ValueError("the range ends before it begins")
    return first, last


def _number_range(value: object) -> tuple[int, int]:
    parts = _span(value)
    if not all(re.fullmatch(r"\d{1,10}", part) for part in parts):
        raise ValueError("not a range of numbers; write FIRST-LAST")
    first, last = int(parts[0]), int(parts[1])
    if first < 1 or last > 4294967294:
        raise ValueError("numbers of autonomous systems are 1 to 4294967294")
    if last < first:
        raise ValueError("the range ends before it begins")
    return first, last


AddressRange = Annotated[
    tuple[ipaddress.IPv4Address, ipaddress.IPv4Address],
    BeforeValidator(_address_range),
    text_schema("First and last address, e.g. 10.0.0.100-10.0.0.199", r"^[0-9.]+ *- *[0-9.]+$"),
]
"""First and last address of a range, both included."""

AddressRange6 = Annotated[
    tuple[ipaddress.IPv6Address, ipaddress.IPv6Address],
    BeforeValidator(_address_range6),
    text_schema("First and last address, e.g. 2001:db8::100-2001:db8::fff", r"^[0-9A-Fa-f:.]+ *- *[0-9A-Fa-f:.]+$"),
]
"""First and last IPv6 address of a range, both included."""

NumberRange = Annotated[
    tuple[int, int],
    BeforeValidator(_number_range),
    text_schema("First and last number, e.g. 4200000001-4200000999", r"^[0-9]+ *- *[0-9]+$"),
]
"""First and last number of a range, both included."""


class GuestRouter(Strict):
    """A router of the provider that is told, by BGP, which router of the cloud leads to which guests."""

    address: ipaddress.IPv6Address
    """Where it answers; controllers must have a route there."""
    asn: int = Field(ge=1, le=4294967294)
    """Its autonomous system."""


class External6(Strict):
    """The IPv6 side of an external network."""

    prefix: IPv6Net
    """Prefix of the wire; routers of the cloud have an address there, guests have theirs from `cloud.guests.pool6`."""
    gateway: ipaddress.IPv6Address
    """Router of the provider, in the prefix."""
    allocation: AddressRange6 | None = None
    """Addresses for routers of the cloud; all of the prefix but the first 256 when not stated."""
    routers: list[GuestRouter] = Field(default_factory=list, max_length=8)
    """Routers of the provider that learn guests' prefixes by BGP; without them the provider routes by hand."""
    asn: int | None = Field(default=None, ge=1, le=4294967294)
    """Autonomous system of the cloud towards them; the first number of `pools.asn` when not stated."""


class Network(Strict):
    """A network that the rack's devices or the cloud's customers use."""

    purpose: Literal["oob", "external"]
    """`oob`: management of BMCs, switches and servers. `external`: a provider network of the cloud."""
    vlan: Vlan
    """VLAN id on the switches."""
    prefix: IPv4Net
    """IPv4 prefix."""
    gateway: ipaddress.IPv4Address | None = None
    """Router of the network, if it has one."""
    allocation: AddressRange | None = None
    """Floating addresses of an external network; all of the prefix but the first ten when not stated."""
    physnet: str = "physnet1"
    """Name that Neutron knows an external network's wire by."""
    default: bool = True
    """For an external network: the one that is offered when a customer names none."""
    ipv6: External6 | None = None
    """IPv6 on an external network: guests with addresses of `cloud.guests.pool6` reach the world, and it them."""


class Pools(Strict):
    """Where addresses and numbers come from that no device states itself."""

    loopback4: IPv4Net
    """IPv4 loopbacks of switches, servers and the API address."""
    loopback6: IPv6Net
    """IPv6 loopbacks, with the same host part as the IPv4 loopback."""
    asn: NumberRange
    """Autonomous system numbers (private use: RFC 6996)."""
    tunnel_mtu: int = Field(default=9000, ge=1600, le=9216)
    """MTU in bytes of the underlay's links, tunnels included."""
