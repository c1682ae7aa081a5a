from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_rack.model.portmap import (
    BadBreakout,
    UnknownSwitchModel,
    default_fec,
    load_portmap,
    parse_breakout,
    portmap_names,
)
from scs_rack.model.portmap_file import BadPortMap, read_portmap

MODELS = portmap_names()


FACTS = {
    "accton-as4630-54te": (54, "Ethernet0 26 thousandE1 1 1000", "Ethernet56 69-72 hundredGigE54 54 100000"),
    "accton-as5835-54x": (54, "Ethernet0 1 tenGigE1 1 10000", "Ethernet68 41-44 hundredGigE54 54 100000"),
    "accton-as7326-56x": (56, "Ethernet0 3 twentyfiveGigE1 1 25000", "Ethernet76 125-128 hundredGigE56 56 100000"),
    "accton-as7726-32x": (32, "Ethernet0 1-4 hundredGigE1 1 100000", "Ethernet124 125-128 hundredGigE32 32 100000"),
    "accton-as9716-32d": (
        32, "Ethernet0 73-80 fourHundredGigE1 0 400000", "Ethernet248 241-248 fourHundredGigE32 31 400000"
    ),
    "accton-as9726-32d": (
        32, "Ethernet1 73-80 fourHundredGigE1 1 400000", "Ethernet32 241-248 fourHundredGigE32 32 400000"
    ),
    "celestica-dx010": (32, "Ethernet0 65-68 Eth1 1 100000", "Ethernet124 125-128 Eth32 32 100000"),
    "dell-s5248f": (56, "Ethernet0 49 Eth1 1 25000", "Ethernet76 41-44 Eth56 56 100000"),
    "dell-z9332f": (34, "Ethernet0 33-40 etp1 1 400000", "Ethernet257 258 etp34 34 10000"),
    "facebook-wedge100": (32, "Ethernet0 117-120 Ethernet0 0 100000", "Ethernet124 105-108 Ethernet124 31 100000"),
    "mellanox-sn2700": (32, "Ethernet0 0-3 etp1 1 100000", "Ethernet124 124-127 etp32 32 100000"),
    "mellanox-sn3700": (32, "Ethernet0 0-3 etp1 1 200000", "Ethernet124 124-127 etp32 32 200000"),
    "mellanox-sn4600c": (64, "Ethernet0 0-3 etp1 1 100000", "Ethernet252 504-507 etp64 64 100000"),
    "lab-leaf-16": (16, "Ethernet0 1 twentyfiveGigE1 1 25000", "Ethernet15 16 twentyfiveGigE16 16 25000"),
    "lab-oob-24": (24, "Ethernet0 1 thousandE1 1 1000", "Ethernet23 24 thousandE24 24 1000"),
}  # fmt: skip
"""Number of ports, and the first and the last: name, lanes, alias, index, speed in Mb/s."""


def facts(port):
    lanes = f"{port.lanes[0]}-{port.lanes[-1]}" if len(port.lanes) > 1 else port.lanes[0]
    return f"{port.name} {lanes} {port.alias} {port.index} {port.speed}"


def test_every_model_has_a_line_of_facts():
    assert set(FACTS) == set(MODELS)


@pytest.mark.parametrize("model", MODELS)
def test_facts_of_the_first_and_the_last_port(model):
    ports = list(load_portmap(model).ports.values())
    assert (len(ports), facts(ports[0]), facts(ports[-1])) == FACTS[model]


@pytest.mark.parametrize("model", MODELS)
def test_lanes_aliases_and_cages_are_unique(model):
    ports = list(load_portmap(model).ports.values())
    lanes = [lane for port in ports for lane in port.lanes]
    assert len(lanes) == len(set(lanes))
    assert len({port.alias for port in ports}) == len(ports)
    assert [port.index for port in ports] == list(range(ports[0].index, ports[0].index + len(ports)))


@pytest.mark.parametrize("model", MODELS)
def test_names_leave_room_for_the_children_of_a_breakout(model):
    portmap = load_portmap(model)
    for name, port in portmap.ports.items():
        for mode in port.modes:
            ports = portmap.with_breakouts({name: mode})
            children = len(port.split(mode))
            assert len(ports) == len(portmap.ports) - 1 + children
            assert len({one.alias for one in ports.values()}) == len(ports)


@pytest.mark.parametrize("model", MODELS)
def test_modes_are_named_by_speed_and_alike_on_all_ports_of_a_speed(model):
    portmap = load_portmap(model)
    assert set(portmap.breakout_cfg({})) == (set(portmap.ports) if portmap.platform_json else set())
    for port in portmap.ports.values():
        assert port.speeds[0] == port.speed
        for breakout in (port.whole, *port.breakouts):
            assert parse_breakout(breakout.text) == breakout


@pytest.mark.parametrize("model", MODELS)
def test_every_breakout_splits_all_lanes(model):
    for port in load_portmap(model).ports.values():
        assert port.speed in port.speeds
        for mode in port.modes:
            children = port.split(mode)
            lanes = sum((child.lanes for child in children), ())
            assert lanes == port.lanes[: len(lanes)]
            assert len(lanes) in (len(port.lanes), 4)
            assert [child.subport for child in children] == (list(range(1, len(children) + 1)) if children[1:] else [0])
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


def test_modes_as_the_platform_spells_them():
    portmap = load_portmap("celestica-dx010")
    modes = portmap.breakout_cfg({"Ethernet4": "4x10G"})
    assert modes["Ethernet0"] == "1x100G[40G]"
    assert modes["Ethernet4"] == "4x25G[10G]"
    assert load_portmap("accton-as7726-32x").breakout_cfg({"Ethernet4": "4x10G"}) == {}


def test_a_mode_may_take_a_part_of_the_lanes():
    (port,) = load_portmap("dell-z9332f").ports["Ethernet8"].split("1x100G")
    assert (port.name, port.alias, port.lanes, port.subport) == ("Ethernet8", "etp2", (41, 42, 43, 44), 0)


def test_children_are_named_as_the_platform_does():
    ports = load_portmap("mellanox-sn3700").with_breakouts({"Ethernet0": "4x25G"})
    assert [ports[f"Ethernet{n}"].alias for n in range(4)] == ["etp1a", "etp1b", "etp1c", "etp1d"]


@pytest.mark.parametrize(
    ("speed", "lanes", "fec"),
    [(10_000, 1, "none"), (25_000, 1, "rs"), (50_000, 1, "rs"), (50_000, 2, "none"), (40_000, 4, "none"),
     (100_000, 4, "rs"), (100_000, 2, "rs"), (400_000, 8, "rs"), (100_000, None, "rs"), (1000, 1, "none")],
)  # fmt: skip
def test_error_correction_by_speed_and_lanes(speed, lanes, fec):
    assert default_fec(speed, lanes) == fec


GOOD = """
summary: a switch
sku: X
platform: x86_64-x-r0
vendor: X
units: 1
power_w: 1
ports: [{first: 0, cage: 1, alias: "Eth{cage}", speed: 10G, lanes: 9 1-4*2 20-21*2+8}]
"""


def test_cages_in_a_row(tmp_path):
    file = tmp_path / "x.yml"
    file.write_text(GOOD)
    ports = read_portmap(file).ports
    assert [port.lanes for port in ports.values()] == [(9,), (1, 2, 3, 4), (5, 6, 7, 8), (20, 21), (28, 29)]
    assert list(ports) == ["Ethernet0", "Ethernet1", "Ethernet5", "Ethernet9", "Ethernet11"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("units: 1", "unit: 1", "units: Field required; unit: Extra inputs"),
        ("9 1-4*2", "9 1..4", "1..4 is not a cage"),
        ("speed: 10G", "speed: fast", "not a speed"),
        ("lanes:", "breakouts: [four], lanes:", "four is not a breakout"),
        ("summary:", ": [", "x.yml"),
    ],
)
def test_faults_of_a_port_map_are_named(old, new, message, tmp_path):
    file = tmp_path / "x.yml"
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(BadPortMap) as caught:
        read_portmap(file)
    assert message in caught.value.message


def test_an_unknown_model_names_the_known_ones():
    with pytest.raises(UnknownSwitchModel) as caught:
        load_portmap("../rack")
    assert "lab-leaf-16" in caught.value.hint


@given(st.text(max_size=20))
def test_any_text_is_a_breakout_or_refused(text):
    with suppress(BadBreakout):
        assert parse_breakout(text).count >= 0
