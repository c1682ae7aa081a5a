"""A switch that is imported comes out of the generator as it runs, or what differs is told."""

import copy
import json

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from scs_rack.cli.main import main
from scs_rack.errors import UsageError
from scs_rack.model.source import read_source
from scs_rack.sonic.generate import config_db
from scs_rack.sonic.importing.take import take
from tests.sonic.racks import INVENTORY, designs, shipped


def running(design):
    """CONFIG_DB of all switches, as they run after scs-rack configured them."""
    return {
        name: {**config_db(design, name), "VERSIONS": {"DATABASE": {"VERSION": f"version_{switch.release}_01"}}}
        for name, switch in design.switches.items()
    }


def texts(taken):
    return [change.text for one in taken.values() for change in one.differences]


@pytest.mark.parametrize("rack", ["lab", "fabric", "example"])
def test_what_we_configured_comes_back_as_it_was(rack):
    tables = running(shipped(rack))
    taken, cables = take(tables)
    assert texts(taken) == []
    assert all(f"{end}" for cable in cables for end in cable)
    for name in tables:
        alone, _ = take({name: tables[name]})
        assert texts(alone) == []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(designs())
def test_any_rack_comes_back_as_it_was(design):
    taken, _ = take(running(design))
    assert texts(taken) == []
    for name, switch in design.switches.items():
        assert taken[name].stanza["model"] == switch.model
        assert taken[name].stanza["role"] == switch.role


def test_in_its_own_rack_file_nothing_has_to_be_stated_twice():
    raw = read_source(INVENTORY / "lab/rack.yml").data
    taken, cables = take(running(shipped("lab")), raw)
    assert cables == []
    assert {name: (one.stanza.get("ports"), one.overlay) for name, one in taken.items()} == dict.fromkeys(
        ("leaf1", "leaf2", "oob1"), (None, {})
    )


def test_what_the_rack_file_can_not_say_goes_into_the_overlay():
    tables = running(shipped("lab"))
    tables["leaf1"]["MIRROR_SESSION"] = {"span1": {"type": "SPAN", "dst_port": "Ethernet5"}}
    tables["leaf1"]["VLAN"]["Vlan77"] = {"vlanid": "77", "description": "cameras"}
    tables["leaf1"]["PORT"]["Ethernet5"] |= {"admin_status": "up", "description": "a probe", "mtu": "1500"}
    taken, _ = take(tables)
    assert texts(taken) == []
    assert taken["leaf1"].overlay["MIRROR_SESSION"] == tables["leaf1"]["MIRROR_SESSION"]
    assert taken["leaf1"].overlay["VLAN"] == {"Vlan77": {"vlanid": "77", "description": "cameras"}}
    assert taken["leaf1"].stanza["ports"]["Ethernet5"] == {"description": "a probe", "mtu": 1500, "enabled": True}


def test_what_can_not_come_back_is_told():
    tables = running(shipped("lab"))
    tables["leaf1"]["PORT"]["Ethernet5"]["alias"] = "Eth6(Port6)"
    del tables["leaf1"]["BGP_PEER_GROUP"]["default|HOSTS"]["holdtime"]
    taken, _ = take(tables)
    assert len(texts(taken)) == 2
    assert "alias: Eth6(Port6) → " in texts(taken)[1]


def test_bgp_of_a_release_that_keeps_it_in_a_file_is_not_put_into_an_overlay():
    tables = running(shipped("lab"))["leaf1"]
    tables["VERSIONS"]["DATABASE"]["VERSION"] = "version_202411_01"
    taken, _ = take({"leaf1": tables})
    assert not {"BGP_NEIGHBOR", "BGP_GLOBALS"} & taken["leaf1"].overlay.keys()
    assert any("BGP_NEIGHBOR" in note for note in taken["leaf1"].notes)


def test_secrets_stay_on_the_switch():
    tables = running(shipped("lab"))
    tables["leaf1"]["SNMP_COMMUNITY"] = {"a-secret-word": {"TYPE": "RO"}}
    tables["leaf1"]["TACPLUS"] = {"global": {"passkey": "a-secret-word"}}
    taken, _ = take(tables)
    assert "a-secret-word" not in repr(taken)
    assert {"SNMP_COMMUNITY", "TACPLUS"} <= set(taken["leaf1"].left)


def test_a_model_that_nobody_knows_is_named():
    tables = copy.deepcopy(running(shipped("lab")))
    tables["leaf1"]["DEVICE_METADATA"]["localhost"]["hwsku"] = "Acme-1"
    with pytest.raises(UsageError, match="Acme-1"):
        take(tables)


def write(folder, tables):
    for name, one in tables.items():
        (folder / f"{name}.json").write_text(json.dumps(one))
    return [str(folder / f"{name}.json") for name in tables]


def test_the_command_writes_what_a_rack_file_takes(tmp_path, capsys):
    files = write(tmp_path, running(shipped("fabric")))
    assert main(["switch", "import", *files, "-o", str(tmp_path / "out")]) == 0
    part = yaml.safe_load((tmp_path / "out/imported.yml").read_text())
    assert set(part["switches"]) == set(shipped("fabric").switches)
    assert ["spine1:Ethernet0", "leaf1:Ethernet48"] in part["cables"] or part["cables"]
    assert "again gives the same tables" in capsys.readouterr().err
    assert main(["switch", "import", *files, "-o", str(tmp_path / "out")]) == 0  # nothing else stands there
    (tmp_path / "out/imported.yml").write_text("mine\n")
    assert main(["switch", "import", *files, "-o", str(tmp_path / "out")]) == 2
    assert (tmp_path / "out/imported.yml").read_text() == "mine\n"


def test_all_files_that_can_not_be_read_are_told(tmp_path, capsys):
    (tmp_path / "text").write_text("no json")
    (tmp_path / "list").write_text("[]")
    (tmp_path / "rows").write_text('{"DEVICE_METADATA": {"localhost": {}}, "PORT": []}')
    names = [str(tmp_path / name) for name in ("text", "list", "rows", "missing")]
    assert main(["switch", "import", *names]) == 2
    told = capsys.readouterr().err
    assert all(name in told for name in names)


def test_nothing_to_import_is_an_error(capsys):
    assert main(["switch", "import"]) == 2
    assert "name files" in capsys.readouterr().err
