import copy
import time
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scs_rack.design import make_design
from scs_rack.design.inventory import inventory
from scs_rack.design.tables import addresses_csv, cables_csv
from scs_rack.errors import UsageError
from scs_rack.model.base import parse_speed
from scs_rack.model.fault import RackFaulty
from scs_rack.model.load import check_rack, load_rack, rack_file
from scs_rack.report.elevation import elevation
from scs_rack.sonic.generate import config_db

TOP = Path(__file__).parents[2]
BASE = TOP / "tests/errors/base.yml"
DATA = yaml.safe_load(BASE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("rack", ["lab", "example"])
def test_the_racks_that_we_ship_have_no_fault(rack):
    assert check_rack(TOP / "inventory" / rack)[1] == []


def test_the_example_is_of_the_size_that_it_says():
    rack = load_rack(TOP / "inventory/example")
    assert len(rack.servers) == 21
    assert len({server.model for server in rack.servers.values()}) == 5
    assert len(rack.switches) == 12
    assert len({switch.model for switch in rack.switches.values()}) == 4
    assert {rack.protocol(name) for name in rack.servers} == {"redfish", "ipmi"}
    assert {switch.role for switch in rack.switches.values()} == {"leaf", "spine", "oob"}


def test_the_example_is_checked_quickly():
    begin = time.process_time()
    check_rack(TOP / "inventory/example")
    assert time.process_time() - begin < 0.5


def test_a_folder_or_the_file_itself_may_be_named(tmp_path):
    assert rack_file(tmp_path) == tmp_path / "rack.yml"
    assert rack_file(tmp_path / "other.yml") == tmp_path / "other.yml"
    assert load_rack(TOP / "inventory/lab") == load_rack(TOP / "inventory/lab/rack.yml")


def test_the_error_carries_all_faults(tmp_path):
    (tmp_path / "rack.yml").write_text("name: x\nnetwork: 5\n", encoding="utf-8")
    with pytest.raises(RackFaulty) as caught:
        load_rack(tmp_path)
    assert isinstance(caught.value, UsageError)
    assert caught.value.exit_code == 2
    assert len(caught.value.faults) > 5
    assert "rack.yml:2: network: unknown key" in caught.value.message


def test_an_empty_value_is_not_stated(tmp_path):
    text = BASE.read_text(encoding="utf-8").replace("name: base", "name: 7")
    text = text.replace("cloud:\n  workers: 1\n", "cloud:\nimage:\n")
    (tmp_path / "rack.yml").write_text(text, encoding="utf-8")
    rack = load_rack(tmp_path)
    assert rack.name == "7"
    assert rack.cloud.workers == 2


@given(st.integers(min_value=1, max_value=800))
def test_speeds(number):
    assert parse_speed(f"{number}G") == parse_speed(f"{number}000M") == parse_speed(number * 1000) == number * 1000


@given(st.text(max_size=10) | st.integers() | st.none() | st.booleans() | st.floats())
def test_any_value_is_a_speed_or_refused(value):
    with suppress(ValueError):
        assert parse_speed(value) > 0


def _paths(data, above=()):
    yield above
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from _paths(value, (*above, key))


PATHS = [path for path in _paths(DATA) if path]
WORDS = [
    "node1",
    "leaf1:Ethernet5",
    "10.90.0.7",
    "10.90.0.0/16",
    "fd00::/64",
    "A",
    "on",
    "0",
    "7",
    "41",
    "300",
    "50000",
]
WORDS += [
    "25G",
    "storage",
    "control",
    "oob",
    "leaf",
    "external",
    "02:5c:05:00:01:00",
    "4210091003",
    "Ethernet48: 4x25G",
]
JUNK = st.recursive(
    st.sampled_from(WORDS) | st.text(max_size=4) | st.none(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=2),
    max_leaves=3,
)
CHANGES = st.lists(st.tuples(st.sampled_from(PATHS), st.just("delete") | JUNK), min_size=1, max_size=3)


def _changed(changes):
    data = copy.deepcopy(DATA)
    for path, value in changes:
        above = data
        try:
            for part in path[:-1]:
                above = above[part]
            if value == "delete":
                del above[path[-1]]
            else:
                above[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue
    return data


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CHANGES)
def test_a_spoiled_rack_is_refused_in_words_or_can_be_designed(tmp_path, changes):
    """No change makes the loader stumble, and a rack without faults never stops what follows."""
    path = tmp_path / "rack.yml"
    text = yaml.safe_dump(_changed(changes), sort_keys=False, width=1000)
    path.write_text(text, encoding="utf-8")
    rack, faults = check_rack(path)
    for fault in faults:
        assert fault.message
        assert 1 <= fault.line <= text.count("\n") + 1
    if not faults:
        _design(rack)


NUMBERS = st.integers(min_value=0, max_value=45).map(str)
SENSIBLE = [
    *(((section, name, "unit"), NUMBERS) for section in ("servers", "switches") for name in DATA[section]),
    *((("servers", name, "state"), st.just("spare")) for name in DATA["servers"]),
    *((("servers", name, "model"), st.just("large")) for name in DATA["servers"]),
    *((("servers", name, "asn"), st.integers(4210091000, 4210091014)) for name in DATA["servers"]),
    *((("servers", name, "address"), NUMBERS.map(lambda n: f"10.90.0.{n}")) for name in DATA["servers"]),
    *((("servers", name, "loopback4"), NUMBERS.map(lambda n: f"10.91.0.{n}")) for name in DATA["servers"]),
    *((("cables", n, 1), NUMBERS.map(lambda n: f"leaf1:Ethernet{n}")) for n in range(9, 12)),
    (("networks", "oob", "prefix"), st.integers(22, 28).map(lambda n: f"10.90.0.0/{n}")),
    (("networks", "public", "prefix"), st.integers(22, 30).map(lambda n: f"10.92.0.0/{n}")),
    (("networks", "public", "allocation"), st.none()),
    (("networks", "public", "gateway"), st.none() | NUMBERS.map(lambda n: f"10.92.0.{n}")),
    (("networks", "more"), st.just({"purpose": "external", "vlan": 7, "prefix": "10.7.0.0/26", "default": "false"})),
    (("pools", "loopback4"), st.integers(22, 29).map(lambda n: f"10.91.0.0/{n}")),
    (("pools", "loopback6"), st.integers(112, 128).map(lambda n: f"fd00::/{n}")),
    (("pools", "asn"), st.integers(4210091001, 4210091020).map(lambda n: f"4210091001-{n}")),
    (("power", "feeds", "A", "capacity_w"), st.integers(500, 2000)),
    (("switches", "leaf1", "breakouts"), st.sampled_from([{"Ethernet48": "4x25G"}, {"Ethernet52": "2x50G"}])),
    (("switches", "leaf1", "role"), st.just("spine")),
    (("switches", "leaf1", "release"), st.sampled_from(["202411", "202605"])),
    (("switches", "leaf2", "model"), st.sampled_from(["accton-as5835-54x", "accton-as7726-32x", "lab-oob-24"])),
    (("server_models", "small", "nics", "up0", "use"), st.sampled_from(["external", "unused"])),
    (("server_models", "small", "nics", "up0", "speed"), st.sampled_from(["10G", "100G", "1000M"])),
    (("manager", "nics", "up0"), st.just("uplink")),
    (("cloud", "api_address4"), st.sampled_from(["10.91.0.200", "10.99.0.1", "10.91.0.3"])),
    (("cloud", "ceph"), st.integers(1, 4).map(lambda n: {"replicas": n})),
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_rack_without_faults_never_stops_what_follows(tmp_path, data):
    chosen = data.draw(st.lists(st.sampled_from(SENSIBLE), min_size=1, max_size=2))
    changed = _changed([(path, data.draw(values)) for path, values in chosen])
    path = tmp_path / "rack.yml"
    path.write_text(yaml.safe_dump(changed, sort_keys=False, width=1000), encoding="utf-8")
    rack, faults = check_rack(path)
    if not faults:
        _design(rack)


def _design(rack):
    design = make_design(rack)
    assert inventory(design)["_meta"]["hostvars"]
    assert cables_csv(design)
    assert elevation(design)
    assert all(config_db(design, name) for name in design.switches)
    addresses = [line.split(",")[0] for line in addresses_csv(design).splitlines()]
    assert len(addresses) == len(set(addresses))
    devices = [*design.nodes.values(), *design.switches.values(), design.manager]
    assert len({device.asn for device in devices}) == len(devices)
