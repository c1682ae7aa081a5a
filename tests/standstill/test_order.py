"""A rack that is stopped and started is as it was, wherever we die in between."""

import copy
import itertools
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from simulated import NODES, Killed, World

from scs_rack.errors import StageFailed
from scs_rack.standstill import record, step


@pytest.fixture
def world(tmp_path, monkeypatch):
    from scs_rack.days.tools import Tools

    monkeypatch.setattr(Tools, "has_cloud", property(lambda _self: True))
    return World(tmp_path, monkeypatch)


def place(acts, word):
    """First and last place of acts that begin with a word."""
    found = [number for number, one in enumerate(acts) if one.startswith(word)]
    return found[0], found[-1]


def test_everything_is_stopped_after_what_needs_it(world):
    world.stop()
    acts = world.rack.acts
    assert world.rack.on == set()
    order = [place(acts, word) for word in ("close", "stop", "units", "set", "off")]
    assert all(before[1] < after[0] for before, after in itertools.pairwise(order)), acts
    services = [one for one in acts if one.startswith("units")]
    assert [one.split()[2] for one in services[3:6]] == ["rabbitmq-server.service"] * 3
    assert [one.split()[1] for one in services[6:]] == ["node3", "node2", "node1"]
    assert acts.index("set noout") < acts.index("set pause")
    assert not any("haproxy" in one or "ceph-osd" in one for one in services)


def test_what_ran_runs_again_and_what_was_off_stays_off(world):
    before = copy.deepcopy(world.rack.state())
    world.stop()
    world.start()
    assert world.rack.state() == before
    assert record.read(world.ctx.state_dir) is None
    acts = world.rack.acts
    assert acts.index("unset pause") < acts.index("unset noout") < acts.index("start a")
    assert "start c" not in acts


def test_guests_of_the_same_name_are_told_apart(world, monkeypatch):
    plain = world.rack.stop_server

    def stuck(key):
        if key == "b":
            raise OSError("no")
        plain(key)

    monkeypatch.setattr(world.rack, "stop_server", stuck)
    with pytest.raises(AssertionError, match="guests: Result") as told:
        world.stop(**{step.GRACE: 0})
    assert "no" in str(told.value)
    assert {one.id for one in record.read(world.ctx.state_dir).guests} == {"a", "b"}
    assert world.rack.on == set(NODES)


def test_flags_and_closed_hosts_of_others_are_left(world):
    world.rack.flags.add("noout")
    world.rack.closed.add("node2")
    before = copy.deepcopy(world.rack.state())
    world.stop()
    assert "pausewr" in world.rack.flags
    world.start()
    assert world.rack.state() == before


def test_a_guest_that_was_deleted_meanwhile_hinders_nobody(world):
    world.stop()
    del world.rack.guests["a"]
    world.start()
    assert world.rack.guests == {"b": "ACTIVE", "c": "SHUTOFF"}
    assert record.read(world.ctx.state_dir) is None


STEPS = 24
"""More than there are changes in a stop, and in a start."""


@pytest.mark.parametrize("at", range(STEPS))
@pytest.mark.parametrize("again", ["stop", "start"])
def test_killed_anywhere_in_stop(world, at, again):
    before = copy.deepcopy(world.rack.state())
    world.rack.kill_at = at
    try:
        world.stop()
    except Killed:
        if again == "stop":
            world.stop()
            assert world.rack.on == set()
    world.rack.kill_at = -1
    if record.read(world.ctx.state_dir) is not None:
        world.start()
    assert world.rack.state() == before


@pytest.mark.parametrize("at", range(STEPS))
def test_killed_anywhere_in_start(world, at):
    before = copy.deepcopy(world.rack.state())
    world.stop()
    world.rack.kill_at = len(world.rack.acts) + at
    try:
        world.start()
    except Killed:
        world.start()
    assert world.rack.state() == before


@pytest.mark.parametrize("status", ["PAUSED", "RESCUE", "VERIFY_RESIZE"])
def test_guests_that_would_lose_something_forbid_it_and_nothing_is_touched(world, status):
    world.rack.guests["p"] = status
    with pytest.raises(StageFailed, match=f"guest-p .p. is {status}"):
        world.stop()
    assert world.rack.acts == []
    assert record.read(world.ctx.state_dir) is None


def test_ceph_that_is_not_whole_forbids_it_unless_told_otherwise(world):
    world.rack.on.discard("node3")
    with pytest.raises(StageFailed, match="monitors out of the quorum: node3"):
        world.stop()
    assert world.rack.acts == []
    world.stop(**{step.ANYWAY: True})
    assert world.rack.on == set()


def test_flags_that_are_not_really_set_keep_the_power_on(world):
    world.rack.lies = True
    with pytest.raises(StageFailed, match="not set although it was ordered"):
        world.stop()
    assert world.rack.on == set(NODES)


def test_an_osd_that_does_not_come_back_holds_the_start_up_unless_told_otherwise(world, monkeypatch):
    from scs_rack.standstill import start

    world.stop()
    monkeypatch.setattr(start, "QUORUM", -1.0)
    monkeypatch.setattr(start.ceph, "silent_osds", lambda _tools: ["ceph-osd@0.service on node2 is failed"])
    with pytest.raises(StageFailed, match=r"ceph-osd@0.service on node2 is failed"):
        world.start()
    assert "pausewr" in world.rack.flags
    world.start(**{step.ANYWAY: True})
    assert world.rack.flags == {"sortbitwise"}


def test_without_an_api_guests_go_down_with_their_hosts_only_when_told_so(world):
    for units in world.rack.units.values():
        units.discard("keystone.service")
    with pytest.raises(StageFailed, match="API does not answer"):
        world.stop()
    world.stop(**{step.ANYWAY: True})
    assert world.rack.on == set()
