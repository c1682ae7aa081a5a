"""Placement groups from the number of OSDs, and where copies lie."""

import pytest

from scs_rack.design import make_design
from scs_rack.design.storage import placement_groups
from scs_rack.model import Rack
from scs_rack.model.load import load_rack
from tests.golden.golden_racks import INVENTORY

EXAMPLE = load_rack(INVENTORY / "example")
STORAGE = [name for name, server in EXAMPLE.servers.items() if "storage" in server.roles]


def placed(*places: str) -> Rack:
    """The example with storage hosts in these failure domains, one after the other."""
    servers = {
        name: server.model_copy(
            update={"failure_domain": places[STORAGE.index(name) % len(places)] if name in STORAGE else None}
        )
        for name, server in EXAMPLE.servers.items()
    }
    return EXAMPLE.model_copy(update={"servers": servers})


def with_ceph(**options: object) -> Rack:
    """The example with other options of Ceph."""
    cloud = EXAMPLE.cloud.model_copy(update={"ceph": EXAMPLE.cloud.ceph.model_copy(update=options)})
    return EXAMPLE.model_copy(update={"cloud": cloud})


@pytest.mark.parametrize(
    ("osds", "replicas", "share", "pg_num"),
    [(3, 3, 0.4, 32), (24, 3, 0.4, 256), (240, 3, 0.4, 4096), (1, 1, 0.01, 8), (0, 3, 0.1, 8), (100000, 2, 1, 32768)],
)
def test_placement_groups_follow_the_number_of_osds(osds: int, replicas: int, share: float, pg_num: int) -> None:
    assert placement_groups(osds, replicas, share, 100) == pg_num


@pytest.mark.parametrize("osds", range(3, 400, 7))
def test_all_pools_together_stay_near_what_an_osd_should_bear(osds: int) -> None:
    shares = (8, 4, 2, 4, 4)
    total = sum(placement_groups(osds, 3, share / sum(shares), 100) for share in shares)
    assert 100 / 1.5 < total * 3 / osds < 100 * 1.5


def test_a_stated_number_is_exact() -> None:
    pools = {pool.name: pool for pool in make_design(with_ceph(pg_num=48)).storage.pools}
    assert {(pools[name].pg_num, pools[name].exact) for name in ("volumes", "default.rgw.buckets.data")} == {(48, True)}
    assert (pools["default.rgw.log"].pg_num, pools["default.rgw.log"].exact) == (8, False)


def test_without_object_storage_there_are_no_pools_for_it() -> None:
    rack = EXAMPLE.model_copy(update={"cloud": EXAMPLE.cloud.model_copy(update={"services": ["barbican"]})})
    assert {pool.name for pool in make_design(rack).storage.pools} == {"volumes", "vms", "images", "backups"}


def test_copies_lie_in_other_hosts_when_nothing_is_known_of_racks() -> None:
    storage = make_design(EXAMPLE).storage
    assert (storage.failure_domain, storage.places) == ("host", {})


def test_copies_lie_in_other_racks_when_there_are_enough() -> None:
    storage = make_design(placed("r1", "r2", "r3")).storage
    assert storage.failure_domain == "rack"
    assert storage.places == {name: f"r{index % 3 + 1}" for index, name in enumerate(STORAGE)}


def test_too_few_racks_would_leave_copies_without_a_place() -> None:
    storage = make_design(placed("r1", "r2")).storage
    assert storage.failure_domain == "host"
    assert set(storage.places.values()) == {"r1", "r2"}
