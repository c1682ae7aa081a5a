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

NumberRange = Annotated[
    tuple[int, int],
    BeforeValidator(_number_range),
    text_schema("First and last number, e.g. 4200000001-4200000999", r"^[0-9]+ *- *[0-9]+$"),
]
"""First and last number of a range, both included."""


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
