"""The gate of stage ceph: the cluster's answers, judged."""

import copy
import dataclasses
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from scs_rack.design import make_design
from scs_rack.engine.stage import Context
from scs_rack.model.load import load_rack
from scs_rack.remote import Answer
from scs_rack.stages import ceph, ceph_probe

LAB = Path(__file__).parents[2] / "inventory/lab"
MONS = ("node1", "node2", "node3")
HEALTHY = {
    "health": {"status": "HEALTH_OK", "checks": {}},
    "quorum_names": list(MONS),
    "mgrmap": {"available": True, "num_standbys": 1},
    "osdmap": {"num_osds": 3, "num_up_osds": 3, "num_in_osds": 3},
    "pgmap": {"num_pgs": 33, "pgs_by_state": [{"state_name": "active+clean", "count": 33}]},
}


STORAGE = make_design(load_rack(LAB / "rack.yml")).storage
POOLS = {pool.name: {"size": 3, "pg_num": pool.pg_num, "spread": ["host"]} for pool in STORAGE.pools}


@pytest.fixture
def status():
    return copy.deepcopy(HEALTHY)


@pytest.fixture
def ctx(tmp_path):
    return Context(make_design(load_rack(LAB / "rack.yml")), LAB, tmp_path, tmp_path, {})


def judge(status):
    return [(found.type, found.seen) for found in ceph.status_findings(status, MONS, managers=2, osds=3)]


def test_healthy(status):
    assert judge(status) == []


def test_all_faults_are_named(status):
    status["quorum_names"] = ["node1", "node3"]
    status["mgrmap"]["num_standbys"] = 0
    status["osdmap"]["num_up_osds"] = 2
    status["pgmap"]["pgs_by_state"] = [
        {"state_name": "active+clean", "count": 30},
        {"state_name": "active+undersized+degraded", "count": 3},
    ]
    status["health"] = {
        "status": "HEALTH_WARN",
        "checks": {"OSD_DOWN": {"summary": {"message": "1 osds down"}}, "X": {"summary": {"message": "y"}}},
    }
    assert judge(status) == [
        ("mon-out-of-quorum", "node1, node3"),
        ("mgr-missing", "one active, 0 standing by"),
        ("osd-not-up", "2"),
        ("pg-not-clean", "3 active+undersized+degraded"),
        ("ceph-unhealthy", "HEALTH_WARN: 1 osds down; y"),
    ]


def test_no_manager_and_no_placement_groups(status):
    status["mgrmap"]["available"] = False
    status["pgmap"] = {"num_pgs": 0}
    assert judge(status) == [
        ("mgr-missing", "none active, 1 standing by"),
        ("pg-not-clean", "no placement groups"),
    ]


def test_pools_as_designed():
    more = {"pg_num": 1024, "size": 3, "spread": ["host"]}
    assert ceph.pool_findings(POOLS | {"volumes": more, ".mgr": {"size": 1}}, STORAGE, 3) == []


def test_all_faults_of_pools_are_named():
    seen = copy.deepcopy(POOLS)
    del seen["vms"]
    seen["images"]["size"] = 2
    seen["backups"]["spread"] = ["osd"]
    seen["volumes"]["pg_num"] = 1
    assert {(one.type, one.where, one.seen) for one in ceph.pool_findings(seen, STORAGE, 3)} == {
        ("pool-missing", "pool vms", "none"),
        ("pool-copies", "pool images", "2"),
        ("pool-spread", "pool backups", "another osd"),
        ("pool-size", "pool volumes", "1"),
    }


def test_a_stated_number_of_placement_groups_is_exact():
    exact = dataclasses.replace(STORAGE, pools=tuple(dataclasses.replace(one, exact=True) for one in STORAGE.pools))
    seen = POOLS | {"volumes": {**POOLS["volumes"], "pg_num": 1024}}
    assert [one.type for one in ceph.pool_findings(seen, exact, 3)] == ["pool-size"]


@pytest.mark.parametrize(
    ("state", "clean"),
    [
        ("active+clean", True),
        ("active+clean+scrubbing+deep", True),
        ("active+undersized", False),
        ("active+clean+inconsistent", False),
        ("peering", False),
        ("active+clean+remapped", False),
    ],
)
def test_states_of_placement_groups(state, clean):
    assert ceph.is_clean(state) == clean


def test_expected_osds_follow_the_limit(ctx, tmp_path):
    assert ceph.expected_osds(ctx) == 3
    limited = Context(ctx.design, LAB, tmp_path, tmp_path, {}, limit=frozenset({"node2", "node4"}))
    assert ceph.expected_osds(limited) == 1


class Cluster:
    """Answers of `run_one`, one for each call."""

    def __init__(self, monkeypatch, *answers):
        self.answers, self.asked = list(answers), []
        monkeypatch.setattr(ceph, "run_one", self.run_one)
        monkeypatch.setattr(ceph, "PATIENCE", 0.05)
        monkeypatch.setattr(ceph, "PAUSE", 0.01)

    def run_one(self, _ctx, host, argv, **_):
        self.asked.append((host, argv[-1]))
        said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(said, int):
            return Answer(host, said, "", "no route", 0.1)
        return Answer(
            host,
            0,
            json.dumps({"error": None, "status": None, "pools": POOLS, "entering": [], "round_trip": None} | said),
            "",
            0.1,
        )


def test_the_gate_writes_only_to_a_healthy_cluster(ctx, monkeypatch, status):
    status["osdmap"]["num_up_osds"] = 2
    cluster = Cluster(monkeypatch, {"status": status}, {"status": HEALTHY}, {"status": HEALTHY, "round_trip": 0.1})
    assert list(ceph.CephStage().gate(ctx)) == []
    assert cluster.asked == [("node1", ""), ("node1", ""), ("node1", "volumes")]


def test_the_gate_gives_up(ctx, monkeypatch, status):
    status["osdmap"]["num_in_osds"] = 1
    cluster = Cluster(monkeypatch, {"status": status})
    assert [found.type for found in ceph.CephStage().gate(ctx)] == ["osd-not-in"]
    assert ("node1", "volumes") not in cluster.asked


def test_the_gate_waits_for_what_comes_between_its_looks(ctx, monkeypatch, status):
    """A manager makes a pool for itself after the first look: seen in CI as one unknown placement group."""
    status["pgmap"]["pgs_by_state"] = [{"state_name": "unknown", "count": 1}]
    cluster = Cluster(monkeypatch, {"status": HEALTHY}, {"status": status}, {"status": HEALTHY})
    assert list(ceph.CephStage().gate(ctx)) == []
    assert cluster.asked == [("node1", ""), ("node1", "volumes")] * 2


def test_another_monitor_is_asked_when_one_is_silent(ctx, monkeypatch):
    cluster = Cluster(monkeypatch, 255, {"status": HEALTHY}, {"status": HEALTHY})
    assert list(ceph.CephStage().gate(ctx)) == []
    assert cluster.asked == [("node1", ""), ("node2", ""), ("node1", "volumes")]


def test_a_failed_write_is_a_fault(ctx, monkeypatch):
    broken = {"status": HEALTHY, "error": "ValueError: other bytes were read than were written"}
    Cluster(monkeypatch, {"status": HEALTHY}, broken)
    (found,) = ceph.CephStage().gate(ctx)
    assert (found.type, found.seen) == ("ceph-failed", "ValueError: other bytes were read than were written")


class Image:
    """A block device that may lose what is written."""

    def __init__(self, store, name, lossy):
        self.store, self.name, self.lossy = store, name, lossy

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def write(self, data, offset):
        self.store[self.name] = (offset, data[::-1] if self.lossy else data)

    def flush(self):
        pass

    def read(self, offset, length):
        start, data = self.store[self.name]
        assert (start, len(data)) == (offset, length)
        return data


@pytest.mark.parametrize("lossy", [False, True])
def test_the_probe_reads_what_it_wrote_and_cleans_up(monkeypatch, lossy):
    store = {}
    rbd = SimpleNamespace(
        RBD=lambda: SimpleNamespace(
            create=lambda _ioctx, name, _size: store.update({name: None}), remove=lambda _ioctx, name: store.pop(name)
        ),
        Image=lambda _ioctx, name, **_: Image(store, name, lossy),
    )
    monkeypatch.setitem(sys.modules, "rbd", rbd)
    pool = SimpleNamespace(__enter__=None)

    class Ioctx:
        def __enter__(self):
            return pool

        def __exit__(self, *_):
            pass

    cluster = SimpleNamespace(open_ioctx=lambda _: Ioctx())
    if lossy:
        with pytest.raises(ValueError, match="other bytes"):
            ceph_probe.round_trip(cluster, "volumes")
    else:
        assert ceph_probe.round_trip(cluster, "volumes") >= 0
    assert store == {}


def test_the_gate_waits_as_long_as_copies_are_made(ctx, monkeypatch, status):
    def at(ratio):
        busy = copy.deepcopy(status)
        busy["pgmap"]["pgs_by_state"] = [{"state_name": "active+undersized+degraded+remapped+backfilling", "count": 33}]
        busy["pgmap"]["degraded_ratio"] = ratio
        return {"status": busy}

    steps = [at(0.3 - number / 100) for number in range(20)]
    cluster = Cluster(monkeypatch, *steps, {"status": status})
    monkeypatch.setattr(ceph, "PAUSE", 0.03)
    assert list(ceph.CephStage().gate(ctx)) == [], "0.6 s of work, and 0.05 s of patience"
    assert len(cluster.asked) == 22
    stuck = Cluster(monkeypatch, at(0.2))
    assert [one.type for one in ceph.CephStage().gate(ctx)] == ["pg-not-clean"]
    assert len(stuck.asked) < 20


def test_an_osd_without_its_whole_weight_fails_the_gate(ctx, monkeypatch):
    Cluster(monkeypatch, {"status": HEALTHY, "entering": [3]})
    (found,) = ceph.CephStage().gate(ctx)
    assert (found.type, found.where) == ("osd-entering", "osd.3")
