"""Replacing a disk: nothing is stopped that is needed, and the old disk is not taken for the new one."""

import pytest

from scs_rack.days.disk import Where
from scs_rack.days.operations import disk
from scs_rack.days.part import Refused
from scs_rack.errors import StageFailed, UsageError

PATH = "/srv/disks/osd0"


class Ceph:
    """Stage `ceph`: makes an OSD on the blank disk of node4."""

    name, needs, summary = "ceph", ("base",), "ceph"

    def __init__(self, world):
        self.world, self.ran = world, 0

    def plan(self, ctx):
        return ()

    def apply(self, ctx):
        self.ran += 1
        assert self.world.labels["node4"] == [], "else the old label would be adopted"
        return ()

    def gate(self, ctx):
        return ()


@pytest.fixture
def stage(site):
    return Ceph(site.world)


def order(site, stage, name="osd0", degraded=False):
    return disk(site.order([stage]), Where("node4", name), degraded=degraded, make=site.make)


def test_a_disk_is_emptied_forgotten_and_made_anew(site, stage):
    site.world.moving = 3
    assert site.plan(order(site, stage)) == [
        "ceph: osd.3 on osd0 of node4: move its data off, stop and purge it",
        "rack: an OSD on the new disk osd0 of node4",
    ]
    assert site.world.ordered == []
    assert site.run(order(site, stage)) == []
    assert site.world.ordered == [
        "ceph osd out 3",
        "node4: systemctl disable --now ceph-osd@3",
        "ceph osd purge 3 --yes-i-really-mean-it",
        f"node4: unprepare osd.3 {PATH}",
        f"node4: ledctl locate_off={PATH}",
    ]
    assert stage.ran == 1


def test_a_disk_that_can_be_told_from_the_next_is_changed_by_hand(site, stage):
    site.world.serials = {("node4", PATH): "S1"}
    with pytest.raises(StageFailed, match=r"change disk osd0 of node4 now .*serial S1"):
        site.run(order(site, stage))
    assert site.world.ordered[-1] == f"node4: ledctl locate={PATH}"
    with pytest.raises(StageFailed, match="serial S1"):
        site.run(order(site, stage))
    assert stage.ran == 0
    site.world.serials = {("node4", PATH): "S2"}
    before = site.world.ordered.count("ceph osd purge 3 --yes-i-really-mean-it")
    assert site.run(order(site, stage)) == []
    assert stage.ran == 1
    assert before == site.world.ordered.count("ceph osd purge 3 --yes-i-really-mean-it") == 1


def refused(site, stage, **more):
    with pytest.raises(Refused) as caught:
        site.run(order(site, stage, **more))
    assert site.world.ordered == []
    return caught.value.message


def test_copies_need_another_place(site, stage):
    site.world.osds[0]["in"] = 0
    words = refused(site, stage)
    assert "without osd.3 there are 2 hosts for 3 copies" in words
    assert "--degraded goes on" in words
    assert site.run(order(site, stage, degraded=True)) == []
    assert "ceph osd out 3" not in site.world.ordered
    assert "ceph osd purge 3 --yes-i-really-mean-it" in site.world.ordered


def test_data_that_would_not_be_served_is_not_given_up(site, stage):
    site.world.not_ok = {"bad_become_inactive": ["2.0"], "num_not_ok_pgs": 1}
    assert "would not serve all data without osd.3" in refused(site, stage, degraded=True)


def test_the_last_copy_is_not_given_up(site, stage):
    site.world.checks = {"OBJECT_UNFOUND": {"severity": "HEALTH_ERR", "summary": {"message": "x", "count": 1}}}
    with pytest.raises(StageFailed, match="may hold the last copy"):
        site.run(order(site, stage, degraded=True))
    assert 3 in site.world.osds


@pytest.mark.parametrize("name", ["root", "osd7"])
def test_disks_that_are_none_of_cephs(site, stage, name):
    with pytest.raises(UsageError, match=f"no disk {name} that belongs to Ceph"):
        order(site, stage, name)
