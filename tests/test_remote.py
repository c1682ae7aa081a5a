"""Commands over SSH, with a program in place of ssh(1) that notes how it was called."""

import os
import time
from pathlib import Path

import pytest

from scs_rack import ssh
from scs_rack.design import make_design
from scs_rack.engine.stage import Context
from scs_rack.errors import UsageError
from scs_rack.model.load import load_rack
from scs_rack.remote import SSH_FAILED, TIMED_OUT, run_many, run_one, ssh_command

REPOSITORY = Path(__file__).resolve().parents[1]
FAKE = """#!/bin/sh
for last; do :; done
case "$*" in
  *root@10.90.0.102*) echo "no route" >&2; exit 255 ;;
esac
eval "$last"
"""


@pytest.fixture
def ctx(tmp_path, monkeypatch):
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ssh").write_text(FAKE)
    (programs / "ssh").chmod(0o700)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    design = make_design(load_rack(REPOSITORY / "inventory/lab"))
    return Context(design, REPOSITORY / "inventory/lab", tmp_path / "state/lab", tmp_path / "run", {})


def test_each_host_gives_an_answer(ctx):
    answers = run_many(ctx, ["node1", "node2", "node3"], ["echo", "a  b"])
    assert (answers["node1"].code, answers["node1"].out) == (0, "a  b\n")
    assert answers["node3"].ok
    assert answers["node2"].unreachable
    assert answers["node2"].why == "no route"
    assert answers["node2"].code == SSH_FAILED


def test_hosts_are_asked_at_the_same_time(ctx):
    before = time.monotonic()
    run_many(ctx, ["node1", "node3", "leaf1", "leaf2"], ["sleep", "1"])
    assert time.monotonic() - before < 3.5


def test_arguments_reach_the_command_unchanged(ctx):
    assert run_one(ctx, "node1", ["printf", "%s|", "a'b", "$HOME", "*"]).out == "a'b|$HOME|*|"


def test_a_command_may_differ_by_host(ctx):
    answers = run_many(ctx, ["node1", "node3"], {"node1": ["echo", "one"], "node3": ["echo", "three"]})
    assert [answers[name].out for name in ("node1", "node3")] == ["one\n", "three\n"]


def test_a_command_that_takes_too_long_is_given_up(ctx):
    answer = run_one(ctx, "node1", ["sleep", "30"], timeout=0.5)
    assert (answer.code, answer.why) == (TIMED_OUT, "no answer within 0.5 s")
    assert answer.seconds < 5


def test_an_exit_code_is_passed_on(ctx):
    answer = run_one(ctx, "node1", ["sh", "-c", "echo oh no >&2; exit 7"])
    assert (answer.code, answer.why, answer.unreachable) == (7, "oh no", False)


def test_only_known_hosts_and_our_key_are_used(ctx):
    command = ssh_command(ctx, "node1")
    files = ssh.files(ctx.state_dir)
    assert command[command.index("-i") + 1] == str(files.key)
    assert f"UserKnownHostsFile={files.known_hosts}" in command
    assert "StrictHostKeyChecking=yes" in command
    assert "BatchMode=yes" in command
    assert command[-1] == "root@10.90.0.101"


def test_an_unknown_host_is_refused(ctx):
    with pytest.raises(UsageError, match="no server or switch node9"):
        run_one(ctx, "node9", ["true"])


def test_sockets_lie_in_the_state_where_their_paths_are_short_enough(ctx, tmp_path, monkeypatch):
    run_one(ctx, "node1", ["true"])
    assert not (ctx.state_dir / "ssh/mux").exists()
    monkeypatch.setattr("scs_rack.remote.LONGEST_FOLDER", 1000)
    run_one(ctx, "node1", ["true"])
    assert (ctx.state_dir / "ssh/mux").stat().st_mode & 0o777 == 0o700


def test_a_folder_for_sockets_that_others_can_write_is_refused(ctx, tmp_path):
    run_one(ctx, "node1", ["true"])
    (folder,) = tmp_path.glob("scs-rack-ssh-*")
    folder.chmod(0o777)
    with pytest.raises(UsageError, match="is not ours alone"):
        run_one(ctx, "node1", ["true"])


def test_the_key_is_made_once_and_is_private(tmp_path):
    files = ssh.ensure(tmp_path / "lab")
    first = files.key.read_bytes()
    assert ssh.ensure(tmp_path / "lab").key.read_bytes() == first
    assert files.key.stat().st_mode & 0o777 == 0o600
    assert files.public.read_text().startswith("ssh-ed25519 ")
