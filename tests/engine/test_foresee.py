import json
import threading

import pytest
from engine_fakes import Fake, order

from scs_rack import vault
from scs_rack.engine.foresee import foresee
from scs_rack.errors import Interrupted, StageFailed, Unreachable
from scs_rack.results import Change


def snapshot(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and "runs" not in path.parts}


def test_a_plan_changes_nothing_and_says_what_would_be_made(tmp_path):
    stage = Fake("a", foreseen=lambda _: [Change("a", "node1", "write", "+line")])
    made = order(tmp_path, [stage])
    before = snapshot(tmp_path)
    forecast = foresee(made)
    assert snapshot(tmp_path) == before
    assert stage.applied == 0
    summaries = [change.summary for change in forecast.changes]
    names = vault.names(made.design)
    assert summaries[0] == f"generate {len(names)} secrets: {', '.join(names)}"
    assert "make the rack's certificate authority" in summaries
    assert summaries[-1] == "write"
    stored = json.loads((forecast.folder / "plan.json").read_text())
    assert stored["changes"][-1]["diff"] == "+line"


def test_layers_are_planned_in_order_and_their_stages_side_by_side(tmp_path):
    meeting = threading.Barrier(2, timeout=5)

    def meet(_ctx):
        meeting.wait()
        return []

    stages = [Fake("a", foreseen=meet), Fake("b", foreseen=meet), Fake("c", ("a", "b"))]
    forecast = foresee(order(tmp_path, stages))
    assert [[one.stage for one in layer] for layer in forecast.layers] == [["prepare"], ["a", "b"], ["c"]]
    assert forecast.errors == ()


def test_devices_that_do_not_answer_will_be_configured(tmp_path):
    def off(_ctx):
        raise Unreachable("node1 does not answer")

    forecast = foresee(order(tmp_path, [Fake("a", foreseen=off)]))
    assert forecast.changes[-1].summary == "will be configured (node1 does not answer)"
    assert forecast.errors == ()


def test_a_stage_that_can_not_be_planned_is_named_and_hides_no_other(tmp_path):
    def breaks(_ctx):
        raise StageFailed("no idea")

    stages = [Fake("a", foreseen=breaks), Fake("b", foreseen=lambda _: [Change("b", "n", "do")])]
    forecast = foresee(order(tmp_path, stages))
    assert [(one.stage, one.error) for one in forecast.errors] == [("a", "no idea")]
    assert forecast.changes[-1].stage == "b"


def test_a_plan_can_be_stopped(tmp_path):
    def stop(ctx):
        ctx.stop.requested.set()
        return []

    late = Fake("b", ("a",), foreseen=lambda _: pytest.fail("was asked"))
    with pytest.raises(Interrupted):
        foresee(order(tmp_path, [Fake("a", foreseen=stop), late]))


def test_placeholders_are_no_secrets(tmp_path):
    seen = {}

    def look(ctx):
        seen.update(ctx.secrets)
        return []

    foresee(order(tmp_path, [Fake("a", foreseen=look)]))
    assert seen["admin_password"] == "<admin_password, to be generated>"
