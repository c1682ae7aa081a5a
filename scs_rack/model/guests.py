"""Options of customers' networks: addresses and names of guests."""

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, Field

from scs_rack.model.base import DomainName, IPv4Net, IPv6Net, Strict, text_schema

GUEST_SUBNET4 = 24
"""Prefix length of an IPv4 subnet that a customer takes from the default pool."""
GUEST_SUBNET6 = 64
"""The same for IPv6: what SLAAC needs (RFC 4862, section 5.5.3 with RFC 4291, section 2.5.1)."""


def _address(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("not an IP address; write e.g. 10.0.0.1 or fd00::1") from None


IpAddress = Annotated[str, AfterValidator(_address), text_schema("IPv4 or IPv6 address", r"^[0-9A-Fa-f.:]+$")]
"""An address of either version, in its canonical form (RFC 5952)."""


class GuestOptions(Strict):
    """What networks of customers get when a customer states nothing else."""

    pool4: IPv4Net = ipaddress.IPv4Network("10.128.0.0/9")
    """Where IPv4 subnets of customers come from (the default subnet pool); each gets a /24."""
    pool6: IPv6Net | None = None
    """Where IPv6 subnets of customers come from, a /64 each; a unique local /48 of the rack's own when not stated."""
    domain: DomainName | None = None
    """Domain of guests' names; `guests.` before the rack's domain when not stated."""
    resolvers: list[IpAddress] = Field(default_factory=list, max_length=4)
    """DNS resolvers that guests are told; the gateway of the default external network when none is stated."""
