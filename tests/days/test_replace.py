"""Replacing: every cluster forgets the old server before the new one joins, and nothing that is needed is purged."""

from dataclasses import replace as changed

import pytest

from scs_rack.days import kept
from scs_rack.days.operations import Wish, replaced
from scs_rack.days.part import Refused
from scs_rack.errors import StageFailed, UsageError

NAMES = ("bmc", "switches", "base", "ceph", "platform", "cloud")
NEEDS = {"base": ("bmc", "switches"), "ceph": ("base",), "platform": ("base",), "cloud": ("ceph", "platform")}


class Stage:
    """A stage of `up`; `bmc` switches the new server on, `cloud` makes it a hypervisor."""

    def __init__(self, name, world, node):
        self.name, self.needs, self.summary = name, NEEDS.get(name, ()), name
        self.world, self.node, self.ran = world, node, 0

    def plan(self, ctx):
        return ()

    def apply(self, ctx):
        self.ran += 1
        if self.name == "bmc" and self.node not in self.world.on:
            self.world.switch(self.node, "on")
        if self.name == "ceph":
            for osd in self.world.osds.values():
                osd["up"] = 1
        return ()

    def gate(self, ctx):
        return ()


@pytest.fixture
def ups(site):
    return [Stage(name, site.world, "node3") for name in NAMES]


def order(site, ups, node="node3", **wish):
    return replaced(site.order(ups), Wish(node, **wish), site.make)


def test_a_dead_controller_is_replaced(site, ups):
    world = site.world
    world.guest("web", "node3")
    world.guest("old", "node3", "SHUTOFF")
    world.providers["rp-node3"] = {"id-web": {"VCPU": 1}, "id-old": {"VCPU": 1}}
    world.providers["rp-node1"] = {"id-web": {"VCPU": 1}, "id-old": {"VCPU": 1}}
    world.die("node3")
    steps = order(site, ups)
    planned = site.plan(steps)
    for cluster in ("Ceph's monitors", "etcd", "RabbitMQ", "OVN_Northbound", "OVN_Southbound"):
        assert f"{cluster}: remove the member node3" in planned
    assert world.ordered == []
    assert site.run(steps) == []
    assert world.mons == world.etcd == world.rabbit == world.ovn["nb"] == world.ovn["sb"] == ["node1", "node2"]
    assert {guest["host"] for guest in world.compute.guests.values()} == {"node1"}
    assert "rp-node3" not in world.providers, "a new server of this name could not register"
    assert world.providers["rp-node1"] == {"id-web": {"VCPU": 1}, "id-old": {"VCPU": 1}}
    done = world.ordered
    last = max(done.index(one) for one in ("ceph mon remove node3", "etcd remove node3", "rabbitmq forget node3",
                                           "ovn nb kick node3", "ovn sb kick node3", "nova delete node3"))  # fmt: skip
    assert last < done.index("power on node3"), "the new one finds nothing of the old one"
    assert not any("purge" in one for one in done), "its disk came along"
    assert [stage.ran for stage in ups] == [1] * len(ups)


STAGES = ("note", "fence", "majority", "close", "guests", "gateways", "address", "off", "members", "records", "swap",
          "bmc", "base", "disks", "ceph", "cloud", "storage", "open")  # fmt: skip


@pytest.mark.parametrize("stage", STAGES)
def test_what_was_killed_after_any_part_goes_on(site, ups, stage):
    site.world.guest("web", "node3")
    site.world.die("node3")
    assert site.run(order(site, ups), stop_after=stage) == []
    assert site.run(order(site, ups)) == []
    done = site.world.ordered
    for once in ("ceph mon remove node3", "etcd remove node3", "power on node3", "nova evacuate web"):
        assert done.count(once) == 1
    assert not any(one.startswith(("power off", "power soft")) for one in done), "the new server is never switched off"


def test_stages_have_names_of_their_own(site, ups):
    names = [stage.name for stage in order(site, ups).stages]
    assert len(names) == len(set(names))
    assert set(STAGES) <= set(names)
    known = set()
    for stage in order(site, ups).stages:
        assert set(stage.needs) <= known, f"{stage.name} needs what comes later"
        known.add(stage.name)


def test_one_that_works_is_shut_down_and_then_somebody_changes_it(site, ups):
    site.world.guest("web", "node3")
    with pytest.raises(StageFailed, match="put the new server in its place"):
        site.run(order(site, ups))
    assert "power soft node3" in site.world.ordered
    assert "nova os-migrateLive web" in site.world.ordered
    assert kept.read(site.state, "node3").get("replaced")
    assert ups[0].ran == 0, "the old one is not switched on again"
    assert site.run(order(site, ups)) == []
    assert ups[0].ran == 1


def test_disks_that_did_not_come_along_are_forgotten(site, ups):
    site.world.die("node3")
    site.world.labels["node3"] = []
    assert site.run(order(site, ups)) == []
    assert "ceph osd purge 2 --yes-i-really-mean-it" in site.world.ordered


def test_disks_with_other_osds_are_not_taken_for_these(site, ups):
    site.world.die("node3")
    site.world.labels["node3"] = ["00000000-0000-4000-8000-000000000077"]
    assert site.run(order(site, ups)) == []
    assert "ceph osd purge 2 --yes-i-really-mean-it" in site.world.ordered


@pytest.mark.parametrize("check", ["PG_AVAILABILITY", "OBJECT_UNFOUND"])
def test_a_disk_that_may_hold_the_last_copy_is_not_purged(site, ups, check):
    site.world.die("node3")
    site.world.labels["node3"] = []
    site.world.checks = {check: {"severity": "HEALTH_WARN", "summary": {"message": "1/9 objects unfound", "count": 1}}}
    with pytest.raises(StageFailed, match=r"osd\.2 may hold the last copy of something: 1/9 objects unfound"):
        site.run(order(site, ups))
    assert 2 in site.world.osds
    assert ups[3].ran == 0, "Ceph is not set up before it is known"


def test_no_majority_no_replacement(site, ups):
    site.world.die("node3")
    site.world.die("node2")
    with pytest.raises(Refused) as caught:
        site.run(order(site, ups))
    for cluster in (
        "Ceph's monitors has no",
        "etcd has no",
        "Galera would lose",
        "RabbitMQ would",
        "OVN_Northbound would",
    ):
        assert caught.value.message.count(f"{cluster} ") == 1
    assert site.world.ordered == []


def test_a_guest_that_was_never_moved_keeps_its_share(site, ups):
    site.world.die("node3")
    site.world.providers["rp-node3"] = {"id-lonely": {"VCPU": 1}}
    with pytest.raises(StageFailed, match="guest id-lonely has its resources on this hypervisor alone"):
        site.run(order(site, ups))
    assert "rp-node3" in site.world.providers


def test_a_spare_is_not_replaced(site, ups):
    base = site.order(ups)
    nodes = base.design.nodes | {"node4": changed(base.design.nodes["node4"], in_service=False)}
    with pytest.raises(UsageError, match="not in service"):
        replaced(changed(base, design=changed(base.design, nodes=nodes)), Wish("node4"), site.make)
