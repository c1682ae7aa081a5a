"""Rule and pools of a Ceph cluster, against a stand-in for its monitors."""

import sys

import pytest

from . import fake_ceph

IMAGES = {"name": "images", "pg_num": 8, "size": 3}
INDEX = {"name": "default.rgw.buckets.index", "pg_num": 8, "size": 3, "application": "rgw"}
ASKED = {"mon": "node1", "osds": 3, "pools": [IMAGES, INDEX]}


@pytest.fixture
def monitors(monkeypatch):
    monitors = fake_ceph.Monitors()
    for name, module in fake_ceph.modules(monitors).items():
        monkeypatch.setitem(sys.modules, name, module)
    monitors.osds = {str(number): {"osd": number, "state": ["exists", "up"]} for number in range(3)}
    return monitors


def test_pools_wait_for_their_osds(run, monitors):
    monitors.osds["2"]["state"] = ["exists", "new"]
    late = run("ceph_pools", **ASKED, timeout=1)
    assert (late["failed"], late["msg"]) == (True, "2 of 3 OSDs are up after 1 s")
    assert not monitors.pools


def test_pools_are_made_once(run, monitors):
    first = run("ceph_pools", **ASKED)
    assert first["changes"] == [
        "create rule scs-rack-host",
        "create pool images",
        "create pool default.rgw.buckets.index",
        "application of pool images",
        "application of pool default.rgw.buckets.index",
        "initialise pool images",
    ]
    assert {pool["crush_rule"] for pool in monitors.pools.values()} == {1}
    assert monitors.pools["default.rgw.buckets.index"]["application_metadata"] == {"rgw": {}}
    assert not run("ceph_pools", **ASKED)["changed"]


def test_a_pool_whose_name_begins_with_a_point_is_made_too(run, monitors):
    root = {"name": ".rgw.root", "pg_num": 2, "size": 3, "application": "rgw"}
    assert not run("ceph_pools", **{**ASKED, "pools": [root]}).get("failed")
    assert list(monitors.pools) == [".rgw.root"]


def test_a_pool_that_was_not_made_is_a_failure(run, monitors, monkeypatch):
    monkeypatch.setattr(fake_ceph.Monitors, "on_osd_pool_create", lambda *_: None)
    result = run("ceph_pools", **ASKED)
    assert "did not make images, default.rgw.buckets.index" in result["msg"]


def test_pools_follow_what_is_stated(run, monitors):
    run("ceph_pools", **ASKED)
    larger = {**ASKED, "pools": [{**IMAGES, "pg_num": 16, "size": 2}, INDEX]}
    changes = run("ceph_pools", **larger)["changes"]
    assert sorted(changes) == ["pg_num of pool images", "size of pool images"]
    assert (monitors.pools["images"]["pg_num_target"], monitors.pools["images"]["size"]) == (16, 2)


def test_a_pool_shrinks_only_where_its_size_is_exact(run, monitors):
    run("ceph_pools", **{**ASKED, "pools": [{**IMAGES, "pg_num": 32}]})
    assert not run("ceph_pools", **{**ASKED, "pools": [IMAGES]})["changed"]
    assert run("ceph_pools", **{**ASKED, "pools": [{**IMAGES, "exact": True}]})["changes"] == ["pg_num of pool images"]


def test_pools_move_to_the_rule_of_racks(run, monitors):
    run("ceph_pools", **ASKED)
    assert run("ceph_pools", **ASKED, failure_domain="rack")["changes"] == [
        "create rule scs-rack-rack",
        "crush_rule of pool images",
        "crush_rule of pool default.rgw.buckets.index",
    ]
    assert not run("ceph_pools", **ASKED, failure_domain="rack")["changed"]


def test_a_rule_of_our_name_that_does_something_else_is_refused(run, monitors):
    monitors.rules.append("scs-rack-host osd")
    refused = run("ceph_pools", **ASKED)
    assert refused["failed"]
    assert "rule scs-rack-host chooses ['osd'], not hosts" in refused["msg"]
    assert not monitors.pools


def test_check_mode_says_what_would_be_made(run, monitors, plugin, monkeypatch, tmp_path):
    monkeypatch.setattr(plugin("modules.ceph_pools"), "DATA", tmp_path)
    virgin = run("ceph_pools", check=True, **ASKED)
    assert virgin["changes"] == ["create pool images", "create pool default.rgw.buckets.index"]
    (tmp_path / "mon/ceph-node1").mkdir(parents=True)
    (tmp_path / "mon/ceph-node1/done").touch()
    known = run("ceph_pools", check=True, **ASKED)
    assert {"create rule scs-rack-host", "create pool images", "initialise pool images"} <= set(known["changes"])
    assert (monitors.pools, len(monitors.rules)) == ({}, 1)


def test_a_refused_pool_is_a_failure(run, monitors, monkeypatch):
    monkeypatch.setattr(fake_ceph.Monitors, "on_osd_pool_create", None)
    refused = run("ceph_pools", **ASKED)
    assert refused["failed"]
    assert "osd pool create" in refused["msg"]
