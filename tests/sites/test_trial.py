"""Three lab racks as one site, over SSH to the manager of each; the tests follow each other."""

import os
import signal
from pathlib import Path

import pytest

from scs_rack.engine.journal import since

from .trial import RACKS, racks_of, until

pytestmark = pytest.mark.lab
UP = ("up", "--to", "switches")
EAST, WEST, NORTH = RACKS


def test_a_link_that_is_lost_in_the_middle_costs_the_rack_behind_it_only_our_knowledge(trial):
    process = trial.begin(*UP, "--json", out=(trial.top / "said").open("w"))
    assert until(lambda: f"{WEST}  switches: started" in (trial.top / "said").read_text())
    west = trial.begun(WEST)
    os.kill(west.child, signal.SIGSTOP)  # a long run: it is to be in the middle still when the link comes back
    trial.link(WEST, "down")
    assert process.wait(120) == 3
    found = racks_of((trial.top / "said").read_text())
    assert {rack: one["state"] for rack, one in found.items()} == {EAST: "passed", WEST: "unknown", NORTH: "passed"}
    assert found[WEST]["run"] == trial.runs(WEST)[0].name
    assert "in stage switches; its run goes on on its manager" in found[WEST]["why"]
    assert trial.begun(WEST).alive
    assert found[EAST]["changed"] > 0


def test_without_the_link_nothing_is_begun_there(trial):
    found = racks_of(trial.call("--racks", f"{EAST},{WEST}", "status", "--json", code=3))
    assert found[EAST]["answer"]["run"]["state"] == "passed"
    assert found[WEST]["state"] == "unreachable"


def test_the_next_up_follows_the_same_run_by_its_journal(trial):
    trial.link(WEST, "up")
    process = trial.begin(*UP, out=(trial.top / "said").open("w"))
    assert until(lambda: "following it" in (trial.top / "said").read_text())
    os.kill(trial.begun(WEST).child, signal.SIGCONT)
    assert process.wait(120) == 0, (trial.top / "said").read_text()
    said = (trial.top / "said").read_text()
    assert "3 of 3 racks passed" in said
    assert f"{WEST}  switches: started" in said  # told from the journal, though it happened before
    assert [run.state for run in trial.runs(WEST)] == ["passed"]
    assert len(trial.runs(EAST)) == 2


def test_a_run_that_is_killed_is_gone_on_with(trial):
    process = trial.begin("--racks", WEST, *UP, "--converge", out=(trial.top / "said").open("w"))
    assert until(lambda: len(trial.runs(WEST)) == 2)
    os.kill(trial.begun(WEST).child, signal.SIGKILL)
    assert process.wait(60) == 1, (trial.top / "said").read_text()
    assert "died" in (trial.top / "said").read_text()
    assert "died before its end; going on" in trial.call("--racks", WEST, *UP)
    assert [run.state for run in trial.runs(WEST)] == ["passed", "died", "passed"]


def test_ctrl_c_asks_the_runs_to_stop(trial):
    process = trial.begin(*UP, "--converge", out=(trial.top / "said").open("w"))
    assert until(lambda: all(trial.runs(rack)[-1].state == "running" for rack in RACKS))
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130, (trial.top / "said").read_text()
    assert {trial.runs(rack)[-1].state for rack in RACKS} <= {"interrupted", "passed"}
    assert "interrupted" in {trial.runs(rack)[-1].state for rack in RACKS}
    assert not any(trial.begun(rack).alive for rack in RACKS)


def test_what_was_changed_on_the_manager_is_not_undone(trial):
    there = trial.top / "there" / NORTH / "rack.yml"
    before, runs = there.read_text(), len(trial.runs(NORTH))
    there.write_text(before + "\n# by hand\n")
    found = racks_of(trial.call("--racks", NORTH, *UP, "--json", code=2))
    assert "changed on the manager" in found[NORTH]["why"]
    assert "rack.yml" in found[NORTH]["why"]
    assert there.read_text().endswith("# by hand\n")
    assert len(trial.runs(NORTH)) == runs
    there.write_text(before)


def test_another_host_key_is_another_machine(trial):
    trial.write(**{EAST: {"host_key": trial.keys[WEST]}})
    runs = len(trial.runs(EAST))
    found = racks_of(trial.call("--racks", EAST, *UP, "--json", code=3))
    assert "Host key verification failed" in found[EAST]["why"]
    assert len(trial.runs(EAST)) == runs
    trial.write()


def test_a_plan_of_all_racks_takes_the_new_files_and_changes_none(trial):
    file = trial.top / EAST / "rack.yml"
    file.write_text(file.read_text().replace("vlan: 100,", "vlan: 101,"))
    found = racks_of(trial.call("plan", "--to", "switches", "--no-diff", "--json"))
    layers = {rack: each["answer"]["layers"] for rack, each in found.items()}
    planned = {rack: [one for layer in layers[rack] for one in layer if one["changes"]] for rack in RACKS}
    assert planned[EAST]
    assert planned[NORTH] == []
    assert "vlan: 100," in (trial.top / "there" / EAST / "rack.yml").read_text()


def test_each_rack_has_a_journal_of_its_own_and_no_secret_came_here(trial):
    for rack in RACKS:
        assert since(trial.runs(rack)[0].folder, 0)
        assert (trial.top / "there" / rack / "secrets.yml").is_file()
        assert not (trial.top / rack / "secrets.yml").exists()
    assert not list(Path("/tmp").glob("scs-rack-look-*"))
