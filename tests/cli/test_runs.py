"""The commands about runs, as a person calls them, on a rack of metal that nothing answers for."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from scs_rack import vault
from scs_rack.cli.main import main
from scs_rack.design import make_design
from scs_rack.engine import runs
from scs_rack.engine.bring_up import Order, bring_up
from scs_rack.engine.lock import hold
from scs_rack.model.load import load_rack
from scs_rack.paths import state_dir
from scs_rack.results import Change, Finding, Result

REPOSITORY = Path(__file__).resolve().parents[2]


class Fake:
    """A stage that does what its name says."""

    needs: tuple[str, ...] = ()
    summary = "a fake"

    def __init__(self, name):
        self.name = name

    def plan(self, ctx):
        return [Change(self.name, "node1", "write it", "+line")] if self.name == "changes" else []

    def apply(self, ctx):
        return [Result("node1", "write it", changed=self.name == "changes")]

    def gate(self, ctx):
        return [Finding("bad", "error", "node1", "good", "bad", "mend")] if self.name == "broken" else []


@pytest.fixture
def rack(tmp_path, monkeypatch):
    """A rack without `lab:`, so that no lab has to run."""
    for name in vault.PASSWORD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SCS_RACK_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "200")
    folder = tmp_path / "metal"
    folder.mkdir()
    text = (REPOSITORY / "inventory/lab/rack.yml").read_text()
    start = text.index("\nlab:\n") + 1
    end = text.index("\n\n", start)
    (folder / "rack.yml").write_text(text[:start] + text[end + 2 :])
    (folder / vault.PASSWORD_FILE).write_text("open sesame\n")
    design = make_design(load_rack(folder))
    for server in design.nodes:
        vault.store(folder, design, f"bmc_{server}", f"of-{server}-secret")
    return folder


@pytest.fixture
def stages(monkeypatch):
    def use(*names):
        monkeypatch.setattr("scs_rack.cli.order.stages", lambda _design: [Fake(name) for name in names])

    use("good")
    return use


def call(*arguments):
    return main([str(one) for one in arguments])


def test_up_ends_with_the_table_and_the_path_of_the_report(rack, stages, capsys):
    assert call("up", "-r", rack) == 0
    shown = capsys.readouterr().out
    assert "good" in shown
    assert "passed" in shown
    page = Path(shown.rsplit("report: ", 1)[1].strip())
    assert "gates passed: good only" in page.read_text()  # a part of the way is not called the whole


def test_up_fails_when_a_gate_does(rack, stages, capsys):
    stages("good", "broken")
    assert call("up", "-r", rack) == 1
    assert "bad at node1: expected good, saw bad → mend" in capsys.readouterr().out


def test_up_for_machines_prints_json_alone_on_standard_output(rack, stages, capsys):
    stages("changes")
    assert call("up", "-r", rack, "--json") == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["changed"] == 1
    assert "started" in shown.err


def test_a_held_rack_gives_exit_code_4_and_names_the_holder(rack, stages, capsys):
    with hold(state_dir("lab")):
        assert call("up", "-r", rack) == 4
    assert f"held by pid {os.getpid()} on" in capsys.readouterr().err


@pytest.mark.parametrize("option", [("--to", "nowhere"), ("--from", "nowhere"), ("--limit", "nowhere")])
def test_what_does_not_exist_gives_exit_code_2(rack, stages, capsys, option):
    assert call("up", "-r", rack, *option) == 2
    assert "nowhere" in capsys.readouterr().err


def test_plan_shows_changes_with_diffs_and_makes_none(rack, stages, capsys):
    stages("changes", "good")
    assert call("plan", "-r", rack) == 0
    shown = capsys.readouterr().out
    assert "node1: write it" in shown
    assert "+line" in shown
    assert "good: nothing to do" in shown
    assert not (state_dir("lab") / "ca").exists()


def test_plan_says_by_its_exit_code_whether_something_would_change(rack, stages, capsys):
    design = make_design(load_rack(rack))
    bring_up(Order(design, rack, state_dir("lab"), []), lambda _: None)  # makes secrets, keys, certificates
    assert call("plan", "-r", rack, "--detailed-exitcode") == 0
    stages("changes")
    assert call("plan", "-r", rack, "--detailed-exitcode") == 2
    assert call("plan", "-r", rack) == 0


def test_check_asks_only_the_gates_of_the_named_stages(rack, stages, capsys):
    stages("good", "broken", "changes")
    assert call("check", "-r", rack, "good", "changes", "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert [(one["stage"], one["steps"]) for one in data["stages"]] == [("good", 0), ("changes", 0)]
    assert call("check", "-r", rack) == 1


def test_status_before_during_and_after_a_run(rack, stages, capsys):
    assert call("status", "-r", rack) == 0
    assert "no run yet" in capsys.readouterr().out
    stages("broken")
    call("up", "-r", rack)
    capsys.readouterr()
    assert call("status", "-r", rack) == 1
    assert "failed" in capsys.readouterr().out
    with hold(state_dir("lab")):
        call("status", "-r", rack)
        assert f"held by pid {os.getpid()}" in capsys.readouterr().out


def test_status_tells_a_run_that_died(rack, stages, capsys):
    call("up", "-r", rack)
    journal = runs.latest(state_dir("lab")).folder / "journal.db"
    with sqlite3.connect(journal) as database:
        database.execute("DELETE FROM events WHERE kind = 'run-ended'")
    capsys.readouterr()
    assert call("status", "-r", rack) == 1
    assert "this run died before its end" in capsys.readouterr().out


def test_report_is_written_where_it_is_wanted(rack, stages, capsys, tmp_path):
    assert call("report", "-r", rack) == 2
    assert "no run of lab yet" in capsys.readouterr().err
    call("up", "-r", rack)
    assert call("report", "1", "-r", rack, "-o", tmp_path / "page.html") == 0
    assert (tmp_path / "page.html").is_file()
    assert call("report", "77", "-r", rack) == 2


def test_secrets_are_shown_only_where_they_may_go(rack, stages, capsys):
    assert call("secrets", "show", "bmc_node1", "-r", rack) == 2
    assert "not a terminal" in capsys.readouterr().err
    assert call("secrets", "show", "bmc_node1", "-r", rack, "--yes") == 0
    assert capsys.readouterr().out == "of-node1-secret\n"


def test_secrets_list_never_shows_a_value(rack, stages, capsys):
    assert call("secrets", "create", "-r", rack) == 0
    capsys.readouterr()
    assert call("secrets", "list", "-r", rack) == 0
    shown = capsys.readouterr().out
    assert "db_nova" in shown
    assert [value for value in vault.load(rack).values() if value in shown] == []


def test_a_rack_is_found_by_the_environment(rack, stages, monkeypatch, capsys):
    monkeypatch.setenv("SCS_RACK", str(rack))
    assert call("status") == 0


def test_progress_is_made_of_lines_where_the_output_is_a_file(rack, stages, capsys):
    call("up", "-r", rack)
    assert "good         started: a fake" in capsys.readouterr().out


def test_examples_end_the_help_of_every_command(capsys):
    for command in ("up", "plan", "status", "check", "report", "secrets list", "secrets show", "secrets set"):
        with pytest.raises(SystemExit):
            call(*command.split(), "--help")
        examples = capsys.readouterr().out.rsplit("examples:\n", 1)[1].strip().splitlines()
        assert len(examples) >= 2, command
        assert all("scs-rack" in line for line in examples)


def test_output_that_nobody_reads_on_is_no_fault(rack):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "scs_rack", "secrets", "list", "-r", rack],
        cwd=REPOSITORY,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")
