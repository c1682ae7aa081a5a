"""Checks of roles: what the cloud needs of the servers in service."""

import ipaddress
from collections.abc import Iterator

from scs_rack.model.draft import Draft
from scs_rack.model.fault import Problem
from scs_rack.model.guests import GUEST_SUBNET4, GUEST_SUBNET6


def _with_role(draft: Draft, role: str) -> list[str]:
    return [name for name, server in draft.active.items() if role in server.roles]


def control_nodes(draft: Draft) -> Iterator[Problem]:
    """The number of control nodes in service is odd, so that they can vote."""
    found = _with_role(draft, "control")
    if not draft.whole("servers") or len(found) % 2:
        return
    message = "an even number of control nodes" if found else "no control node"
    hint = "take 1, 3 or 5 servers in service with the role control; of an even number, half may fail to outvote half"
    yield Problem(("servers",), message, hint, ", ".join(found))


def replicas(draft: Draft) -> Iterator[Problem]:
    """There are as many storage hosts as replicas."""
    found = _with_role(draft, "storage")
    wanted = draft.cloud.ceph.replicas if draft.cloud else 0
    if draft.whole("servers") and len(found) < wanted:
        hint = f"storage hosts in service: {', '.join(found) or 'none'}; each replica needs a host of its own"
        yield Problem(("cloud", "ceph", "replicas"), "fewer storage hosts than replicas", hint, str(wanted))


def failure_domain(draft: Draft) -> Iterator[Problem]:
    """All storage hosts state what fails with them, or none does; its name is no other's in Ceph's map."""
    hosts = [name for name, server in draft.active.items() if "storage" in server.roles]
    some = any(draft.active[name].failure_domain for name in hosts)
    for name, server in draft.servers.items():
        place = server.failure_domain
        if some and name in hosts and place is None:
            hint = "state `failure_domain` of all storage hosts, or of none"
            yield Problem(("servers", name), "a storage host without a failure domain, unlike others", hint, "")
        elif place is not None and (place in draft.servers or place == "default"):
            hint = "choose a name that no server has, and not `default`: Ceph's map has one list of names"
            yield Problem(("servers", name, "failure_domain"), "the name is taken", hint, place)


def storage_disks(draft: Draft) -> Iterator[Problem]:
    """Each server has a disk to boot from, and each storage host one for an OSD."""
    for name, server in draft.servers.items():
        disks = draft.disks(name)
        if disks is None:
            continue
        uses = {disk.use for disk in disks.values()}
        if "root" not in uses:
            hint = f"give one disk of {server.model} or of the server `use: root`"
            yield Problem(("servers", name), "no disk to boot from", hint, "")
        if "storage" in server.roles and "osd" not in uses:
            hint = f"give disks of {server.model} or of the server `use: osd`, or take the role storage away"
            yield Problem(("servers", name), "a storage host without a disk for data", hint, "")


def roles(draft: Draft) -> Iterator[Problem]:
    """Guests and their networks have hosts."""
    for role, what in (("compute", "guests run there"), ("network", "floating addresses are served there")):
        if draft.whole("servers") and not _with_role(draft, role):
            yield Problem(("servers",), f"no server in service has the role {role}", what, "")


def services(draft: Draft) -> Iterator[Problem]:
    """Each optional service is named once."""
    wanted = draft.cloud.services if draft.cloud else []
    for index, name in enumerate(wanted):
        if name in wanted[:index]:
            yield Problem(("cloud", "services", index), "the service is named twice", "name it once", name)


def guest_pools(draft: Draft) -> Iterator[Problem]:
    """Addresses of guests are no addresses of the rack, and there is room for a few subnets."""
    if draft.cloud is None:
        return
    pools = {"pool4": draft.cloud.guests.pool4, "pool6": draft.cloud.guests.pool6}
    rack: dict[str, ipaddress.IPv4Network | ipaddress.IPv6Network] = {}
    rack |= {f"networks.{name}.prefix": network.prefix for name, network in draft.networks.items()}
    if draft.pools:
        rack |= {"pools.loopback4": draft.pools.loopback4, "pools.loopback6": draft.pools.loopback6}
    for (name, pool), narrowest in zip(pools.items(), (GUEST_SUBNET4, GUEST_SUBNET6), strict=True):
        if pool is None:
            continue
        if pool.prefixlen > narrowest:
            message = f"no room for a subnet of /{narrowest}"
            yield Problem(("cloud", "guests", name), message, "take a wider prefix", str(pool))
        for where, prefix in rack.items():
            if prefix.version == pool.version and prefix.overlaps(pool):
                hint = f"{where} is {prefix}; guests could not reach it. State cloud.guests.{name} outside of it"
                yield Problem(("cloud", "guests", name), "addresses of guests overlap the rack's", hint, str(pool))
