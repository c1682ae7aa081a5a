"""Default subnet pools: where a customer's subnet comes from when no prefix is named, one for each version of IP."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from scs_rack.design import Design
from scs_rack.errors import StageFailed
from scs_rack.model.guests import GUEST_SUBNET4, GUEST_SUBNET6
from scs_rack.resources.address_scope import SCOPE, scope
from scs_rack.resources.step import Connection, Step


@dataclass(frozen=True)
class SubnetPool:
    """A pool that all customers share, and the default of its version of IP."""

    name: str
    version: int
    prefix: str
    subnet: int
    """Prefix length of a subnet that states none."""
    widest: int
    narrowest: int
    scope: str | None = None
    """Address scope: what lies in it may be told to routers outside."""


def wanted_subnet_pools(design: Design) -> tuple[SubnetPool, ...]:
    """One for IPv4, one for IPv6; every IPv6 subnet is a /64, so that SLAAC works in it."""
    pool4, pool6 = design.guests.pool4, design.guests.pool6
    outside = any(net.ipv6 for net in design.rack.networks.values())
    return (
        SubnetPool("guests-ipv4", 4, str(pool4), GUEST_SUBNET4, max(pool4.prefixlen, 20), 29),
        SubnetPool(
            "guests-ipv6", 6, str(pool6), GUEST_SUBNET6, GUEST_SUBNET6, GUEST_SUBNET6, SCOPE if outside else None
        ),
    )


def subnet_pools(cloud: Connection, wanted: tuple[SubnetPool, ...]) -> Iterator[Step]:
    """Pools that are missing.

    Raises:
        StageFailed: a pool has another prefix: Neutron takes none away from it.
    """
    present = {pool.name: pool for pool in cloud.network.subnet_pools(is_shared=True)}
    for pool in wanted:
        found = present.get(pool.name)
        if found is None:
            yield f"default subnet pool {pool.name}", partial(_new, cloud, pool)
        elif found.prefixes != [pool.prefix]:
            raise StageFailed(
                f"the subnet pool {pool.name} has {', '.join(found.prefixes)}, the rack file says {pool.prefix}",
                f"state cloud.guests.pool{pool.version} as it is, or delete the pool while no subnet is from it",
            )
        elif not found.is_default:
            yield f"default of {pool.name}", partial(cloud.network.update_subnet_pool, found, is_default=True)
        elif pool.scope and not found.address_scope_id:
            yield f"address scope of {pool.name}", partial(_into_scope, cloud, found)


def _into_scope(cloud: Connection, found: Any) -> None:
    cloud.network.update_subnet_pool(found, address_scope_id=scope(cloud))


def _new(cloud: Connection, pool: SubnetPool) -> None:
    cloud.network.create_subnet_pool(
        name=pool.name,
        prefixes=[pool.prefix],
        default_prefix_length=pool.subnet,
        minimum_prefix_length=pool.widest,
        maximum_prefix_length=pool.narrowest,
        is_shared=True,
        is_default=True,
        description="Subnets of customers who name no prefix",
        **({"address_scope_id": scope(cloud)} if pool.scope else {}),
    )
