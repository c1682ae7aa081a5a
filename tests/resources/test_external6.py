"""IPv6 of external networks, made in a Networking service that keeps what it is told."""

import itertools
from types import SimpleNamespace
from typing import Any

import pytest

from scs_rack.errors import StageFailed
from scs_rack.resources import external6 as module
from scs_rack.resources.address_scope import SCOPE
from scs_rack.resources.external6 import AGENT, External6, external6

NET = "net-1"
PLAIN = External6("public", "2001:db8:1::/64", "2001:db8:1::1", "2001:db8:1::100", "2001:db8:1::ffff")
TOLD = External6(
    *("public", "2001:db8:1::/64", "2001:db8:1::1", "2001:db8:1::100", "2001:db8:1::ffff"),
    64512,
    (("2001:db8:9::1", 64500),),
    3,
)


class Network:
    """The calls that are used, with the fields that Neutron answers with."""

    def __init__(self) -> None:
        self.ids = (f"id-{number}" for number in itertools.count())
        self.scopes: list[Any] = []
        self.pools: list[Any] = []
        self.made_subnets: list[Any] = []
        self.speakers: list[Any] = []
        self.all_peers: list[Any] = []
        self.all_agents = [SimpleNamespace(id=f"agent-{n}", agent_type=AGENT) for n in range(3)]
        self.bindings: set[tuple[str, str]] = set()
        self.deaf = False

    def _new(self, where: list[Any], **fields: Any) -> Any:
        where.append(SimpleNamespace(id=next(self.ids), **fields))
        return where[-1]

    @staticmethod
    def _find(where: list[Any], name: str) -> Any:
        return next((one for one in where if one.name == name), None)

    def address_scopes(self, name: str, is_shared: bool) -> list[Any]:
        return [one for one in self.scopes if one.name == name and one.is_shared is is_shared]

    def create_address_scope(self, **fields: Any) -> Any:
        return self._new(self.scopes, **fields)

    def find_subnet_pool(self, name: str, ignore_missing: bool = True) -> Any:
        return self._find(self.pools, name)

    def create_subnet_pool(self, **fields: Any) -> Any:
        return self._new(self.pools, **fields)

    def subnets(self, network_id: str, ip_version: int) -> list[Any]:
        return [one for one in self.made_subnets if (one.network_id, one.ip_version) == (network_id, ip_version)]

    def create_subnet(self, **fields: Any) -> Any:
        return self._new(self.made_subnets, **fields)

    def find_bgp_speaker(self, name: str) -> Any:
        return self._find(self.speakers, name)

    def create_bgp_speaker(self, **fields: Any) -> Any:
        return self._new(self.speakers, **fields, networks=[], peers=[])

    def delete_bgp_speaker(self, speaker: Any) -> None:
        self.speakers.remove(speaker)

    def add_gateway_network_to_speaker(self, speaker: Any, network: str) -> None:
        if not self.deaf:
            speaker.networks.append(network)

    def bgp_peers(self) -> list[Any]:
        return list(self.all_peers)

    def create_bgp_peer(self, **fields: Any) -> Any:
        return self._new(self.all_peers, **fields)

    def delete_bgp_peer(self, peer: Any) -> None:
        assert all(peer.id not in speaker.peers for speaker in self.speakers), "Neutron refuses: it is in use"
        self.all_peers.remove(peer)

    def add_bgp_peer_to_speaker(self, speaker: Any, peer: Any) -> None:
        speaker.peers.append(peer.id)

    def remove_bgp_peer_from_speaker(self, speaker: Any, peer: Any) -> None:
        speaker.peers.remove(peer.id)

    def agents(self, agent_type: str) -> list[Any]:
        return [one for one in self.all_agents if one.agent_type == agent_type]

    def get_bgp_dragents_hosting_speaker(self, speaker: Any) -> list[Any]:
        return [one for one in self.all_agents if (one.id, speaker.id) in self.bindings]

    def add_bgp_speaker_to_dragent(self, agent: Any, speaker: str) -> None:
        assert (agent.id, speaker) not in self.bindings, "Neutron refuses: it is there already"
        self.bindings.add((agent.id, speaker))


def make(network: Network, wanted: External6) -> list[str]:
    """Make what is missing; what that was."""
    made = []
    for words, do in list(external6(SimpleNamespace(network=network), wanted, NET)):
        do()
        made.append(words)
    return made


def test_without_routers_there_is_a_subnet_in_the_scope_and_no_speaker() -> None:
    network = Network()
    assert make(network, PLAIN) == ["IPv6 of public: address scope, subnet pool, subnet"]
    (scope,), (pool,), (subnet,) = network.scopes, network.pools, network.made_subnets
    assert (scope.name, scope.ip_version, scope.is_shared) == (SCOPE, 6, True)
    assert (pool.address_scope_id, pool.is_shared, pool.minimum_prefix_length) == (scope.id, False, 64)
    assert (subnet.subnet_pool_id, subnet.cidr, subnet.gateway_ip) == (pool.id, PLAIN.prefix, PLAIN.gateway)
    assert subnet.allocation_pools == [{"start": "2001:db8:1::100", "end": "2001:db8:1::ffff"}]
    assert not network.speakers
    assert make(network, PLAIN) == []


def test_routers_are_told_by_an_agent_of_each_controller() -> None:
    network = Network()
    make(network, TOLD)
    (speaker,) = network.speakers
    assert (speaker.local_as, speaker.ip_version, speaker.networks) == (64512, 6, [NET])
    assert speaker.advertise_tenant_networks
    assert not speaker.advertise_floating_ip_host_routes
    assert {peer.peer_ip for peer in network.all_peers if peer.id in speaker.peers} == {"2001:db8:9::1"}
    assert len(network.bindings) == 3
    assert make(network, TOLD) == []


def test_another_router_takes_the_place_of_the_old_one() -> None:
    network = Network()
    make(network, TOLD)
    other = External6(**vars(TOLD) | {"peers": (("2001:db8:9::2", 64500),)})
    assert make(network, other) == ["IPv6 of public: routers that are told"]
    assert [peer.peer_ip for peer in network.all_peers] == ["2001:db8:9::2"]
    assert network.speakers[0].peers == [network.all_peers[0].id]


def test_a_peer_that_is_not_ours_is_left_alone() -> None:
    network = Network()
    network.create_bgp_peer(name="somebody's", peer_ip="2001:db8:7::1", remote_as=7)
    make(network, TOLD)
    assert make(network, TOLD) == []
    assert network.all_peers[0].name == "somebody's"


def test_another_as_number_makes_another_speaker_that_all_agents_carry() -> None:
    network = Network()
    make(network, TOLD)
    make(network, External6(**vars(TOLD) | {"asn": 64513}))
    (speaker,) = network.speakers
    assert speaker.local_as == 64513
    assert {one for _, one in network.bindings} >= {speaker.id}
    assert speaker.networks == [NET]
    assert len(speaker.peers) == 1


def test_an_agent_that_came_later_carries_it_too() -> None:
    network = Network()
    make(network, TOLD)
    network.all_agents.append(SimpleNamespace(id="agent-new", agent_type=AGENT))
    assert make(network, TOLD) == ["IPv6 of public: agents that carry it"]


def test_agents_that_do_not_report_are_an_error(monkeypatch) -> None:
    network = Network()
    del network.all_agents[1:]
    monkeypatch.setattr(module, "WAIT", -1.0)
    with pytest.raises(StageFailed, match="1 of 3 agents"):
        make(network, TOLD)


def test_what_neutron_took_and_did_not_do_is_an_error() -> None:
    network = Network()
    network.deaf = True
    with pytest.raises(StageFailed, match="what it announces: Neutron took the order, and it is not there"):
        make(network, TOLD)


def test_another_subnet_is_refused() -> None:
    network = Network()
    make(network, PLAIN)
    with pytest.raises(StageFailed, match="the rack file says 2001:db8:2::/64"):
        make(network, External6(**vars(PLAIN) | {"prefix": "2001:db8:2::/64", "gateway": "2001:db8:2::1"}))
