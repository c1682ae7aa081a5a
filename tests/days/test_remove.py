"""Removing: nothing is lost, remembered, or left on; and back again."""

import pytest
from days_world import LAB

from scs_rack import ssh
from scs_rack.days import osds
from scs_rack.days.operations import Wish, rejoin, remove
from scs_rack.days.part import Refused
from scs_rack.days.rackfile import with_state
from scs_rack.engine import settled
from scs_rack.model.load import load_rack


class Fake:
    """A stage of `up` that only says that it ran, and for which rack file."""

    def __init__(self, name, needs=()):
        self.name, self.needs, self.summary, self.ran = name, needs, name, []

    def plan(self, ctx):
        return ()

    def apply(self, ctx):
        self.ran.append(ctx.design.nodes["node4"].in_service)
        return ()

    def gate(self, ctx):
        return ()


@pytest.fixture
def ups():
    return [
        Fake("bmc"),
        Fake("switches"),
        Fake("base", ("bmc", "switches")),
        Fake("ceph", ("base",)),
        Fake("cloud", ("ceph",)),
    ]


def test_a_server_leaves_for_good(site, ups):
    world = site.world
    world.guest("web", "node4")
    world.guest("old", "node4", "SHUTOFF")
    world.moving = 4
    order = remove(site.order(ups), Wish("node4", wipe=True), site.make)
    planned = site.plan(order)
    assert "node4: guest old (id-old): take over (it is shut off, and stays so)" in planned
    assert "ceph: take osd.3 of node4 out, and wait until they are safe to destroy" in planned
    assert "node4: wipe disk osd0 (/srv/disks/osd0): all that it holds is lost" in planned
    assert "manager: write `state: removed` of node4 into the rack file" in planned
    assert world.ordered == []
    assert site.run(order) == []
    done = world.ordered
    steps = [
        "nova os-migrateLive web",
        "nova evacuate old",
        "ceph osd out 3",
        "node4: systemctl disable --now ceph-osd@3",
        "ceph osd purge 3 --yes-i-really-mean-it",
        "ceph osd crush rm node4",
        "nova delete node4",
        "power soft node4",
    ]
    assert [done.index(step) for step in steps] == sorted(done.index(step) for step in steps)
    assert "ceph osd set-group noout node4" not in done
    assert world.wiped == [("node4", "/srv/disks/osd0")]
    assert {guest["host"] for guest in world.compute.guests.values()} == {"node1"}
    assert world.agents() == [agent for agent in world.agents_kept if agent.host != "node4"]
    assert load_rack(site.folder).servers["node4"].state == "removed"
    assert [stage.ran for stage in ups] == [[], [False], [False], [], []]


@pytest.mark.parametrize(
    "stage", ["close", "guests", "gateways", "empty", "purge", "records", "wipe", "off", "rack-file", "switches"]
)
def test_what_was_killed_after_any_part_goes_on(site, ups, stage):
    site.world.guest("web", "node4")
    assert site.run(remove(site.order(ups), Wish("node4", wipe=True), site.make), stop_after=stage) == []
    assert site.run(remove(site.order(ups), Wish("node4", wipe=True), site.make)) == []
    assert site.world.wiped == [("node4", "/srv/disks/osd0")], "once"
    assert "node4" not in site.world.buckets
    assert "node4" not in site.world.on
    assert load_rack(site.folder).servers["node4"].state == "removed"


def test_it_comes_back_by_all_stages_of_up(site, ups):
    known = ssh.files(site.state).known_hosts
    known.parent.mkdir()
    known.write_text("node1 ssh-ed25519 A\nnode4 ssh-ed25519 B\n")
    settled.write(site.state, ["node1", "node4"])
    assert site.run(remove(site.order(ups), Wish("node4"), site.make)) == []
    assert settled.read(site.state) == {"node1"}, "what runs on node4 may be restarted when it comes back"
    for stage in ups:
        stage.ran.clear()
    order = rejoin(site.order(ups), Wish("node4"), site.make)
    assert order.design.nodes["node4"].in_service, "certificates and secrets are made for it"
    assert site.run(order) == []
    assert load_rack(site.folder).servers["node4"].state == "active"
    assert [stage.ran for stage in ups] == [[True]] * 5
    assert (site.folder / "rack.yml").read_text() == with_state(LAB.read_text(), "node4", "active")


def refused(site, ups, node):
    with pytest.raises(Refused) as caught:
        site.run(remove(site.order(ups), Wish(node), site.make))
    assert site.world.ordered == []
    return caught.value.message


def test_a_controller_is_replaced_and_not_removed(site, ups):
    words = refused(site, ups, "node2")
    assert "an even number of control nodes" in words
    assert "scs-rack node replace node2" in words


def test_copies_need_hosts(site, ups):
    for number in (0, 1):
        site.world.osds[number]["in"] = 0
    assert "3 copies want 3 storage hosts; without node4 there are node3" in refused(site, ups, "node4")


def test_others_must_have_room(site, ups):
    site.world.used = 0.7
    words = refused(site, ups, "node4")
    assert "the others would be 93% full, and Ceph warns from 85%" in words


def test_a_dead_server_can_not_wipe_its_disks(site, ups):
    site.world.die("node4")
    with pytest.raises(Refused, match="its disks can't be wiped"):
        site.run(remove(site.order(ups), Wish("node4", wipe=True), site.make))
    assert site.run(remove(site.order(ups), Wish("node4"), site.make)) == []
    assert load_rack(site.folder).servers["node4"].state == "removed"


def test_nothing_is_purged_that_is_not_safe(site, ups, monkeypatch):
    monkeypatch.setattr(osds, "STILL", 10.0)
    site.world.moving = 10**6
    from scs_rack.errors import StageFailed

    with pytest.raises(StageFailed, match="nothing moves any more"):
        site.run(remove(site.order(ups), Wish("node4"), site.make))
    assert not any("purge" in one for one in site.world.ordered)
    assert 3 in site.world.osds


def test_a_guest_that_runs_though_nova_says_otherwise_is_not_started_twice(site, ups):
    site.world.guest("old", "node4", "SHUTOFF", awake=True)
    from scs_rack.errors import StageFailed

    with pytest.raises(StageFailed, match="although Nova says"):
        site.run(remove(site.order(ups), Wish("node4"), site.make))
    assert site.world.compute.guests["id-old"]["host"] == "node4"


def test_a_spare_is_only_written_down(site, ups):
    (site.folder / "rack.yml").write_text(with_state(LAB.read_text(), "node4", "spare"))
    world = site.world
    world.switch("node4", "off")
    del world.compute.services["s3"], world.osds[3]
    world.buckets.remove("node4")
    world.chassis.discard("node4")
    del world.providers["rp-node4"]
    world.ordered.clear()
    assert site.run(remove(site.order(ups), Wish("node4"), site.make)) == []
    assert world.ordered == []
    assert load_rack(site.folder).servers["node4"].state == "removed"


def test_a_disk_of_a_forgotten_osd_is_not_adopted_when_its_server_comes_back(site, ups):
    """The server was dead when it was removed: its disk could not be told. Its next OSD has the same UUID."""
    site.world.die("node4")
    assert site.run(remove(site.order(ups), Wish("node4"), site.make)) == []
    assert site.world.labels["node4"] != []
    site.world.switch("node4", "on")
    site.world.ordered.clear()
    assert site.run(rejoin(site.order(ups), Wish("node4"), site.make)) == []
    assert site.world.ordered == ["node4: unprepare osd.3 /srv/disks/osd0"]


def test_purging_asks_once_more(site):
    """Whatever happened before: an OSD that holds data is not purged."""
    from scs_rack.days.osds import Purge
    from scs_rack.errors import StageFailed

    with pytest.raises(StageFailed, match=r"osd\.3: placement groups are mapped to osd\.3"):
        list(Purge("node4").apply(site.tools()))
    assert site.world.ordered == []
