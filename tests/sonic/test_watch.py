"""What is looked at after a change: neighbours on the wire against the cable plan."""

from types import SimpleNamespace

import pytest

from scs_rack.sonic import watch
from scs_rack.sonic.watch import Before

from .racks import shipped


@pytest.fixture
def misplaced(monkeypatch):
    """Names of ports that have got a wrong neighbour; all ports are enabled but Ethernet1."""
    design = shipped("lab")
    switch = SimpleNamespace(name="leaf1", ctx=SimpleNamespace(design=design))
    plan = SimpleNamespace(goal={"PORT": {"Ethernet0": {"admin_status": "up"}, "Ethernet1": {"admin_status": "down"}}})

    def look(before, now):
        monkeypatch.setattr(watch, "heard", lambda _switch: {port: frozenset(names) for port, names in now.items()})
        seen = {port: frozenset(names) for port, names in before.items()}
        return [(one.where, one.seen) for one in watch._misplaced(switch, plan, Before({}, seen, {}))]

    return look


def test_what_the_plan_says_is_right_and_silence_may_be_a_device_that_is_off(misplaced):
    assert misplaced({}, {"Ethernet0": ["node1"]}) == []
    assert misplaced({}, {}) == []
    assert misplaced({}, {"Ethernet0": ["node1", "a guest of node1"]}) == []


def test_a_neighbour_that_is_not_planned_and_came_with_the_change_is_told(misplaced):
    assert misplaced({}, {"Ethernet0": ["node2"]}) == [("leaf1 Ethernet0", "node2 by LLDP")]
    assert misplaced({"Ethernet0": ["node1"]}, {"Ethernet0": ["node3"]}) == [("leaf1 Ethernet0", "node3 by LLDP")]


def test_one_that_stood_wrong_before_or_behind_a_closed_port_is_no_reason_to_go_back(misplaced):
    assert misplaced({"Ethernet0": ["node2"]}, {"Ethernet0": ["node2"]}) == []
    assert misplaced({}, {"Ethernet1": ["node4"]}) == []
    assert misplaced({}, {"Ethernet6": ["stranger"]}) == []  # nothing is planned there
