import io
import json
from pathlib import Path

import pytest

from scs_rack.cli import switch, switch_validate
from scs_rack.cli.main import main
from scs_rack.design import make_design
from scs_rack.engine.stage import Context
from scs_rack.model.load import load_rack
from scs_rack.sonic import plan
from scs_rack.sonic.transport import Switch
from tests.sonic.configs import base, pair
from tests.sonic.test_validity import FakeSwitch

RACK = "inventory/lab"


@pytest.fixture(autouse=True)
def at_home(monkeypatch, request, tmp_path):
    monkeypatch.chdir(request.config.rootpath)
    monkeypatch.setenv("SCS_RACK_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(switch_validate.FOLDER, raising=False)


@pytest.fixture
def write(tmp_path):
    def one(name, tables):
        path = tmp_path / name
        path.write_text(tables if isinstance(tables, str) else json.dumps(tables, indent=2))
        return str(path)

    return one


def run(capsys, *words):
    code = main(["switch", "validate", *words])
    return code, capsys.readouterr().out


def test_all_switches_of_a_rack(capsys):
    code, said = run(capsys, "-r", RACK)
    assert code == 0
    assert "leaf1 (202505): no fault found" in said
    assert "not judged by YANG: no models of 202505" in said


def test_faults_of_a_file_with_their_lines(capsys, write):
    tables = base()
    tables["PORT"]["Ethernet4"]["lanes"] = "1,6,7,8"
    del tables["PORT"]["Ethernet0"]["admin_status"]
    file = write("config_db.json", tables)
    line = next(n for n, text in enumerate(Path(file).read_text().splitlines(), start=1) if '"1,6,7,8"' in text)
    code, said = run(capsys, file)
    assert code == 1
    assert f"{file}: leaf1 (202505): 1 fault, 1 warning" in said
    assert f"  line {line}: PORT|Ethernet4.lanes: lane 1 is used by Ethernet0, Ethernet4 (each lane" in said
    assert "warning: PORT|Ethernet0.admin_status: is used and has no admin_status" in said


def test_files_of_a_fabric_are_judged_together(capsys, write):
    configs = pair()
    configs["leaf2"]["PORT"]["Ethernet0"]["mtu"] = "1500"
    code, said = run(capsys, *(write(f"{name}.json", tables) for name, tables in configs.items()))
    assert code == 1
    assert "leaf1 Ethernet0 and leaf2 Ethernet0 disagree on mtu: 9100 and 1500" in said


def test_every_file_is_told_and_one_that_is_none_weighs_most(capsys, write, tmp_path):
    tables = base()
    tables["VLAN"]["Vlan200"]["vlanid"] = "201"
    bad, none = write("bad.json", tables), write("none.json", '{\n"PORT": {]')
    code, said = run(capsys, bad, none, str(tmp_path / "absent.json"))
    assert code == 2
    assert "VLAN|Vlan200.vlanid: is not the VLAN 201" in said
    assert f"{none}:2: no JSON" in said
    assert "absent.json: No such file" in said


def test_a_key_that_stands_twice(capsys, write):
    file = write("x.json", '{"PORT": {"Ethernet0": {"lanes": "1"},\n"Ethernet0": {"lanes": "2"}}}')
    code, said = run(capsys, file)
    assert code == 1
    assert "line 2: PORT|Ethernet0: stands twice, in line 1 and in line 2" in said


def test_json_for_machines(capsys, write):
    tables = base()
    tables["PORT"]["Ethernet0"]["speed"] = "30000"
    code, said = run(capsys, write("x.json", tables), write("y.json", "["), "--json", "--release", "202411")
    good, bad = json.loads(said)
    assert code == 2
    assert (good["name"], good["release"], good["valid"], good["judged_by_yang"]) == ("leaf1", "202411", False, False)
    assert [(one["where"], one["line"] > 1, one["kind"]) for one in good["faults"]] == [
        ("PORT|Ethernet0.speed", True, "rule")
    ]
    assert not bad["valid"]
    assert "no JSON" in bad["error"]


def test_what_the_file_says_of_its_release(capsys, write):
    tables = {**base(), "VERSIONS": {"DATABASE": {"VERSION": "version_202411_01"}}}
    assert "leaf1 (202411)" in run(capsys, write("x.json", tables))[1]
    assert (
        "says that it is of 202411; judged as 202605" in run(capsys, write("x.json", tables), "--release", "202605")[1]
    )
    tables["VERSIONS"]["DATABASE"]["VERSION"] = "version_4_0_3"
    assert (
        "of an enterprise image (VERSION version_4_0_3); judged as community 202505"
        in run(capsys, write("x.json", tables))[1]
    )


def test_models_of_a_folder(capsys, write, monkeypatch):
    pytest.importorskip("oopt_gnpy_libyang")
    models = "tests/sonic/models"
    file = write(
        "x.json", {"DEMO_PORT": {"Demo1": {"speed": "7"}, "Demo2": {"foo": "x"}, "Demo3": {"foo": "x"}}, "Y": {}}
    )
    code, said = run(capsys, file, "--models", models)
    assert code == 1
    assert "DEMO_PORT|Demo1.speed: '7' is out of range (takes 10..100)" in said
    assert "DEMO_PORT|Demo2.foo: the models know no such field, and in 1 row more" in said
    assert "warning: Y: the models know no such table" in said
    monkeypatch.setenv(switch_validate.FOLDER, models)
    assert run(capsys, file)[1] == said
    tables = {"DEMO_PORT": {"Demo1": {"speed": "10"}}, "Y": {}}
    assert run(capsys, write("z.json", tables))[0] == 0
    assert run(capsys, write("z.json", tables), "--strict-tables")[0] == 1


def test_a_folder_without_models(capsys, write, tmp_path):
    assert main(["switch", "validate", write("x.json", {}), "--models", str(tmp_path / "none")]) == 2
    assert "no YANG models in" in capsys.readouterr().err


def test_a_release_without_models_in_the_folder_that_was_named(capsys, write, tmp_path):
    (tmp_path / "models/202411").mkdir(parents=True)
    (tmp_path / "models/202411/sonic-x.yang").write_text("module sonic-x { namespace urn:x; prefix x; }")
    assert main(["switch", "validate", write("x.json", base()), "--models", str(tmp_path / "models")]) == 2
    error = capsys.readouterr().err
    assert "no YANG models of 202505 in" in error
    assert "there are those of 202411" in error


def test_standard_input(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(base())))
    code, said = run(capsys, "-")
    assert code == 0
    assert "standard input: leaf1 (202505): no fault found" in said


def test_ports_of_a_model(capsys):
    assert main(["switch", "models", "accton-as7326-56x"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "is not read: no platform.json" in lines[2]
    (line,) = [line for line in lines if line.startswith("Ethernet48 ")]
    assert " ".join(line.split()) == "Ethernet48 hundredGigE49 49 77-80 100G,40G rs 4x25G[10G] 2x50G"
    assert main(["switch", "models", "accton"]) == 2
    assert "no switch model accton" in capsys.readouterr().err


def test_nothing_to_judge(capsys, monkeypatch):
    monkeypatch.delenv("SCS_RACK", raising=False)
    assert main(["switch", "validate"]) == 2
    assert "no rack named" in capsys.readouterr().err


def test_a_switch_gives_its_models_and_judges_by_a_dry_run(capsys, write, monkeypatch, tmp_path):
    pytest.importorskip("oopt_gnpy_libyang")
    ctx = Context(make_design(load_rack(RACK)), tmp_path, tmp_path, tmp_path, {})
    monkeypatch.setattr(switch, "devices", lambda args: ctx)
    monkeypatch.setattr(Switch, "ask", lambda self, command, **options: FakeSwitch(digest="none").ask(command))
    monkeypatch.setattr(plan, "dry_run", lambda switch, tables: [f"{switch.name}: I don't like it"])
    code, said = run(capsys, write("x.json", base()), "-r", RACK, "--on", "leaf1")
    assert code == 1
    assert "note: leaf1 gave no models" in said
    assert "leaf1: I don't like it" in said
    assert main(["switch", "validate", write("x.json", base()), "-r", RACK, "--on", "leaf9"]) == 2
    assert "there are leaf1, leaf2, oob1" in capsys.readouterr().err
