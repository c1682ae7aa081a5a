import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from engine_fakes import REPOSITORY, Fake, Notes, clean_environment, error, order, wait_for

from scs_rack import vault
from scs_rack.cli.order import exit_code
from scs_rack.engine import runs
from scs_rack.engine.bring_up import bring_up, check
from scs_rack.engine.journal import read
from scs_rack.engine.lock import hold
from scs_rack.engine.processes import marked, stop_marked
from scs_rack.errors import RackLocked
from scs_rack.results import Finding, Result

DRIVER = Path(__file__).with_name("driver.py")


def up(folder, stages, **more):
    notes = Notes()
    return bring_up(order(folder, stages, **more), lambda _run: notes), notes


def start(folder, scenario):
    """Start the driver and wait until its long stage is at work."""
    process = subprocess.Popen(
        [sys.executable, str(DRIVER), str(folder), scenario],
        cwd=REPOSITORY,
        env=clean_environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_for(lambda: list(folder.glob("began-*")), 60)
    return process


@pytest.fixture
def driver(tmp_path):
    started = []

    def begin(scenario):
        started.append(start(tmp_path, scenario))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()
    for folder in runs.folders(tmp_path / "state/lab"):
        stop_marked(str(folder), patience=0.5)


def test_a_run_leaves_plan_journal_and_results(tmp_path):
    run, _ = up(
        tmp_path,
        [
            Fake("a", work=lambda _: [Result("node1", "write", changed=True)]),
            Fake("b"),
            Fake("c", ("a", "b")),
        ],
    )
    assert run.state == "passed"
    assert exit_code(run) == 0
    assert json.loads((run.folder / "plan.json").read_text())["layers"] == [["a", "b"], ["c"]]
    results = json.loads((run.folder / "results.json").read_text())
    assert [(one["stage"], one["changed"]) for one in results["stages"]] == [("a", 1), ("b", 0), ("c", 0)]
    kinds = [entry.kind for entry in read(run.folder)]
    assert kinds[0] == "run-started"
    assert kinds[-1] == "run-ended"
    assert kinds.count("stage-ended") == 3


def test_a_failed_gate_fails_the_run_with_exit_code_1(tmp_path):
    run, _ = up(tmp_path, [Fake("a", observed=lambda _: [error()])])
    assert (run.state, exit_code(run)) == ("failed", 1)
    assert run.stages["a"].gate == [error()]


def test_only_unreachable_devices_give_exit_code_3(tmp_path):
    run, _ = up(tmp_path, [Fake("a", work=lambda _: [Result("node1", "x", error="unreachable: no route")])])
    assert exit_code(run) == 3


def test_run_folder_is_private(tmp_path):
    run, _ = up(tmp_path, [Fake("a")])
    assert stat.S_IMODE(run.folder.stat().st_mode) == 0o700


def test_secrets_are_in_no_file_of_the_run_folder(tmp_path):
    def leak(ctx):
        (word,) = [ctx.secrets["admin_password"]]
        yield Result("node1", f"step {word}", changed=True, diff=f"+password = {word}")
        yield Result("node1", "other", findings=(Finding("t", "warning", "w", word, ctx.secrets["bmc_node1"]),))
        raise ValueError(word)

    run, _ = up(tmp_path, [Fake("a", work=leak), Fake("b", observed=lambda ctx: [error(ctx.secrets["db_nova"])])])
    assert run.state == "failed"
    values = vault.load(tmp_path / "rack").values()
    files = [path for path in run.folder.rglob("*") if path.is_file()]
    found = [(path, value) for path in files for value in values if value.encode() in path.read_bytes()]
    assert found == []
    assert any("<secret admin_password>" in path.read_text(errors="replace") for path in files)


def test_the_second_run_applies_all_stages_again(tmp_path):
    stages = [Fake("a"), Fake("b", ("a",))]
    up(tmp_path, stages)
    run, _ = up(tmp_path, stages)
    assert [stage.state for stage in run.stages.values()] == ["passed", "passed"]
    assert [stage.applied for stage in stages] == [2, 2]


def test_after_a_failure_completed_stages_are_only_observed(tmp_path):
    done, broken = Fake("a"), Fake("b", ("a",), work=lambda _: [Result("n", "x", error="no")])
    up(tmp_path, [done, broken])
    run, _ = up(tmp_path, [done, broken])
    assert (run.stages["a"].state, done.applied, broken.applied) == ("verified", 1, 2)


def test_after_a_failure_converge_applies_everything(tmp_path):
    done, broken = Fake("a"), Fake("b", ("a",), work=lambda _: [Result("n", "x", error="no")])
    up(tmp_path, [done, broken])
    up(tmp_path, [done, broken], converge=True)
    assert done.applied == 2


def test_after_a_failure_a_changed_rack_file_applies_everything(tmp_path):
    done, broken = Fake("a"), Fake("b", ("a",), work=lambda _: [Result("n", "x", error="no")])
    up(tmp_path, [done, broken])
    with (tmp_path / "rack/rack.yml").open("a") as file:
        file.write("# a word\n")
    up(tmp_path, [done, broken])
    assert done.applied == 2


def test_a_held_rack_is_refused_and_nothing_is_begun(tmp_path):
    stage = Fake("a")
    with hold(tmp_path / "state/lab"), pytest.raises(RackLocked):
        up(tmp_path, [stage])
    assert stage.applied == 0
    assert runs.folders(tmp_path / "state/lab") == []


def test_check_asks_gates_and_needs_no_lock(tmp_path):
    stage = Fake("a", observed=lambda _: [error()])
    with hold(tmp_path / "state/lab"):
        run = check(order(tmp_path, [stage]), lambda _run: Notes())
    assert (run.purpose, run.state, stage.applied, stage.asked) == ("check", "failed", 0, 1)


def test_ctrl_c_stops_the_playbook_and_the_next_run_goes_on(tmp_path, driver):
    process = driver("play")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 130, output
    last = runs.latest(tmp_path / "state/lab")
    assert last.state == "interrupted"
    assert {name: stage.state for name, stage in last.stages.items()} == {
        "first": "passed",
        "long": "interrupted",
        "last": "waiting",
    }
    assert marked(str(last.folder)) == []
    assert list(Path(tempfile.gettempdir()).glob(f"{runs.scratch_prefix(last.folder)}*")) == []
    done = subprocess.run(
        [sys.executable, str(DRIVER), str(tmp_path), "quick"],
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ended first verified" in done.stdout
    assert "ended last passed" in done.stdout


def test_a_second_ctrl_c_ends_a_stage_that_does_not_listen(tmp_path, driver):
    process = driver("deaf")
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.5)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=15)
    assert process.returncode == 130
    assert runs.latest(tmp_path / "state/lab").stages["long"].state == "interrupted"


def test_after_kill_9_the_next_run_stops_what_was_left_and_goes_on(tmp_path, driver):
    process = driver("play")
    dead = runs.latest(tmp_path / "state/lab").folder
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert runs.record(dead).ended is None
    leftover = subprocess.Popen(["sleep", "300"], env={**os.environ, "SCS_RACK_RUN": str(dead)})
    done = subprocess.run(
        [sys.executable, str(DRIVER), str(tmp_path), "quick"],
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"note run {dead.name} died before its end" in done.stdout
    assert "still ran and were stopped" in done.stdout
    assert leftover.wait(5) == -signal.SIGTERM
    assert "ended first verified" in done.stdout
    assert runs.record(dead).state == "died"
    assert marked(str(dead)) == []
    assert list(dead.rglob("*-partial.json")) == []
    assert list(Path(tempfile.gettempdir()).glob(f"{runs.scratch_prefix(dead)}*")) == []


def test_processes_of_a_run_are_found_by_their_mark_and_ended(tmp_path):
    name = str(tmp_path / "a run")
    child = subprocess.Popen(["sleep", "300"], env={**os.environ, "SCS_RACK_RUN": name})
    stubborn = subprocess.Popen(
        ["sh", "-c", "trap '' TERM; : > \"$1\"; while :; do sleep 1; done", "sh", tmp_path / "deaf"],
        env={**os.environ, "SCS_RACK_RUN": name},
    )
    wait_for(lambda: (tmp_path / "deaf").exists() and len(marked(name)) >= 2)
    assert stop_marked(name, patience=1.0) >= 2
    assert child.wait(5) == -signal.SIGTERM
    assert stubborn.wait(5) == -signal.SIGKILL
    assert marked(name) == []
