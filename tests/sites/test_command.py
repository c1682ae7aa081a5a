"""`scs-rack -s SITE`, as a person types it."""

import json
import subprocess
import sys

import pytest

from scs_rack.cli.main import main
from scs_rack.cli.site import Named, take
from scs_rack.engine.lock import hold
from scs_rack.paths import state_dir
from scs_rack.sites import begun

from .test_site_file import REPOSITORY, SITE, top

__all__ = ["top"]


def test_options_of_a_site_stand_before_the_command():
    assert take(["-s", "x", "--racks=a,b", "up", "--to", "base"]) == (Named("x", "a,b"), ["up", "--to", "base"])
    assert take(["--site=x", "plan"]) == (Named("x"), ["plan"])
    assert take(["up", "-r", "x"]) == (None, ["up", "-r", "x"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-s", "SITE", "drift"], "drift is not for a whole site"),
        (["-s", "SITE", "up", "-r", "x"], "-r and -s"),
        (["-s", "SITE", "up", "-rx"], "don't go together"),
        (["-s", "SITE", "--racks", "east,south", "up"], "site trial has no rack south"),
        (["-s", "SITE/nowhere", "up"], "there is no site file"),
        (["--racks", "east", "up"], "--racks belongs to a site"),
        (["-s"], "-s needs a value"),
    ],
)
def test_what_a_site_can_not_do_is_refused(top, capsys, words, said):
    assert main([word.replace("SITE", str(top)) for word in words]) == 2
    assert said in capsys.readouterr().err


def test_a_faulty_site_is_refused_with_all_faults_before_anything_is_begun(top, capsys):
    (top / "site.yml").write_text(SITE.replace("path: west", "path: nowhere").replace("name: trial", "name: T"))
    assert main(["-s", str(top), "up"]) == 2
    said = capsys.readouterr().err
    assert "site.yml:1: " in said
    assert "site.yml:7: " in said


@pytest.fixture
def call(top, monkeypatch):
    """Calls the product for a site of two racks whose manager is this machine, in a process of its own."""
    monkeypatch.setenv("SCS_RACK_STATE", str(top / "state"))
    local = SITE.rsplit("manager: ", 1)[0] + "manager: local\n"
    (top / "site.yml").write_text(local)

    def called(*words, code=0):
        command = [sys.executable, "-m", "scs_rack", "-s", str(top), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return called


def test_racks_are_asked_through_the_runner_and_one_that_is_held_is_not_disturbed(top, call):
    found = json.loads(call("status", "--json"))
    assert found["code"] == 0
    assert {rack: one["answer"]["run"] for rack, one in found["racks"].items()} == {"east": None, "west": None}
    with hold(state_dir("east")):  # the labs are not up, so west ends with 2
        racks = json.loads(call("up", "--to", "switches", "--json", code=2))["racks"]
    assert (racks["east"]["state"], racks["east"]["code"]) == ("held", 4)
    assert "the lab west is not up" in racks["west"]["why"]
    assert begun.read(state_dir("east")) is None
