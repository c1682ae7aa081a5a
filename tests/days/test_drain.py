"""Draining and coming back: what is done, in which order, what is refused, and that a killed one goes on."""

import pytest

from scs_rack.days import kept
from scs_rack.days.operations import Wish, drain, rejoin
from scs_rack.days.part import Refused
from scs_rack.errors import UsageError


def without_observing(order):
    """The parts without the gates of `up`, which ask a real rack."""
    from dataclasses import replace

    return replace(order, stages=[one for one in order.stages if type(one).__name__ != "Only"])


def back(site, node):
    fakes = [
        type("Fake", (), {"name": name, "needs": (), "summary": ""})() for name in ("base", "ceph", "platform", "cloud")
    ]
    return without_observing(rejoin(site.order(fakes), Wish(node), site.make))


def refused(site, wish):
    with pytest.raises(Refused) as caught:
        site.run(drain(site.order(), wish, site.make))
    assert site.world.ordered == [], "a refusal changes nothing"
    return caught.value.message


def test_a_hypervisor_is_drained_and_comes_back(site):
    site.world.guest("web", "node2")
    site.world.guest("db", "node2")
    site.world.guest("old", "node2", "SHUTOFF")
    site.world.guest("other", "node1")
    order = drain(site.order(), Wish("node2"), site.make)
    planned = site.plan(order)
    assert planned == [
        "node2: disable nova-compute: no new guests",
        "node2: guest web (id-web): move while it runs",
        "node2: guest db (id-db): move while it runs",
        "node2: no gateway any more; 1 routers move to others",
        "node2: withdraw the API's address; other controllers serve",
        "ceph: set noout for node2: osd.1 stay in",
    ]
    assert site.world.ordered == [], "planning changes nothing"
    assert site.run(order) == []
    hosts = {guest["name"]: guest["host"] for guest in site.world.compute.guests.values()}
    assert hosts == {"web": "node1", "db": "node1", "old": "node2", "other": "node1"}
    assert site.world.gateways["cr-lrp-1"] != "node2"
    assert site.world.noout == {"node2"}
    assert site.plan(order) == [], "done is done"
    before = list(site.world.ordered)
    assert site.run(order) == []
    assert site.world.ordered == before, "a second time orders nothing"
    order = back(site, "node2")
    assert site.run(order) == []
    assert site.world.compute.services["s1"]["status"] == "enabled"
    assert site.world.options["node2"] == "enable-chassis-as-gw"
    assert site.world.units["node2", "scs-rack-vip"] == "active"
    assert site.world.noout == set()
    assert kept.read(site.state, "node2") == {}


@pytest.mark.parametrize("stage", ["close", "guests", "gateways", "address", "noout"])
def test_what_was_killed_after_any_part_goes_on_and_comes_back(site, stage):
    site.world.guest("web", "node2")
    order = drain(site.order(), Wish("node2"), site.make)
    assert site.run(order, stop_after=stage) == []
    assert site.run(drain(site.order(), Wish("node2"), site.make)) == []
    assert site.plan(drain(site.order(), Wish("node2"), site.make)) == []
    assert site.run(back(site, "node2")) == []
    assert site.world.compute.services["s1"]["status"] == "enabled"
    assert site.world.noout == set()


def test_what_others_had_done_is_not_undone(site):
    site.world.compute.services["s1"]["status"] = "disabled"
    site.world.noout.add("node2")
    assert site.run(drain(site.order(), Wish("node2"), site.make)) == []
    assert site.run(back(site, "node2")) == []
    assert site.world.compute.services["s1"]["status"] == "disabled"
    assert site.world.noout == {"node2"}


def test_a_guest_that_nova_can_not_move_is_told_and_the_others_move(site):
    site.world.guest("big", "node2")
    site.world.guest("web", "node2")
    site.world.compute.refuses["id-big"] = "No valid host was found. There are not enough hosts available."
    failed = site.run(drain(site.order(), Wish("node2"), site.make))
    assert any("still on node2: No valid host was found" in one for one in failed)
    assert site.world.compute.guests["id-web"]["host"] == "node1"
    assert site.world.compute.guests["id-big"]["host"] == "node2"
    assert site.world.noout == set(), "nothing after it was done"


@pytest.mark.parametrize(
    ("status", "cure"),
    [("SUSPENDED", "server resume"), ("RESCUE", "unrescue"), ("ERROR", "server show"), ("VERIFY_RESIZE", "confirm")],
)
def test_guests_that_can_not_be_moved_are_refused_with_a_way_out(site, status, cure):
    site.world.guest("odd", "node2", status)
    words = refused(site, Wish("node2"))
    assert f"guest odd (id-odd) is {status}" in words
    assert cure in words


def test_a_guest_may_be_left(site):
    site.world.guest("odd", "node2", "SUSPENDED")
    assert site.run(drain(site.order(), Wish("node2", leave=frozenset({"odd"})), site.make)) == []
    assert site.world.compute.guests["id-odd"]["host"] == "node2"


def test_a_guest_that_is_busy_is_waited_for_by_the_operator(site):
    site.world.guest("web", "node2", task="image_snapshot")
    assert "busy (image_snapshot)" in refused(site, Wish("node2"))


def test_the_last_hypervisor_is_not_closed(site):
    site.world.guest("web", "node2")
    for one in site.world.compute.services.values():
        one["status"] = "enabled" if one["host"] == "node2" else "disabled"
    assert "only hypervisor that takes guests" in refused(site, Wish("node2"))


def test_the_last_gateway_is_not_drained(site):
    site.world.options = {"node2": "enable-chassis-as-gw"}
    assert "no other gateway" in refused(site, Wish("node2"))


def test_data_that_would_not_be_served(site):
    site.world.not_ok = {"bad_become_inactive": ["2.0", "2.1f"], "num_not_ok_pgs": 2}
    words = refused(site, Wish("node2"))
    assert "would not serve all data without osd.1 of node2: 2 placement groups would stop" in words
    assert "ceph health detail" in words


@pytest.mark.parametrize("gone", ["node1", "node3"])
def test_no_second_controller_goes(site, gone):
    site.world.die(gone)
    words = refused(site, Wish("node2"))
    for cluster in ("Ceph's monitors", "etcd", "Galera", "RabbitMQ", "OVN_Northbound", "OVN_Southbound"):
        assert f"{cluster} would lose its majority" in words
    assert "bring that one back first" in words


def test_one_ill_cluster_is_enough(site):
    site.world.galera["node3"] = "Donor/Desynced"
    words = refused(site, Wish("node2"))
    assert "Galera would lose its majority: of 3 members node1 would be left" in words
    assert "etcd" not in words


def test_a_server_that_is_no_controller_needs_no_majority(site):
    site.world.galera["node3"] = "Initialized"
    assert site.run(drain(site.order(), Wish("node4"), site.make)) == []


class TestDead:
    """A server that does not answer."""

    def test_one_that_may_still_run_is_not_touched(self, site):
        site.world.guest("web", "node2")
        site.world.die("node2", off=False)
        words = refused(site, Wish("node2"))
        assert "its BMC says that it is on" in words
        assert "--fence" in words

    def test_one_that_is_off_is_evacuated(self, site):
        site.world.guest("web", "node2")
        site.world.guest("old", "node2", "SHUTOFF")
        site.world.die("node2")
        assert site.run(drain(site.order(), Wish("node2"), site.make)) == []
        assert {guest["host"] for guest in site.world.compute.guests.values()} == {"node1"}
        assert site.world.compute.services["s1"]["forced_down"] is True
        first = site.world.ordered.index("nova service s1 {'forced_down': True}")
        assert first < site.world.ordered.index("nova evacuate web")

    def test_the_power_is_cut_before_anything_is_evacuated(self, site):
        site.world.guest("web", "node2")
        site.world.die("node2", off=False)
        assert site.run(drain(site.order(), Wish("node2", fence=True), site.make)) == []
        order = site.world.ordered
        assert order.index("power off node2") < order.index("nova evacuate web")

    def test_a_silent_bmc_proves_nothing(self, site):
        site.world.die("node2")
        site.world.deaf_bmcs.add("node2")
        assert "neither does its BMC" in refused(site, Wish("node2"))
        assert "neither does its BMC" in refused(site, Wish("node2", fence=True))
        site.world.guest("web", "node2")
        assert site.run(drain(site.order(), Wish("node2", unplugged=True), site.make)) == []
        assert site.world.compute.guests["id-web"]["host"] == "node1"

    def test_one_that_falls_silent_in_between_is_not_evacuated(self, site):
        """It answered when it was judged; when its guests' turn comes it does not, and is on."""
        site.world.guest("web", "node2")
        order = drain(site.order(), Wish("node2"), site.make)
        assert site.run(order, stop_after="close") == []
        site.world.die("node2", off=False)
        with pytest.raises(Refused, match="guests may still run there"):
            list(next(one for one in order.stages if one.name == "guests").apply(site.ctx))
        assert site.world.compute.guests["id-web"]["host"] == "node2"

    def test_it_comes_back(self, site):
        site.world.die("node2")
        assert site.run(drain(site.order(), Wish("node2"), site.make)) == []
        site.world.switch("node2", "on")
        site.world.osds[1]["up"] = 1
        site.world.compute.services["s1"]["state"] = "up"
        assert site.run(back(site, "node2")) == []
        assert site.world.compute.services["s1"]["forced_down"] is False


def test_names_that_are_none(site):
    with pytest.raises(UsageError, match="no server node9"):
        drain(site.order(), Wish("node9"), site.make)
