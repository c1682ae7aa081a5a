"""What networks of customers get: from what the rack file states, and from the rack's own names and addresses."""

import hashlib
from ipaddress import IPv6Network

from scs_rack.design.types import GuestRoutes, Guests
from scs_rack.model import Rack


def unique_local(name: str) -> IPv6Network:
    """A unique local /48 of a rack (RFC 4193, section 3.2).

    Its 40 bits follow from the name, not from chance: the same rack file gives the same addresses.
    """
    digest = hashlib.sha256(f"scs-rack guests {name}".encode()).digest()[:5]
    return IPv6Network((bytes([0xFD, *digest, *([0] * 10)]), 48))


def guests(rack: Rack) -> Guests:
    """Addresses and names of guests."""
    stated = rack.cloud.guests
    external = [network for network in rack.networks.values() if network.purpose == "external" and network.default]
    gateways = tuple(str(network.gateway) for network in external[:1] if network.gateway)
    return Guests(
        pool4=stated.pool4,
        pool6=stated.pool6 or unique_local(rack.name),
        domain=stated.domain or f"guests.{rack.domain}",
        resolvers=tuple(stated.resolvers) or gateways,
        routes=_routes(rack),
    )


def _routes(rack: Rack) -> GuestRoutes | None:
    for name, network in rack.networks.items():
        if network.purpose == "external" and network.ipv6 and network.ipv6.routers:
            peers = tuple((router.address, router.asn) for router in network.ipv6.routers)
            return GuestRoutes(name, network.ipv6.asn or rack.pools.asn[0], peers)
    return None
