"""Checks of networks and pools."""

from collections.abc import Iterator
from itertools import combinations

from scs_rack.model.draft import Draft
from scs_rack.model.fault import Path, Problem, dotted
from scs_rack.model.numbering import FLOATING_OFFSET, floating


def oob_network(draft: Draft) -> Iterator[Problem]:
    """There is exactly one out-of-band network."""
    found = [name for name, network in draft.networks.items() if network.purpose == "oob"]
    if not found and draft.whole("networks"):
        yield Problem(("networks",), "no out-of-band network", "give one network `purpose: oob`")
    for name in found[1:]:
        hint = f"{found[0]} is it already; BMCs, switches and servers share one"
        yield Problem(("networks", name, "purpose"), "a second out-of-band network", hint)


def external_network(draft: Draft) -> Iterator[Problem]:
    """There is an external network, and at most one is the default."""
    found = [name for name, network in draft.networks.items() if network.purpose == "external"]
    if not found and draft.whole("networks"):
        hint = "give one network `purpose: external`; floating addresses come from it"
        yield Problem(("networks",), "no external network", hint)
    default = [name for name in found if draft.networks[name].default]
    for name in default[1:]:
        hint = f"{default[0]} is it already; write `default: false` for the others"
        yield Problem(("networks", name), "a second default external network", hint)


def network_overlap(draft: Draft) -> Iterator[Problem]:
    """No prefix lies in another one."""
    prefixes: list[tuple[Path, object]] = []
    if draft.pools:
        prefixes.append((("pools", "loopback4"), draft.pools.loopback4))
    prefixes += [(("networks", name, "prefix"), network.prefix) for name, network in draft.networks.items()]
    for (first, one), (second, other) in combinations(prefixes, 2):
        if one.overlaps(other):  # type: ignore[attr-defined]
            yield Problem(second, "the prefix overlaps another one", f"{dotted(first)} is {one}")


def vlan(draft: Draft) -> Iterator[Problem]:
    """Each network has a VLAN of its own."""
    seen: dict[int, str] = {}
    for name, network in draft.networks.items():
        if network.vlan in seen:
            yield Problem(("networks", name, "vlan"), "the VLAN is used twice", f"{seen[network.vlan]} has it already")
        seen.setdefault(network.vlan, name)


def gateway(draft: Draft) -> Iterator[Problem]:
    """A gateway is a host of its network."""
    for name, network in draft.networks.items():
        if network.gateway is None:
            continue
        path = ("networks", name, "gateway")
        if network.gateway not in network.prefix:
            yield Problem(path, "the gateway is outside its network", f"the prefix is {network.prefix}")
        elif network.gateway in (network.prefix.network_address, network.prefix.broadcast_address):
            yield Problem(path, "the gateway is no host address", f"the prefix is {network.prefix}")


def allocation(draft: Draft) -> Iterator[Problem]:
    """Floating addresses lie in their network, and the gateway is none of them."""
    for name, network in draft.networks.items():
        path: Path = ("networks", name, "allocation")
        if network.purpose == "oob":
            if network.allocation:
                hint = "its addresses follow from rack units; leave the allocation out"
                yield Problem(path, "the out-of-band network has no floating addresses", hint)
            continue
        span = network.allocation or floating(network.prefix)
        if span is None:
            hint = f"the first {FLOATING_OFFSET} are left to routers; state `allocation` or a larger prefix"
            message = "the prefix is too small for floating addresses"
            yield Problem(("networks", name, "prefix"), message, hint)
        elif span[0] <= network.prefix.network_address or span[1] >= network.prefix.broadcast_address:
            yield Problem(path, "the allocation is outside its network", f"the prefix is {network.prefix}")
        elif network.gateway and span[0] <= network.gateway <= span[1]:
            where = path if network.allocation else ("networks", name, "gateway")
            hint = f"floating addresses are {span[0]} to {span[1]}"
            yield Problem(where, "the gateway is among the floating addresses", hint)


def loopback_pools(draft: Draft) -> Iterator[Problem]:
    """The IPv6 loopbacks have room for as many hosts as the IPv4 ones."""
    pools = draft.pools
    if pools and pools.loopback6.num_addresses < pools.loopback4.num_addresses:
        hint = f"each IPv4 loopback has an IPv6 one with the same host part; {pools.loopback4} needs at least a /"
        hint += str(128 - (32 - pools.loopback4.prefixlen))
        yield Problem(("pools", "loopback6"), "the pool is smaller than the IPv4 one", hint)
