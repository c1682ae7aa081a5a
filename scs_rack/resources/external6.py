"""IPv6 of an external network: its subnet, and the routers of the provider that learn guests' prefixes by BGP.

The subnet comes from a pool of its own in the same address scope as the guests' pool, which is how Neutron knows what
may be announced. A speaker announces each prefix with the address of the customer's router as next hop; all agents
(one a controller) carry it, so that it outlives any of them.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from scs_rack.design import Design
from scs_rack.errors import StageFailed
from scs_rack.model.numbering import routers6
from scs_rack.resources.address_scope import find_scope, scope
from scs_rack.resources.step import Connection, Step

AGENT = "BGP dynamic routing agent"
"""What Neutron calls the agents that carry a speaker."""
WAIT = 120.0
"""Seconds for agents to report for the first time."""


@dataclass(frozen=True)
class External6:
    """What is wanted of one network."""

    network: str
    prefix: str
    gateway: str
    first: str
    last: str
    asn: int = 0
    """The cloud's autonomous system; 0 where nobody is told."""
    peers: tuple[tuple[str, int], ...] = ()
    """Address and autonomous system of the provider's routers."""
    agents: int = 0
    """Controllers that carry the speaker."""

    @property
    def pool(self) -> str:
        """Name of the subnet pool."""
        return f"external-ipv6-{self.network}"

    @property
    def subnet(self) -> str:
        """Name of the subnet."""
        return f"{self.network}-ipv6"


def wanted_external6(design: Design, name: str) -> External6 | None:
    """IPv6 of an external network; None where it has none."""
    ipv6, routes = design.rack.networks[name].ipv6, design.guests.routes
    if ipv6 is None or (span := ipv6.allocation or routers6(ipv6.prefix)) is None:
        return None
    ends = (str(ipv6.prefix), str(ipv6.gateway), str(span[0]), str(span[1]))
    if routes is None or routes.network != name:
        return External6(name, *ends)
    peers = tuple((str(address), asn) for address, asn in routes.peers)
    return External6(name, *ends, routes.asn, peers, len(design.groups["controller"]))


@dataclass(frozen=True)
class _Part:
    """One thing that a network's IPv6 consists of; later ones need earlier ones."""

    words: str
    missing: Callable[[], bool]
    make: Callable[[], object]


def external6(cloud: Connection, wanted: External6, network: str) -> Iterator[Step]:
    """What is missing, as one step, since its parts need each other.

    Args:
        cloud: with admin rights.
        wanted: what the rack file says.
        network: id of the external network.

    Raises:
        StageFailed: the network has another IPv6 subnet.
    """
    missing = [part.words for part in _parts(cloud, wanted, network) if part.missing()]
    if missing:
        yield f"IPv6 of {wanted.network}: {', '.join(missing)}", partial(make_external6, cloud, wanted, network)


def make_external6(cloud: Connection, wanted: External6, network: str) -> None:
    """Make what is missing, one after the other; each is read back.

    Raises:
        StageFailed: something is not there after it was made.
    """
    for part in _parts(cloud, wanted, network):
        if not part.missing():
            continue
        part.make()
        if part.missing():
            raise StageFailed(
                f"IPv6 of {wanted.network}: {part.words}: Neutron took the order, and it is not there",
                "journalctl -u neutron-api on the controllers says why",
            )


def _parts(cloud: Connection, wanted: External6, network: str) -> Iterator[_Part]:
    yield _Part("address scope", lambda: find_scope(cloud) is None, lambda: scope(cloud))
    yield _Part(
        "subnet pool", lambda: cloud.network.find_subnet_pool(wanted.pool) is None, partial(_new_pool, cloud, wanted)
    )
    yield _Part("subnet", lambda: _no_subnet(cloud, wanted, network), partial(_new_subnet, cloud, wanted, network))
    if wanted.peers:
        yield from _speaker_parts(_Speaker(cloud, wanted, network))


def _new_pool(cloud: Connection, wanted: External6) -> None:
    length = int(wanted.prefix.split("/")[1])
    cloud.network.create_subnet_pool(
        name=wanted.pool,
        prefixes=[wanted.prefix],
        default_prefix_length=length,
        minimum_prefix_length=length,
        is_shared=False,
        address_scope_id=scope(cloud),
        description="The IPv6 prefix of an external network",
    )


def _no_subnet(cloud: Connection, wanted: External6, network: str) -> bool:
    found = next(iter(cloud.network.subnets(network_id=network, ip_version=6)), None)
    if found is not None and (found.cidr, found.gateway_ip) != (wanted.prefix, wanted.gateway):
        raise StageFailed(
            f"external network {wanted.network} has the subnet {found.cidr} with the gateway {found.gateway_ip}, "
            f"the rack file says {wanted.prefix} and {wanted.gateway}",
            "change the rack file, or delete the subnet while no router has an address in it",
        )
    return found is None


def _new_subnet(cloud: Connection, wanted: External6, network: str) -> None:
    cloud.network.create_subnet(
        name=wanted.subnet,
        network_id=network,
        ip_version=6,
        subnet_pool_id=cloud.network.find_subnet_pool(wanted.pool, ignore_missing=False).id,
        cidr=wanted.prefix,
        gateway_ip=wanted.gateway,
        is_dhcp_enabled=False,
        allocation_pools=[{"start": wanted.first, "end": wanted.last}],
    )


class _Speaker:
    """The speaker of the cloud, its peers, and the agents that carry it."""

    def __init__(self, cloud: Connection, wanted: External6, network: str) -> None:
        self.net: Any = cloud.network
        self.wanted, self.network = wanted, network
        self.name = f"guests-{wanted.network}"

    def found(self) -> Any:
        """The speaker; None while there is none of the wanted AS number."""
        speaker = self.net.find_bgp_speaker(self.name)
        return speaker if speaker is not None and speaker.local_as == self.wanted.asn else None

    def make(self) -> None:
        """Make it; one of another AS number goes, since Neutron can't change that."""
        if old := self.net.find_bgp_speaker(self.name):
            self.net.delete_bgp_speaker(old)
        self.net.create_bgp_speaker(
            name=self.name,
            ip_version=6,
            local_as=self.wanted.asn,
            advertise_tenant_networks=True,
            advertise_floating_ip_host_routes=False,
        )

    def no_network(self) -> bool:
        """True while the speaker knows nothing of the external network."""
        speaker = self.found()
        return self.network not in _ids(speaker, "networks")

    def add_network(self) -> None:
        """Let it announce what is behind routers on the external network."""
        self.net.add_gateway_network_to_speaker(self.found(), self.network)

    def peers(self) -> dict[tuple[str, int], Any]:
        """Peers of ours that Neutron knows, by address and AS number."""
        return {
            (str(peer.peer_ip), int(peer.remote_as)): peer
            for peer in self.net.bgp_peers()
            if str(peer.name).startswith(f"{self.name}-")
        }

    def other_peers(self) -> bool:
        """True while a router is not told, or one is that the rack file does not name."""
        speaker, known = self.found(), self.peers()
        told = _ids(speaker, "peers")
        return set(known) != set(self.wanted.peers) or {peer.id for peer in known.values()} != told

    def mend_peers(self) -> None:
        """Tell those, and only those, that the rack file names."""
        speaker, known = self.found(), self.peers()
        told = _ids(speaker, "peers")
        for key, peer in known.items():
            if key not in self.wanted.peers:
                if peer.id in told:
                    self.net.remove_bgp_peer_from_speaker(speaker, peer)
                self.net.delete_bgp_peer(peer)
        for address, asn in self.wanted.peers:
            peer = known.get((address, asn)) or self.net.create_bgp_peer(
                name=f"{self.name}-{address}", peer_ip=address, remote_as=asn, auth_type="none"
            )
            if peer.id not in told:
                self.net.add_bgp_peer_to_speaker(speaker, peer)

    def idle_agents(self) -> list[Any]:
        """Agents that do not carry the speaker."""
        speaker = self.found()
        carrying = {agent.id for agent in self.net.get_bgp_dragents_hosting_speaker(speaker)} if speaker else set()
        return [agent for agent in self.net.agents(agent_type=AGENT) if agent.id not in carrying]

    def few_agents(self) -> bool:
        """True while fewer agents carry it than there are controllers, or another one could."""
        speaker = self.found()
        carrying = list(self.net.get_bgp_dragents_hosting_speaker(speaker)) if speaker else []
        return len(carrying) < self.wanted.agents or bool(self.idle_agents())

    def add_agents(self) -> None:
        """Let every agent carry it.

        Raises:
            StageFailed: fewer agents than controllers have reported in time.
        """
        end = time.monotonic() + WAIT
        while len(agents := list(self.net.agents(agent_type=AGENT))) < self.wanted.agents:
            if time.monotonic() > end:
                raise StageFailed(
                    f"{len(agents)} of {self.wanted.agents} agents that announce guests' prefixes have reported",
                    "journalctl -u neutron-bgp-dragent on the controllers says why",
                )
            time.sleep(2)
        speaker = self.found()
        for agent in self.idle_agents():
            self.net.add_bgp_speaker_to_dragent(agent, speaker.id)


def _ids(speaker: Any, what: str) -> set[str]:
    """Ids that a speaker's body lists (the SDK declares only some of its keys); none where there is no speaker."""
    return set(getattr(speaker, what, None) or ())


def _speaker_parts(speaker: _Speaker) -> Iterator[_Part]:
    yield _Part("BGP speaker", lambda: speaker.found() is None, speaker.make)
    yield _Part("what it announces", speaker.no_network, speaker.add_network)
    yield _Part("routers that are told", speaker.other_peers, speaker.mend_peers)
    yield _Part("agents that carry it", speaker.few_agents, speaker.add_agents)
