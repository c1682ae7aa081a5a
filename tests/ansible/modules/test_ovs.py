import json
import shutil
import subprocess
import time

import pytest

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


def port(name, *interfaces, **more):
    blank = {"bond_mode": None, "bond_updelay": None, "other_config": {}}
    return {"name": name, "interfaces": list(interfaces) or None, **blank, **more}


def bridge(name, *ports, datapath_type="netdev", **more):
    return {"name": name, "datapath_type": datapath_type, "ports": list(ports), "other_config": {}, **more}


def wanted(*bridges, external_ids=None, other_config=None):
    return {"bridges": list(bridges), "external_ids": external_ids or {}, "other_config": other_config or {}}


def seen_port(bridge_name, *interfaces, **more):
    blank = {"bond_mode": None, "bond_updelay": 0, "other_config": {}}
    return {"bridge": bridge_name, "interfaces": list(interfaces), **blank, **more}


def state(ports=None, bridges=(), **more):
    rows = {name: {"datapath_type": "netdev", "other_config": {}} for name in bridges}
    return {"external_ids": {}, "other_config": {}, "bridges": rows, "ports": ports or {}, **more}


@pytest.fixture
def ovs(plugin):
    return plugin("modules.ovs")


BOND = port("bond-ex", "ext0", "ext1", bond_mode="active-backup", bond_updelay=5000)


def test_an_empty_switch_gets_everything(ovs):
    assert ovs.plan(wanted(bridge("br-ex", BOND), external_ids={"a": 1}), state()) == [
        ["add-br", "br-ex"],
        ["set", "Bridge", "br-ex", "datapath_type=netdev"],
        ["add-bond", "br-ex", "bond-ex", "ext0", "ext1"],
        ["set", "Port", "bond-ex", "bond_mode=active-backup", "bond_updelay=5000"],
        ["set", "Open_vSwitch", ".", 'external_ids:"a"="1"'],
    ]


def test_what_is_there_is_left_alone(ovs):
    there = state(
        {"bond-ex": seen_port("br-ex", "ext0", "ext1", bond_mode="active-backup", bond_updelay=5000)},
        ["br-ex", "br-int"],
        external_ids={"a": "1", "others": "x"},
    )
    assert ovs.plan(wanted(bridge("br-ex", BOND), external_ids={"a": 1}), there) == []


@pytest.mark.parametrize(
    ("ports", "removed"),
    [
        ({"ext0": seen_port("br-ex", "ext0")}, ["ext0"]),
        ({"ext1": seen_port("br-other", "ext1")}, ["ext1"]),
        ({"bond-ex": seen_port("br-ex", "ext0", "ext2")}, ["bond-ex"]),
        ({"bond-ex": seen_port("br-other", "ext0", "ext1")}, ["bond-ex"]),
    ],
)
def test_interfaces_in_the_way_are_moved(ovs, ports, removed):
    commands = ovs.plan(wanted(bridge("br-ex", BOND)), state(ports, ["br-ex"]))
    assert commands[: len(removed) + 1] == [
        *(["del-port", name] for name in removed),
        ["add-bond", "br-ex", "bond-ex", "ext0", "ext1"],
    ]


def test_a_port_with_one_interface_is_no_bond(ovs):
    single = port("ext0", "ext0", bond_mode="active-backup", bond_updelay=5000)
    assert ovs.plan(wanted(bridge("br-ex", single)), state(bridges=["br-ex"])) == [["add-port", "br-ex", "ext0"]]


def test_booleans_are_written_as_open_vswitch_writes_them(ovs):
    config = {"userspace-tso-enable": True}
    assert ovs.plan(wanted(other_config=config), state(other_config={"userspace-tso-enable": "true"})) == []


def test_values_of_ovsdb(ovs):
    text = json.dumps(
        {
            "headings": ["m", "s", "one", "u"],
            "data": [[["map", [["k", "v"]]], ["set", [["uuid", "1"]]], "x", ["uuid", "2"]]],
        }
    )
    assert ovs.rows(text) == [{"m": {"k": "v"}, "s": ["1"], "one": "x", "u": "2"}]


def test_check_mode_before_open_vswitch_ever_ran(run, ovs, monkeypatch, tmp_path):
    monkeypatch.setattr(ovs, "SOCKET", tmp_path / "none")
    assert run("ovs", check=True, external_ids={"a": "b"})["changed"]


@pytest.fixture
def database(ovs, monkeypatch, tmp_path):
    """A real database server of Open vSwitch; no switch reads it."""
    for tool in ("ovsdb-tool", "ovsdb-server", "ovs-vsctl"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")
    file, socket = tmp_path / "conf.db", tmp_path / "db.sock"
    subprocess.run(["ovsdb-tool", "create", file, SCHEMA], check=True)
    server = subprocess.Popen(["ovsdb-server", file, f"--remote=punix:{socket}", f"--unixctl={tmp_path}/ctl"])
    deadline = time.monotonic() + 10
    while not socket.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    plain = ovs.vsctl
    monkeypatch.setattr(ovs, "SOCKET", socket)
    monkeypatch.setattr(ovs, "vsctl", lambda timeout, *args: plain(timeout, f"--db=unix:{socket}", "--no-wait", *args))
    yield
    server.terminate()
    server.wait()


def test_a_real_database_is_changed_once(run, database):
    arguments = {
        "bridges": [{"name": "br-ex", "datapath_type": "netdev", "ports": [{"name": "b", "interfaces": ["e0", "e1"]}]}],
        "external_ids": {"ovn-bridge-mappings": "physnet1:br-ex", "ovn-encap-ip": "fd00::1", "empty": ""},
    }
    assert run("ovs", check=True, **arguments)["changed"]
    assert run("ovs", **arguments)["changed"]
    again = run("ovs", **arguments)
    assert (again["changed"], again["commands"]) == (False, [])
