import threading
import time

from engine_fakes import Fake, Notes, context, error

from scs_rack.engine.execute import STILL, Execution
from scs_rack.errors import Unreachable
from scs_rack.results import Finding, Result


def ends(stages, ctx, notes=None, **more):
    return {end.stage.name: end for end in Execution(stages, ctx, notes or Notes(), **more).run()}


def test_independent_stages_run_side_by_side(tmp_path):
    meeting = threading.Barrier(2, timeout=5)  # breaks when one stage waits for the other

    def meet(_ctx):
        meeting.wait()
        return []

    found = ends([Fake("ceph", work=meet), Fake("platform", work=meet)], context(tmp_path))
    assert [end.state for end in found.values()] == ["passed", "passed"]


def test_a_stage_begins_after_those_that_it_needs(tmp_path):
    notes = Notes()
    ends([Fake("a"), Fake("b", ("a",)), Fake("c", ("b",))], context(tmp_path), notes)
    order = [event[:2] for event in notes.events if event[0] in {"started", "ended"}]
    assert order == [(what, name) for name in "abc" for what in ("started", "ended")]


def test_a_failed_step_fails_the_stage_and_blocks_what_needs_it_but_not_others(tmp_path):
    broken = Fake("a", work=lambda _: [Result("node1", "write", error="disk full")])
    late, other = Fake("b", ("a",)), Fake("c")
    found = ends([broken, late, Fake("d", ("b",)), other], context(tmp_path))
    assert {name: end.state for name, end in found.items()} == {
        "a": "failed",
        "b": "blocked",
        "c": "passed",
        "d": "blocked",
    }
    assert found["a"].reason == "node1: write"
    assert (broken.asked, late.applied, other.applied) == (0, 0, 1)


def test_a_gate_that_finds_an_error_fails_the_stage(tmp_path):
    found = ends([Fake("a", observed=lambda _: [error()])], context(tmp_path))
    assert found["a"].state == "failed"
    assert found["a"].reason == "gate: broken at node1"


def test_warnings_do_not_fail_a_gate(tmp_path):
    found = ends(
        [Fake("a", observed=lambda _: [Finding("slow", "warning", "n", "fast", "slow")])],
        context(tmp_path),
    )
    assert found["a"].state == "passed"


def test_a_gate_that_breaks_has_not_passed(tmp_path):
    def breaks(_ctx):
        yield Finding("fine", "info", "n", "x", "x")
        raise ZeroDivisionError("oh")

    found = ends([Fake("a", observed=breaks)], context(tmp_path))
    assert found["a"].state == "failed"
    assert found["a"].outcome.gate[0].seen == "ZeroDivisionError: oh"
    assert "ZeroDivisionError" in (tmp_path / "run/logs/a-gate.log").read_text()


def test_a_stage_that_raises_fails_with_its_own_message(tmp_path):
    def breaks(_ctx):
        raise Unreachable("node1 does not answer")

    assert ends([Fake("a", work=breaks)], context(tmp_path))["a"].reason == "node1 does not answer"


def test_results_are_heard_once_whether_emitted_or_returned(tmp_path):
    def work(ctx):
        first = Result("n", "emitted and returned")
        ctx.emit(first)
        return [first, Result("n", "only returned")]

    notes = Notes()
    found = ends([Fake("a", work=work)], context(tmp_path), notes)
    heard = [event[2] for event in notes.events if event[0] == "result"]
    assert heard == ["emitted and returned", "only returned"]
    assert len(found["a"].outcome.results) == 2


def test_results_of_a_generator_are_heard_as_they_come(tmp_path):
    notes, heard = Notes(), []

    def work(_ctx):
        yield Result("n", "one")
        heard.append([event for event in notes.events if event[0] == "result"])
        yield Result("n", "two")

    ends([Fake("a", work=work)], context(tmp_path), notes)
    assert heard == [[("result", "a", "one")]]


def test_a_stage_done_before_is_not_applied_when_its_gate_passes(tmp_path):
    stage = Fake("a")
    found = ends([stage, Fake("b", ("a",))], context(tmp_path), done=frozenset({"a"}))
    assert (found["a"].state, stage.applied, found["b"].state) == ("verified", 0, "passed")


def test_a_stage_done_before_is_applied_when_its_gate_fails_now(tmp_path):
    mended = []
    stage = Fake("a", work=lambda _: mended.append(1) or [], observed=lambda _: [] if mended else [error()])
    found = ends([stage], context(tmp_path), done=frozenset({"a"}))
    assert (found["a"].state, stage.applied, stage.asked) == ("passed", 1, 2)


def test_whether_a_finished_stage_is_so_still_is_asked_without_patience(tmp_path):
    waits = []
    stage = Fake("a", observed=lambda ctx: waits.append(ctx.wait_for(150.0)) or ([error()] if len(waits) == 1 else []))
    ends([stage], context(tmp_path), done=frozenset({"a"}))
    assert waits == [STILL, 150.0]


def test_asking_gates_applies_nothing_and_asks_all(tmp_path):
    stages = [Fake("a", observed=lambda _: [error()]), Fake("b", ("a",))]
    found = ends(stages, context(tmp_path), gates_only=True)
    assert [end.state for end in found.values()] == ["failed", "passed"]
    assert [stage.applied for stage in stages] == [0, 0]


def test_after_a_stop_nothing_new_begins(tmp_path):
    ctx = context(tmp_path)

    def stop(inner):
        inner.stop.requested.set()
        return []

    late = Fake("b", ("a",))
    found = ends([Fake("a", work=stop), late], ctx)
    assert (found["a"].state, "b" in found, late.applied) == ("interrupted", False, 0)


def test_a_stage_that_does_not_stop_is_given_up_after_the_second_request(tmp_path, monkeypatch):
    monkeypatch.setattr("scs_rack.engine.execute.GRACE", 0.3)
    ctx, never = context(tmp_path), threading.Event()

    def deaf(inner):
        inner.stop.requested.set()
        inner.stop.now.set()
        never.wait(20)
        return []

    before = time.monotonic()
    found = ends([Fake("a", work=deaf)], ctx)
    never.set()
    assert found["a"].state == "interrupted"
    assert time.monotonic() - before < 5


def test_a_stage_that_ends_its_thread_is_heard_of(tmp_path):
    def leave(_ctx):
        raise SystemExit(1)

    assert ends([Fake("a", work=leave)], context(tmp_path))["a"].state == "failed"
