"""All layers together: nothing changed, nothing hidden, no verdict while a run works."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "engine"))

from engine_fakes import Fake, order

from scs_rack.cli.main import main
from scs_rack.drift import look
from scs_rack.drift.layers import Drift, Layer, exit_code, state
from scs_rack.engine import runs
from scs_rack.engine.journal import Journal
from scs_rack.engine.lock import hold
from scs_rack.errors import RackLocked, StageFailed, Unreachable, UsageError
from scs_rack.results import Change, Finding
from scs_rack.standstill import record


def raising(error):
    def foreseen(_ctx):
        raise error

    return foreseen


@pytest.fixture
def quiet(monkeypatch):
    """No layer of our own."""
    monkeypatch.setattr(look, "OWN", {})


def observed(tmp_path, stages, layers=look.LAYERS):
    return {layer.name: layer for layer in look.observe(order(tmp_path, stages), layers)}


def test_stages_plans_become_layers_in_the_order_of_the_list(tmp_path, quiet):
    stages = [
        Fake("cloud", foreseen=lambda _: []),
        Fake("base", foreseen=lambda _: [Change("base", "node1", "write", "+line")]),
        Fake("conformance", foreseen=lambda _: pytest.fail("has nothing that could drift")),
    ]
    found = observed(tmp_path, stages)
    assert list(found) == ["manager", "base", "cloud"]
    assert found["base"].drifts == [Drift("node1", "write", diff="+line")]
    assert found["cloud"].state == "same"
    assert all(stage.applied == 0 for stage in stages)


def test_what_can_not_be_seen_is_no_difference_and_not_the_same_either(tmp_path, quiet):
    stages = [
        Fake("base", foreseen=raising(Unreachable("node1 does not answer"))),
        Fake("ceph", foreseen=lambda _: [Change("ceph", "node2", "will be configured", unseen=True)]),
        Fake("platform", foreseen=raising(ValueError("what a bug says"))),
    ]
    found = observed(tmp_path, stages, ("base", "ceph", "platform"))
    assert [layer.state for layer in found.values()] == ["unknown"] * 3
    assert exit_code(found.values()) == 3


def test_what_a_stage_saw_and_can_not_mend_is_a_difference(tmp_path, quiet):
    stages = [Fake("resources", foreseen=raising(StageFailed("flavor x exists with 3 vCPU")))]
    found = observed(tmp_path, stages, ("resources",))
    assert found["resources"].drifts[0].what == "flavor x exists with 3 vCPU"
    assert exit_code(found.values()) == 1


def test_a_layer_that_breaks_hides_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(look, "OWN", {"bmc": raising(KeyError("x")), "packages": lambda _: Layer("packages")})
    found = observed(tmp_path, [], ("bmc", "packages"))
    assert found["bmc"].blind[0].why == "KeyError: 'x'"
    assert found["packages"].state == "same"


def test_nothing_is_written_but_logs_of_its_own(tmp_path, quiet):
    made = order(tmp_path, [Fake("base")])
    for _ in range(look.KEPT + 3):
        look.observe(made, ("base",))
    assert runs.folders(made.state_dir) == []
    assert len([one for one in (made.state_dir / look.FOLDER).iterdir() if one.is_dir()]) == look.KEPT
    assert sorted(one.name for one in made.rack_dir.iterdir()) == ["rack.yml"]


def test_a_rack_that_is_held_is_not_judged(tmp_path, quiet):
    made = order(tmp_path, [Fake("base", foreseen=lambda _: pytest.fail("was asked"))])
    with hold(made.state_dir), pytest.raises(RackLocked):
        look.observe(made, ("base",))


def begun(purpose):
    def begin(ctx):
        journal = Journal(runs.create(ctx.state_dir))
        journal.write("run-started", purpose=purpose, stages=[])
        journal.close()
        return []

    return begin


def test_a_run_in_the_middle_of_the_look_spoils_it(tmp_path, quiet):
    with pytest.raises(RackLocked):
        look.observe(order(tmp_path, [Fake("base", foreseen=begun("up"))]), ("base",))


def test_a_check_or_a_plan_in_the_middle_of_the_look_is_harmless(tmp_path, quiet):
    for number, purpose in enumerate(("check", "plan")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (layer,) = look.observe(order(folder, [Fake("base", foreseen=begun(purpose))]), ("base",))
        assert layer.state == "same"


def test_a_rack_that_stands_still_is_not_looked_at(tmp_path, quiet):
    made = order(tmp_path, [Fake("base", foreseen=lambda _: pytest.fail("was asked"))])
    record.begin(made.state_dir)
    with pytest.raises(UsageError, match="was stopped"):
        look.observe(made, ("base",))


def test_layers_are_chosen_by_name():
    assert look.chosen([]) == look.LAYERS
    assert look.chosen(["packages", "bmc"]) == ("bmc", "packages")
    with pytest.raises(UsageError, match="no layer bcm"):
        look.chosen(["bcm"])


def test_findings_for_information_are_no_differences():
    layer = Layer("bmc")
    layer.add([Finding("a", "info", "n", "x", "y"), Finding("b", "warning", "n", "x", "y")])
    assert [one.what for one in layer.drifts] == ["b"]
    assert state([Layer("a"), layer]) == "differs"
    assert exit_code([Layer("a")]) == 0


@pytest.fixture
def rack(tmp_path):
    folder = tmp_path / "rack"
    folder.mkdir()
    (folder / "rack.yml").write_bytes((Path(__file__).resolve().parents[2] / "inventory/lab/rack.yml").read_bytes())
    return str(folder)


def test_the_command_prints_what_machines_read_and_ends_with_a_code_that_tells(rack, monkeypatch, capsys, quiet):
    monkeypatch.setenv("SCS_RACK_STATE", str(Path(rack).parent / "state"))
    monkeypatch.setattr("scs_rack.cli.order.enter", lambda _design: None)
    stages = [Fake("base", foreseen=lambda _: [Change("base", "node1", "write", "+line")])]
    monkeypatch.setattr("scs_rack.cli.order.stages", lambda _design: stages)
    assert main(["drift", "-r", rack, "base", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["state"], said["layers"][0]["drifts"][0]["diff"]) == ("differs", "+line")
    assert main(["drift", "-r", rack, "base"]) == 1
    assert "node1: write" in capsys.readouterr().out
    assert main(["drift", "-r", rack, "bcm"]) == 2
    assert main(["drift", "-r", rack, "--to", "/nowhere"]) == 2


def test_the_timer_calls_the_command(rack, tmp_path, capsys):
    assert main(["drift", "-r", rack, "--timer", "install", "--to", str(tmp_path / "units")]) == 0
    service = (tmp_path / "units/scs-rack-drift-lab.service").read_text()
    assert f"scs_rack drift --no-diff -r {rack}\n" in service
    assert "SuccessExitStatus=4\n" in service
    assert "OnCalendar=daily" in (tmp_path / "units/scs-rack-drift-lab.timer").read_text()
    capsys.readouterr()
