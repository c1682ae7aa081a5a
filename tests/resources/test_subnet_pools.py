"""Default subnet pools."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from scs_rack.design import make_design
from scs_rack.errors import StageFailed
from scs_rack.model.load import load_rack
from scs_rack.resources.subnet_pools import SubnetPool, subnet_pools, wanted_subnet_pools
from tests.golden.golden_racks import INVENTORY

WANTED = tuple(replace(pool, scope=None) for pool in wanted_subnet_pools(make_design(load_rack(INVENTORY / "lab"))))
OUTSIDE = (WANTED[0], replace(WANTED[1], scope="ipv6"))


class Network:
    """Networking that keeps what it is told."""

    def __init__(self) -> None:
        self.pools: list[SimpleNamespace] = []
        self.scopes: list[SimpleNamespace] = []

    def address_scopes(self, **_: Any) -> list[SimpleNamespace]:
        return self.scopes

    def create_address_scope(self, **fields: Any) -> SimpleNamespace:
        self.scopes.append(SimpleNamespace(id="scope", **fields))
        return self.scopes[-1]

    def subnet_pools(self, *, is_shared: bool) -> list[SimpleNamespace]:
        return [pool for pool in self.pools if pool.is_shared is is_shared]

    def create_subnet_pool(self, **fields: Any) -> None:
        self.pools.append(SimpleNamespace(**fields))

    def update_subnet_pool(self, pool: SimpleNamespace, **fields: Any) -> None:
        vars(pool).update(fields)


def make(network: Network, wanted: tuple[SubnetPool, ...] = WANTED) -> list[str]:
    """Make what is missing; what that was."""
    made = []
    for words, do in list(subnet_pools(SimpleNamespace(network=network), wanted)):
        do()
        made.append(words)
    return made


def test_one_default_for_each_version_and_a_64_for_each_ipv6_subnet() -> None:
    network = Network()
    assert len(make(network)) == 2
    assert all(pool.is_default and pool.is_shared for pool in network.pools)
    sizes = {pool.name: (pool.default_prefix_length, pool.maximum_prefix_length) for pool in network.pools}
    assert sizes == {"guests-ipv4": (24, 29), "guests-ipv6": (64, 64)}
    assert make(network) == []


def test_a_pool_that_is_no_default_any_more_becomes_it_again() -> None:
    network = Network()
    make(network)
    network.pools[1].is_default = False
    assert make(network) == ["default of guests-ipv6"]


def test_other_prefixes_are_refused() -> None:
    network = Network()
    make(network)
    network.pools[0].prefixes = ["10.0.0.0/8"]
    with pytest.raises(StageFailed, match=r"10\.0\.0\.0/8"):
        make(network)


def test_guests_ipv6_lie_in_a_scope_where_the_world_shall_know_them() -> None:
    network = Network()
    make(network, OUTSIDE)
    assert [getattr(pool, "address_scope_id", None) for pool in network.pools] == [None, "scope"]
    assert make(network, OUTSIDE) == []


def test_a_pool_of_before_gets_the_scope() -> None:
    network = Network()
    make(network)
    network.pools[1].address_scope_id = None
    assert make(network, OUTSIDE) == ["address scope of guests-ipv6"]
    assert network.pools[1].address_scope_id == "scope"


def test_the_scope_follows_from_the_rack_file(tmp_path) -> None:
    text = (INVENTORY / "lab/rack.yml").read_text()
    ipv6 = "    ipv6: {prefix: fd5c:100::/64, gateway: fd5c:100::1}\n"
    (tmp_path / "rack.yml").write_text(text.replace("    prefix: 10.92.0.0/24\n", f"    prefix: 10.92.0.0/24\n{ipv6}"))
    assert [pool.scope for pool in wanted_subnet_pools(make_design(load_rack(tmp_path)))] == [None, "ipv6"]
