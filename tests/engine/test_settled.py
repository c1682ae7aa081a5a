"""Servers in service: known by their host keys, guarded unless a run may restart."""

from pathlib import Path

import pytest

from scs_rack import ssh
from scs_rack.design import make_design
from scs_rack.engine import settled
from scs_rack.errors import UsageError
from scs_rack.model.load import load_rack
from scs_rack.results import Change


@pytest.fixture
def state(tmp_path):
    known = ssh.files(tmp_path).known_hosts
    known.parent.mkdir()
    known.write_text("node1,10.90.0.1 ssh-ed25519 AAAA1\nnode2,10.90.0.2 ssh-ed25519 AAAA2\n")
    return tmp_path


def test_servers_are_guarded_once_a_run_has_passed(state, monkeypatch):
    assert settled.guarded(state) == frozenset()
    settled.write(state, ["node1", "node2", "node3"])
    assert settled.guarded(state) == {"node1", "node2"}, "nobody knows node3's key"
    monkeypatch.setenv(settled.ALLOW, "restart")
    assert settled.guarded(state) == frozenset()
    assert settled.read(state) == {"node1", "node2"}


def test_a_server_that_was_made_anew_is_free(state):
    settled.write(state, ["node1", "node2"])
    known = ssh.files(state).known_hosts
    known.write_text(known.read_text().replace("AAAA2", "AAAA9"))
    assert settled.read(state) == {"node1"}


def test_a_server_that_was_taken_out_is_free(state):
    settled.write(state, ["node1", "node2"])
    settled.drop(state, "node2")
    settled.drop(state, "node9")
    assert settled.read(state) == {"node1"}


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_a_file_that_is_none_guards_nobody(state, text):
    (state / "settled.json").write_text(text)
    assert settled.read(state) == frozenset()


def test_restarts_are_read_from_a_plan():
    diff = "--- before\n+++ after\n@@ -0,0 +1,2 @@\n+start a.service\n+restart b.service"
    changes = [
        Change("cloud", "node1", "Run the services", diff),
        Change("cloud", "node4", "Run the services", diff),
        Change("cloud", "node1", "Write the configuration", "+restart always"),
    ]
    assert settled.restarts(changes, {"node1", "node2"}) == {"node1": ["b.service"]}


@pytest.fixture
def design(tmp_path):
    text = (Path(__file__).resolve().parents[2] / "inventory/lab/rack.yml").read_text()
    (tmp_path / "rack.yml").write_text(text.replace("state: spare", "state: active"))
    return make_design(load_rack(tmp_path / "rack.yml"))


def test_a_run_for_what_is_new_has_to_do_with_nothing_else(state, design):
    known = ssh.files(state).known_hosts
    known.write_text("".join(f"node{number} ssh-ed25519 AAAA{number}\n" for number in range(1, 5)))
    with pytest.raises(UsageError, match="no server is in service yet"):
        settled.newcomers(state, design)
    settled.write(state, ["node1", "node2", "node3"])
    assert settled.newcomers(state, design) == {"node4", "node1", "leaf1", "leaf2", "oob1"}
    settled.write(state, ["node1", "node2", "node4"])
    with pytest.raises(UsageError, match="node3 would be a controller"):
        settled.newcomers(state, design)
    settled.write(state, ["node1", "node2", "node3", "node4"])
    with pytest.raises(UsageError, match="all servers of the rack file are in service"):
        settled.newcomers(state, design)
