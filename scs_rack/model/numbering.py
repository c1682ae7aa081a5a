"""The address plan: numbers that follow from a device's rack unit.

Unit U gives loopback pool + U, ASN pool + U, management address + 100 + U and BMC address + 180 + U.
So no device is renumbered when another one is added or removed.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

MANAGER_OFFSET = 10
MGMT_OFFSET = 100
BMC_OFFSET = 180
FLOATING_OFFSET = 10
"""Addresses at the beginning of an external network that are left to its routers."""

ROUTERS6_OFFSET = 256
"""Addresses at the beginning of an external IPv6 prefix that are the provider's."""


def nth(prefix: IPv4Network, offset: int) -> IPv4Address | None:
    """Address number `offset` of a prefix; None when it is not one that a host can have."""
    return prefix.network_address + offset if 0 < offset < prefix.num_addresses - 1 else None


def nth_asn(pool: tuple[int, int], offset: int) -> int | None:
    """Number `offset` of a range; the last one is the manager's and not given away."""
    return pool[0] + offset if pool[0] + offset < pool[1] else None


def default_api(loopbacks: IPv4Network) -> IPv4Address:
    """The API's address when none is stated: the last usable one of the loopback pool."""
    return loopbacks.broadcast_address - 1


def manager_loopback(loopbacks: IPv4Network) -> IPv4Address:
    """The manager's loopback: the last but one usable of the pool."""
    return loopbacks.broadcast_address - 2


def floating(prefix: IPv4Network) -> tuple[IPv4Address, IPv4Address] | None:
    """Floating addresses of an external network that states none; None when the prefix is too small."""
    first, last = prefix.network_address + FLOATING_OFFSET, prefix.broadcast_address - 1
    return (first, last) if first <= last and first in prefix else None


def routers6(prefix: IPv6Network) -> tuple[IPv6Address, IPv6Address] | None:
    """Addresses of the cloud's routers in an external prefix that states none; None when it is too small."""
    first, last = prefix.network_address + ROUTERS6_OFFSET, prefix.broadcast_address
    return (first, last) if prefix.num_addresses > ROUTERS6_OFFSET else None
