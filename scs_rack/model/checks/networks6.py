"""Checks of IPv6 on external networks."""

from collections.abc import Iterator
from ipaddress import IPv6Network

from scs_rack.model.checks.numbers import device_asns
from scs_rack.model.draft import Draft
from scs_rack.model.fault import Path, Problem, dotted
from scs_rack.model.network import External6
from scs_rack.model.numbering import ROUTERS6_OFFSET, routers6


def _external6(draft: Draft) -> Iterator[tuple[Path, External6]]:
    for name, network in draft.networks.items():
        if network.ipv6 and network.purpose == "external":
            yield ("networks", name, "ipv6"), network.ipv6


def external6_purpose(draft: Draft) -> Iterator[Problem]:
    """Only external networks have IPv6 of guests."""
    for name, network in draft.networks.items():
        if network.ipv6 and network.purpose != "external":
            hint = "it is for external networks; the out-of-band network has IPv4 only"
            yield Problem(("networks", name, "ipv6"), "IPv6 on a network that is not external", hint, "")


def external6_prefix(draft: Draft) -> Iterator[Problem]:
    """Prefixes are apart from each other, from the loopbacks and from the guests' pool."""
    seen: list[tuple[Path, IPv6Network]] = []
    if draft.pools:
        seen.append((("pools", "loopback6"), draft.pools.loopback6))
    if draft.cloud and draft.cloud.guests.pool6:
        seen.append((("cloud", "guests", "pool6"), draft.cloud.guests.pool6))
    for path, ipv6 in _external6(draft):
        for where, other in seen:
            if ipv6.prefix.overlaps(other):
                yield Problem((*path, "prefix"), "the prefix overlaps another one", f"{dotted(where)} is {other}")
        seen.append(((*path, "prefix"), ipv6.prefix))


def external6_addresses(draft: Draft) -> Iterator[Problem]:
    """Gateway and allocation lie in the prefix, and the gateway is not among the addresses that are given away."""
    for path, ipv6 in _external6(draft):
        prefix, hint = ipv6.prefix, f"the prefix is {ipv6.prefix}"
        if ipv6.gateway not in prefix:
            yield Problem((*path, "gateway"), "the gateway is outside its network", hint)
        elif ipv6.gateway == prefix.network_address:
            hint += "; its first address is that of all routers (RFC 4291, section 2.6.1)"
            yield Problem((*path, "gateway"), "the gateway is no host address", hint)
        span = ipv6.allocation or routers6(prefix)
        if span is None:
            hint = f"the first {ROUTERS6_OFFSET} are left to the provider; state `allocation` or a larger prefix"
            yield Problem((*path, "prefix"), "the prefix is too small for the cloud's routers", hint)
        elif span[0] <= prefix.network_address or span[1] > prefix.broadcast_address:
            yield Problem((*path, "allocation"), "the allocation is outside its network", hint)
        elif span[0] <= ipv6.gateway <= span[1]:
            where = "allocation" if ipv6.allocation else "gateway"
            hint = f"the cloud's routers take {span[0]} to {span[1]}"
            yield Problem((*path, where), "the gateway is among the addresses of the cloud's routers", hint)


def guest_routers(draft: Draft) -> Iterator[Problem]:
    """Routers that learn guests' prefixes: reachable addresses, each once, on one network, in other systems."""
    first: Path | None = None
    for path, ipv6 in _external6(draft):
        if not ipv6.routers:
            if ipv6.asn is not None:
                hint = "it is the cloud's number towards `routers`; state these, or leave it out"
                yield Problem((*path, "asn"), "an AS number without routers", hint)
            continue
        if first:
            hint = f"{dotted(first)} has them already; guests' prefixes are told to the routers of one network"
            yield Problem((*path, "routers"), "routers on a second network", hint, "")
        first = first or path
        yield from _routers(draft, path, ipv6)


def _routers(draft: Draft, path: Path, ipv6: External6) -> Iterator[Problem]:
    own = ipv6.asn or (draft.pools.asn[0] if draft.pools else None)
    if own in (users := device_asns(draft)):
        where = (*path, "asn") if ipv6.asn else (*path, "routers")
        hint = f"it is that of {users[own]}; state another `asn`, which no device has"
        yield Problem(where, "the cloud's AS number is taken", hint, str(own))
    seen = set()
    for index, router in enumerate(ipv6.routers):
        at: Path = (*path, "routers", index)
        address = router.address
        if address.is_link_local or address.is_multicast or address.is_loopback or address.is_unspecified:
            hint = "controllers open sessions to it over several hops: state a routed address of the router"
            yield Problem((*at, "address"), "no address that a session can be opened to", hint)
        if address in seen:
            yield Problem((*at, "address"), "the router is named twice", "name it once")
        if router.asn == own:
            hint = "prefixes go to another system (eBGP): state the provider's number, or another `asn` of the cloud"
            yield Problem((*at, "asn"), "the router has the cloud's AS number", hint)
        seen.add(address)
