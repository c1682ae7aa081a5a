"""A switch in a namespace gives its YANG models over SSH, and is judged by them."""

import shutil

import pytest

from scs_rack import ssh
from scs_rack.design import make_design
from scs_rack.lab import netns
from scs_rack.model.load import load_rack
from scs_rack.sonic.plan import plan
from scs_rack.sonic.preflight import judge_of
from scs_rack.sonic.transport import Switch, on_all, switches
from scs_rack.sonic.yang.models import Models, take_from_switch

from .machines import Machines, missing, sh
from .test_fabric import RACK, REPOSITORY, answers, until

pytestmark = [pytest.mark.root, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

OWN = REPOSITORY / "tests/sonic/models"


@pytest.fixture
def leaf(tmp_path, monkeypatch):
    pytest.importorskip("oopt_gnpy_libyang")
    given = tmp_path / "given/202505"
    shutil.copytree(OWN, given)
    (given / "sonic-port.yang").write_text("module sonic-port { namespace urn:p; prefix p; }\n")
    monkeypatch.setenv("SCS_RACK_YANG_MODELS", str(given.parent))  # what the switch's image brings
    design = make_design(load_rack(RACK))
    state = tmp_path / "state" / design.rack.name
    key = ssh.ensure(state).public.read_text()
    machines = Machines(design, tmp_path / "machines")
    try:
        for name in ("leaf1", "manager"):
            machines.namespace(name)
        machines.cable(("leaf1", "eth0"), ("manager", "oob"))
        manager = f"{machines.prefix}manager"
        for line in (f"address add {design.manager.mgmt} dev oob", "link set oob up"):
            sh("ip", "-n", manager, *line.split())
        machines.boot_switch("leaf1", key)
        monkeypatch.delenv("SCS_RACK_YANG_MODELS")
        monkeypatch.setenv("SCS_RACK_CACHE", str(tmp_path / "cache"))
        ctx = machines.context(state)
        with netns.inside(manager):
            one = Switch(ctx, "leaf1")
            assert until(60, lambda: on_all([one], answers)["leaf1"] is True)
            yield one
    finally:
        machines.close()


def test_models_come_from_the_switch_and_judge_what_it_would_get(leaf):
    assert [one.name for one in switches(leaf.ctx)] == ["leaf1", "leaf2", "oob1"]
    assert Models().releases == ()
    judge = judge_of(leaf)
    assert Models().releases == ("202505",)
    sent = {path.name: path.read_bytes() for path in Models().path("202505").iterdir()}
    own = {path.name: path.read_bytes() for path in OWN.glob("*.yang")}
    assert own.items() <= sent.items()
    assert sent.keys() == own.keys() | {"sonic-port.yang"}
    assert take_from_switch(leaf.ask, "202505").parent == Models().folder
    assert [str(fault) for fault in judge.judge({"DEMO_PORT": {"Demo1": {"speed": "7"}}})] == [
        "DEMO_PORT|Demo1.speed: '7' is out of range"
    ]
    assert plan(leaf).changes  # none of SONiC's tables is known to these models, and that is no fault
