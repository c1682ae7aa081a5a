"""What a rack file makes of its switches is judged with it, and faults stand where they were written."""

import shutil
from pathlib import Path

import pytest

from scs_rack.cli.main import main
from scs_rack.design import make_design
from scs_rack.model.load import load_rack
from scs_rack.sonic.rack_faults import switch_faults

INVENTORY = Path(__file__).parents[2] / "inventory"


@pytest.fixture
def rack(tmp_path):
    shutil.copy(INVENTORY / "lab/rack.yml", tmp_path)
    (tmp_path / "switches").mkdir()
    return tmp_path


def test_shipped_racks_have_no_fault():
    for name in ("lab", "example", "fabric"):
        assert switch_faults(make_design(load_rack(INVENTORY / name)), INVENTORY / name / "rack.yml") == []


def test_a_fault_of_an_overlay_stands_at_its_line(rack, capsys):
    (rack / "switches/leaf1.yml").write_text("AAA:\n  authentication:\n    login: radius,local\n", encoding="utf-8")
    assert main(["validate", "-r", str(rack)]) == 2
    out = capsys.readouterr().out
    assert "/switches/leaf1.yml:3: AAA.authentication.login: radius has no server" in out
    assert "hint: add a row to RADIUS_SERVER" in out


def test_a_fault_between_switches_stands_at_one_of_them(rack):
    loopback = "STATIC_ROUTE:\n  default|192.0.2.0/24:\n    nexthop: 10.0.0.1,10.0.0.2\n    ifname: Ethernet0\n"
    (rack / "switches/leaf2.yml").write_text(loopback, encoding="utf-8")
    (fault,) = switch_faults(make_design(load_rack(rack)), rack / "rack.yml")
    assert (fault.line, fault.where) == (2, "STATIC_ROUTE.default|192.0.2.0/24")
    design = make_design(load_rack(rack))
    one = design.switches["leaf1"]
    design.switches["leaf2"].__dict__["loopback4"] = one.loopback4
    faults = switch_faults(design, rack / "rack.yml")
    assert {fault.where for fault in faults} >= {"switches.leaf2"}
    assert any("is used by leaf1, leaf2" in fault.message for fault in faults)
