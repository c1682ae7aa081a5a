"""Addresses and numbers of devices: what they state, else what follows from their rack unit.

The plan stands in `scs_rack.model.numbering`.
"""

from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address

from scs_rack.errors import UsageError
from scs_rack.model import Rack
from scs_rack.model.numbering import BMC_OFFSET, MANAGER_OFFSET, MGMT_OFFSET, nth, nth_asn


class PoolExhausted(UsageError, ValueError):
    """A pool is too small for a device that takes from it; a loaded rack never has such a pool."""


def _at(prefix: IPv4Network, offset: int, who: str) -> IPv4Address:
    found = nth(prefix, offset)
    if found is None:
        raise PoolExhausted(f"{prefix} has no address number {offset} for {who}")
    return found


def oob_prefix(rack: Rack) -> IPv4Network:
    """Prefix of the out-of-band network (the first network with that purpose)."""
    return next(network.prefix for network in rack.networks.values() if network.purpose == "oob")


def mgmt(rack: Rack, name: str, unit: int, stated: IPv4Address | None) -> IPv4Interface:
    """Management address of a server or switch, with the prefix length of its network."""
    prefix = oob_prefix(rack)
    return IPv4Interface(f"{stated or _at(prefix, MGMT_OFFSET + unit, name)}/{prefix.prefixlen}")


def bmc(rack: Rack, name: str, unit: int, stated: IPv4Address | None) -> IPv4Address:
    """Address of a server's BMC."""
    return stated or _at(oob_prefix(rack), BMC_OFFSET + unit, name)


def manager(rack: Rack) -> IPv4Interface:
    """Address of the manager in the out-of-band network."""
    prefix = oob_prefix(rack)
    return IPv4Interface(f"{_at(prefix, MANAGER_OFFSET, 'manager')}/{prefix.prefixlen}")


def loopback4(rack: Rack, name: str, unit: int, stated: IPv4Address | None) -> IPv4Address:
    """IPv4 loopback of a device."""
    return stated or _at(rack.pools.loopback4, unit, name)


def loopback6(rack: Rack, address: IPv4Address) -> IPv6Address:
    """IPv6 loopback with the same host part as an IPv4 loopback."""
    host = int(address) - int(rack.pools.loopback4.network_address)
    if not 0 <= host < rack.pools.loopback4.num_addresses:
        host = int(address)
    return rack.pools.loopback6.network_address + host


def asn(rack: Rack, name: str, unit: int, stated: int | None) -> int:
    """Autonomous system number of a device."""
    if stated is not None:
        return stated
    found = nth_asn(rack.pools.asn, unit)
    if found is None:
        raise PoolExhausted(f"ASNs {rack.pools.asn[0]}-{rack.pools.asn[1]} have no number {unit} for {name}")
    return found
