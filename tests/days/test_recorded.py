"""What the real tools said, read: Ceph 18.2.7, etcd 3.5.16, RabbitMQ 4, OVN 25.03 of the lab with three controllers."""

import json
from pathlib import Path

import pytest
from days_world import context

from scs_rack.days import ceph
from scs_rack.days.clusters import Etcd, Members, Mon, Ovn, Rabbit
from scs_rack.days.tools import Tools
from scs_rack.remote import Answer

RECORDED = json.loads((Path(__file__).parent / "recorded.json").read_text())


class Recorded:
    """Gives the answer that was recorded for the last words of a command."""

    def run(self, host, argv, timeout=30.0):
        words = list(argv)
        tail = words[words.index("json") + 1 :] if words[0] == "etcdctl" else words
        for row in RECORDED:
            if row["argv"] == words or (words[0] == row["argv"][0] == "etcdctl" and row["argv"][-len(tail) :] == tail):
                return Answer(host, row["code"], row["out"], row["err"], 0.1)
        raise AssertionError(words)


@pytest.fixture
def tools(site):
    return Tools(context(site.folder, site.state), Recorded(), None)


def test_ceph(tools):
    cluster = ceph.of(tools)
    assert [(osd.id, osd.host, osd.up, osd.is_in) for osd in cluster.osds()] == [
        (0, "node2", True, True),
        (1, "node1", True, True),
        (2, "node3", True, True),
    ]
    assert cluster.has_bucket("node3")
    assert not cluster.has_bucket("node4")
    assert cluster.ok_to_stop([1]) == ceph.Verdict(True, "")
    assert cluster.ok_to_stop([0, 1]) == ceph.Verdict(False, "75 placement groups would stop")
    assert cluster.safe_to_destroy([1]) == ceph.Verdict(False, "placement groups are mapped to osd.1"), "exit code 0"
    assert cluster.copies() == 3
    assert not cluster.noout("node1")
    full, limit = cluster.fullness_without([1])
    assert 0.05 < full < 0.2
    assert limit == pytest.approx(0.85)


@pytest.mark.parametrize("group", [Mon(), Etcd(), Rabbit(), Ovn("nb")])
def test_members(tools, group):
    """One of etcd's endpoints that were asked was none, and OVN was asked on one member."""
    if isinstance(group, Ovn):
        tools.runner.run = lambda host, argv, timeout=30.0: (
            Recorded().run(host, argv) if host == "node1" else Answer(host, 255, "", "no route", 0.1)
        )
    members = group.members(tools, "node2")
    assert members.known == {"node1", "node2", "node3"}
    assert members.well == ({"node1"} if isinstance(group, Ovn) else {"node1", "node2", "node3"})
    assert members.lives_without("node2") == (not isinstance(group, Ovn))


@pytest.mark.parametrize(
    ("known", "well", "lives"),
    [("123", "123", True), ("123", "12", False), ("12", "12", False), ("13", "13", True), ("12345", "1245", True)],
)
def test_half_of_the_members_is_no_majority(known, well, lives):
    """Without member 2."""
    assert Members(frozenset(known), frozenset(well)).lives_without("2") == lives
