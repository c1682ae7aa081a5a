from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_rack.model.portmap import BadBreakout, UnknownSwitchModel, load_portmap, parse_breakout, portmap_names

MODELS = portmap_names()


@pytest.mark.parametrize("model", MODELS)
def test_lanes_aliases_and_cages_are_unique(model):
    ports = load_portmap(model).ports.values()
    lanes = [lane for port in ports for lane in port.lanes]
    assert len(lanes) == len(set(lanes))
    assert len({port.alias for port in ports}) == len(ports)
    assert [port.index for port in ports] == list(range(1, len(ports) + 1))


@pytest.mark.parametrize("model", MODELS)
def test_names_leave_room_for_the_children_of_a_breakout(model):
    ports = list(load_portmap(model).ports.values())
    numbers = [int(port.name.removeprefix("Ethernet")) for port in ports]
    for number, port, following in zip(numbers, ports, numbers[1:], strict=False):
        assert following - number == len(port.lanes)


@pytest.mark.parametrize("model", MODELS)
def test_every_breakout_splits_all_lanes(model):
    for port in load_portmap(model).ports.values():
        assert port.speed in port.speeds
        for mode in port.modes:
            children = port.split(mode)
            assert sum((child.lanes for child in children), ()) == port.lanes
            assert [child.subport for child in children] == list(range(1, len(children) + 1))
            assert {child.index for child in children} == {port.index}


def test_lanes_of_the_as7326_are_not_in_the_order_of_its_cages():
    ports = load_portmap("accton-as7326-56x").ports
    assert [ports[f"Ethernet{n}"].lanes for n in range(4)] == [(3,), (2,), (4,), (8,)]
    assert ports["Ethernet76"].lanes == (125, 126, 127, 128)


def test_a_breakout_replaces_the_port_by_its_children():
    ports = load_portmap("accton-as7326-56x").with_breakouts({"Ethernet48": "4x10G"})
    child = ports["Ethernet50"]
    assert (child.lanes, child.alias, child.index) == ((79,), "hundredGigE49/3", 49)
    assert (child.speed, child.speeds, child.subport, child.parent) == (10000, (25000, 10000), 3, "Ethernet48")
    assert list(ports)[47:53] == ["Ethernet47", "Ethernet48", "Ethernet49", "Ethernet50", "Ethernet51", "Ethernet52"]


def test_two_children_take_two_lanes_each():
    ports = load_portmap("accton-as7726-32x").with_breakouts({"Ethernet4": "2x50G"})
    assert ports["Ethernet6"].lanes == (7, 8)
    assert "Ethernet5" not in ports


@pytest.mark.parametrize(
    ("breakouts", "message"),
    [
        ({"Ethernet0": "4x25G"}, "Ethernet0 can't be broken out as 4x25G"),
        ({"Ethernet48": "8x25G"}, "Ethernet48 can't be broken out as 8x25G"),
        ({"Ethernet76": "4x25G"}, "Ethernet76 can't be broken out as 4x25G"),
        ({"Ethernet49": "4x25G"}, "accton-as7326-56x has no port Ethernet49 to break out"),
        ({"Ethernet48": "four"}, "four is not a breakout"),
    ],
)
def test_impossible_breakouts_are_refused(breakouts, message):
    with pytest.raises(BadBreakout) as caught:
        load_portmap("accton-as7326-56x").with_breakouts(breakouts)
    assert caught.value.message == message


def test_an_unknown_model_names_the_known_ones():
    with pytest.raises(UnknownSwitchModel) as caught:
        load_portmap("../rack")
    assert "lab-leaf-16" in caught.value.hint


@given(st.text(max_size=20))
def test_any_text_is_a_breakout_or_refused(text):
    with suppress(BadBreakout):
        assert parse_breakout(text).count >= 0
