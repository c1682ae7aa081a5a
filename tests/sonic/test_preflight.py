"""What speaks against a configuration before it is sent: by the switch's own models, by our rules, by the fabric."""

import copy

import pytest

from scs_rack.engine.stage import Context
from scs_rack.sonic import preflight
from scs_rack.sonic.generate import config_db
from scs_rack.sonic.preflight import fabric_objections, judge_of, objections
from scs_rack.sonic.transport import Switch, SwitchRefused, SwitchUnreachable

from .configs import base
from .racks import shipped
from .test_validity import FakeSwitch
from .test_yang import MODELS

DEMO = {"DEMO_PORT": {"Demo1": {"speed": "10"}}}
WRONG = {"DEMO_PORT": {"Demo1": {"speed": "7"}}}


@pytest.fixture
def switch(tmp_path, monkeypatch):
    monkeypatch.setenv("SCS_RACK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(preflight, "_without", set())
    return Switch(Context(shipped("lab"), tmp_path, tmp_path, tmp_path, {}), "leaf1")


@pytest.fixture
def demo_models(monkeypatch):
    pytest.importorskip("oopt_gnpy_libyang")
    monkeypatch.setenv(preflight.MODELS_FOLDER, str(MODELS))


def test_the_models_are_those_of_the_switch(switch, monkeypatch):
    pytest.importorskip("oopt_gnpy_libyang")
    fake = FakeSwitch()
    monkeypatch.setattr(Switch, "ask", lambda self, command, **options: fake.ask(command))
    judge = judge_of(switch)
    assert "DEMO_PORT" in judge.schema.tables
    assert judge_of(switch) is judge
    assert len(fake.asked) == 2


def test_a_switch_without_models_is_asked_once(switch, monkeypatch):
    asked = []

    def ask(self, command, **options):
        asked.append(command)
        raise SwitchRefused("leaf1: cat: no such file")

    monkeypatch.setattr(Switch, "ask", ask)
    assert judge_of(switch) is None
    assert judge_of(switch) is None
    assert len(asked) == 1


def test_a_switch_that_does_not_answer_is_no_switch_without_models(switch, monkeypatch):
    def ask(self, command, **options):
        raise SwitchUnreachable("leaf1: no answer")

    monkeypatch.setattr(Switch, "ask", ask)
    with pytest.raises(SwitchUnreachable):
        judge_of(switch)


@pytest.mark.usefixtures("demo_models")
def test_what_the_models_object_to_is_told(switch):
    (fault,) = objections(switch, DEMO, WRONG, WRONG)
    assert str(fault) == "DEMO_PORT|Demo1.speed: '7' is out of range"
    assert objections(switch, {}, DEMO, DEMO) == []


@pytest.mark.usefixtures("demo_models")
def test_what_others_left_is_the_switch_s_to_refuse(switch):
    assert objections(switch, WRONG, WRONG, {}) == []
    assert len(objections(switch, WRONG, WRONG, WRONG)) == 1


def test_our_rules_always_have_their_say(switch, monkeypatch):
    monkeypatch.setattr(preflight, "judge_of", lambda switch: None)
    tables = base()
    tables["VLAN"]["Vlan200"]["vlanid"] = "201"
    del tables["PORT"]["Ethernet0"]["admin_status"]  # a warning is no objection
    assert [fault.where for fault in objections(switch, tables, tables, {})] == ["VLAN|Vlan200.vlanid"]


def test_a_fabric_whose_ends_would_disagree(switch):
    design = shipped("example")
    assert fabric_objections(design, {}) == []
    use = next(use for use in design.switches["leaf1"].ports.values() if use.use == "fabric")
    goal = copy.deepcopy(config_db(design, "leaf1"))
    goal["PORT"][use.port]["mtu"] = "1500"
    (found,) = fabric_objections(design, {"leaf1": goal})
    assert found.startswith(f"leaf1 PORT|{use.port}.mtu: ")
    assert "1500" in found
