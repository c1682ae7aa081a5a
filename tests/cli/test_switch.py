import json

import pytest

from scs_rack.cli import switch
from scs_rack.cli.main import main
from scs_rack.design import make_design
from scs_rack.engine.stage import Context
from scs_rack.model.load import load_rack
from scs_rack.sonic.generate import config_db
from scs_rack.sonic.plan import Plan
from scs_rack.sonic.tables import RowChange
from scs_rack.sonic.transport import SwitchUnreachable

RACK = "inventory/lab"


@pytest.fixture(autouse=True)
def at_home(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)


@pytest.fixture
def devices(monkeypatch, tmp_path):
    ctx = Context(make_design(load_rack(RACK)), tmp_path, tmp_path, tmp_path, {})
    monkeypatch.setattr(switch, "devices", lambda args: ctx)
    return ctx


def test_models(capsys):
    assert main(["switch", "models"]) == 0
    assert "lab-leaf-16" in capsys.readouterr().out
    assert main(["switch", "models", "--json"]) == 0
    assert {"lab-leaf-16", "lab-oob-24"} <= {one["model"] for one in json.loads(capsys.readouterr().out)}


def test_show(capsys):
    assert main(["switch", "show", "leaf1", "-r", RACK]) == 0
    assert json.loads(capsys.readouterr().out) == config_db(make_design(load_rack(RACK)), "leaf1")
    assert main(["switch", "show", "leaf1", "-r", RACK, "--frr"]) == 0
    assert "router bgp" in capsys.readouterr().out
    assert main(["switch", "show", "leaf9", "-r", RACK]) == 2
    assert "there are leaf1, leaf2, oob1" in capsys.readouterr().err


def test_validate(capsys, tmp_path):
    tables = config_db(make_design(load_rack(RACK)), "leaf1")
    file = tmp_path / "config_db.json"
    file.write_text(json.dumps(tables))
    assert main(["switch", "validate", str(file)]) == 0
    tables["PORT"]["Ethernet1"]["lanes"] = "1"
    file.write_text(json.dumps(tables))
    assert main(["switch", "validate", str(file)]) == 1
    assert "lane 1 is used by Ethernet0, Ethernet1" in capsys.readouterr().out
    file.write_text("[]")
    assert main(["switch", "validate", str(file)]) == 2


def test_diff(capsys, devices, monkeypatch):
    def plan(one):
        if one.name == "oob1":
            raise SwitchUnreachable("oob1: timed out")
        changes = [RowChange("VLAN", "Vlan7", {"vlanid": "7"}, None)] if one.name == "leaf1" else []
        return Plan(one.name, {}, {}, changes)

    monkeypatch.setattr(switch, "plan", plan)
    assert main(["switch", "diff", "-r", RACK]) == 3
    assert capsys.readouterr().out.splitlines() == [
        "leaf1: 0 rows added, 1 removed, 0 changed; disturbs: row",
        "  - VLAN|Vlan7 vlanid=7",
        "leaf2: as the rack file wants it",
        "oob1: timed out",
    ]
    assert main(["switch", "diff", "-r", RACK, "--json"]) == 3
    data = json.loads(capsys.readouterr().out)
    assert data["leaf1"]["changes"][0]["key"] == "Vlan7"
    assert data["oob1"] == {"error": "oob1: timed out"}
