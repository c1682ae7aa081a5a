"""Overlays: what they may add, what they may not contradict, and who owns which table."""

import shutil
from pathlib import Path

import pytest

from scs_rack.cli.main import main
from scs_rack.design import make_design
from scs_rack.model.load import load_rack
from scs_rack.sonic.generate import config_db, frr_file, generated
from scs_rack.sonic.overlay import OverlayConflict
from scs_rack.sonic.tables import Owner, compare, diff, owner, target

INVENTORY = Path(__file__).parents[2] / "inventory"
OVERLAY = """
CRM:
  Config: {polling_interval: 300}
VLAN:
  Vlan77: {vlanid: 77}
VLAN_MEMBER:
  Vlan77|Ethernet5: {tagging_mode: tagged}
PORT:
  Ethernet5: {tpid: "0x9100"}
FEATURE:
  lldp: {state: enabled}
STORM:
  Ethernet5|broadcast: {kbps: 10000}
BGP_GLOBALS:
  default: {graceful_restart_enable: on}
"""


@pytest.fixture
def rack(tmp_path):
    """Writes overlays beside a copy of the lab's rack file, and loads both."""
    shutil.copy(INVENTORY / "lab/rack.yml", tmp_path)

    def load(**overlays):
        (tmp_path / "switches").mkdir(exist_ok=True)
        for name, text in overlays.items():
            (tmp_path / "switches" / f"{name}.yml").write_text(text, encoding="utf-8")
        return make_design(load_rack(tmp_path))

    load.folder = tmp_path
    return load


def test_an_overlay_adds_tables_rows_and_fields(rack):
    design = rack(leaf1=OVERLAY)
    tables, bare = config_db(design, "leaf1"), generated(design, "leaf1")
    assert tables["CRM"] == {"Config": {"polling_interval": "300"}}
    assert tables["VLAN"] == {**bare["VLAN"], "Vlan77": {"vlanid": "77"}}
    assert tables["PORT"]["Ethernet5"] == {**bare["PORT"]["Ethernet5"], "tpid": "0x9100"}
    assert tables["BGP_GLOBALS"]["default"]["graceful_restart_enable"] == "on"
    assert config_db(design, "leaf2") == generated(design, "leaf2")


def test_an_overlay_may_repeat_but_not_contradict(rack):
    rack(leaf1="DEVICE_METADATA:\n  localhost:\n    hostname: leaf1\n")
    design = rack(leaf1="DEVICE_METADATA:\n  localhost:\n    hostname: other\n    type: ToRRouter\n")
    with pytest.raises(OverlayConflict) as caught:
        config_db(design, "leaf1")
    assert [(fault.line, fault.where, fault.value) for fault in caught.value.faults] == [
        (3, "DEVICE_METADATA.localhost.hostname", "other"),
        (4, "DEVICE_METADATA.localhost.type", "ToRRouter"),
    ]
    assert "the rack file makes this LeafRouter" in str(caught.value)


def test_validate_and_render_tell_of_conflicts(rack, capsys, tmp_path):
    rack(leaf1="VLAN:\n  Vlan100:\n    vlanid: 101\n", oob1="PORT:\n  Ethernet0: {speed: 40000}\n")
    assert main(["validate", "-r", str(rack.folder)]) == 2
    said = capsys.readouterr().out
    assert "leaf1.yml:3: VLAN.Vlan100.vlanid: the rack file makes this 100 (101)" in said
    assert "oob1.yml:2: PORT.Ethernet0.speed: the rack file makes this 1000 (40000)" in said
    assert "2 faults" in said
    assert main(["render", "-r", str(rack.folder), "-o", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()


def test_what_is_left_out_of_an_overlay_goes_where_the_overlay_owns_the_table(rack):
    design = rack(leaf1=OVERLAY)
    running = target({}, config_db(design, "leaf1"))
    running["FEATURE"]["bgp"] = {"state": "enabled"}
    running["STORM"]["Ethernet6|broadcast"] = {"kbps": "1"}
    running["SFLOW"] = {"global": {"admin_state": "up"}}
    running["VLAN"]["Vlan78"] = {"vlanid": "78"}
    goal = target(running, config_db(design, "leaf1"))
    assert diff(compare(running, goal)).splitlines() == [
        "- STORM|Ethernet6|broadcast kbps=1",
        "- VLAN|Vlan78 vlanid=78",
    ]


def test_routing_where_it_is_a_file(rack):
    file, old = rack.folder / "rack.yml", "role: oob, unit: 12, release: "
    file.write_text(file.read_text(encoding="utf-8").replace(f'{old}"202505"', f'{old}"202411"'), encoding="utf-8")
    design = rack(oob1="BGP_GLOBALS:\n  default: {local_asn: 1}\n")
    with pytest.raises(OverlayConflict, match="routing is not in CONFIG_DB"):
        config_db(design, "oob1")
    (rack.folder / "switches/oob1.yml").unlink()
    (rack.folder / "switches/oob1.frr.conf").write_text("ip route 192.0.2.0/24 blackhole\n", encoding="utf-8")
    (rack.folder / "switches/leaf1.frr.conf").write_text("ip route 192.0.2.0/24 blackhole\n", encoding="utf-8")
    design = rack()
    assert frr_file(design, "oob1").endswith("ip route 192.0.2.0/24 blackhole\n")
    with pytest.raises(OverlayConflict, match="routing is in CONFIG_DB"):
        config_db(design, "leaf1")


def test_prefix_lists_would_break_202505(rack):
    with pytest.raises(OverlayConflict, match="breaks on this table"):
        config_db(rack(leaf1="PREFIX_SET:\n  X: {mode: IPv4}\n"), "leaf1")


def test_an_empty_table_is_emptied(rack):
    design = rack(leaf1="SFLOW: {}\n")
    goal = target({"SFLOW": {"global": {"admin_state": "up"}}}, config_db(design, "leaf1"))
    assert "SFLOW" not in goal


def test_each_table_has_one_owner(rack):
    design = rack(leaf1=OVERLAY)
    ours, overlay = generated(design, "leaf1"), design.rack.overlays["leaf1"].tables
    owners = {table: owner(table, ours, overlay) for table in ("VLAN", "VRF", "STORM", "FEATURE", "CRM", "SFLOW")}
    assert owners == {
        "VLAN": Owner.RACK,
        "VRF": Owner.RACK,
        "STORM": Owner.OVERLAY,
        "FEATURE": Owner.SHARED,
        "CRM": Owner.SHARED,
        "SFLOW": Owner.SWITCH,
    }
