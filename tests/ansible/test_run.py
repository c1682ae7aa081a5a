"""Real playbooks by ansible-runner, on hosts that are this machine."""

import json
import sys
from pathlib import Path

import pytest

from scs_rack.ansible import mitogen
from scs_rack.ansible.run import run_playbook
from scs_rack.design import make_design
from scs_rack.engine.stage import Context
from scs_rack.errors import UsageError
from scs_rack.model.load import load_rack
from scs_rack.prepare import prepare
from scs_rack.report.tally import cost

REPOSITORY = Path(__file__).resolve().parents[2]
HEAD = "- name: Test\n  hosts: {hosts}\n  gather_facts: false\n  tasks:\n"


@pytest.fixture
def heard():
    return []


@pytest.fixture
def ctx(tmp_path, monkeypatch, heard):
    monkeypatch.setenv("SCS_RACK_STATE", str(tmp_path / "state"))
    folder, run = tmp_path / "rack", tmp_path / "run"
    (folder / "group_vars").mkdir(parents=True)
    run.mkdir()
    (folder / "rack.yml").write_bytes((REPOSITORY / "inventory/lab/rack.yml").read_bytes())
    (folder / "group_vars/all.yml").write_text(
        f"ansible_connection: local\nansible_python_interpreter: {sys.executable}\n"
    )
    design, state = make_design(load_rack(folder)), tmp_path / "state/lab"
    return Context(design, folder, state, run, prepare(folder, state, design), emit=heard.append)


def play(ctx, tasks, hosts="servers", **more):
    path = ctx.run_dir / "test.yml"
    path.write_text(HEAD.format(hosts=hosts) + "".join(f"    {line}\n" for line in tasks.splitlines()))
    return run_playbook(ctx, str(path), **more)


WRITE = """- name: Write
  ansible.builtin.copy:
    content: "{{ node.name }} of {{ rack.name }}\\n"
    dest: %s/{{ node.name }}
    mode: "0600"
"""


def test_results_come_host_by_host_and_task_by_task(ctx, tmp_path, heard):
    results = play(ctx, WRITE % tmp_path)
    assert {(one.device, one.step, one.changed, one.error) for one in results} == {
        (name, "Write", True, None) for name in ("node1", "node2", "node3")
    }
    assert heard == results
    assert (tmp_path / "node2").read_text() == "node2 of lab\n"
    assert [one.changed for one in play(ctx, WRITE % tmp_path)] == [False] * 3


def test_check_mode_changes_nothing_and_gives_the_diff(ctx, tmp_path):
    results = play(ctx, WRITE % tmp_path, check=True, diff=True)
    assert "+node1 of lab" in next(one.diff for one in results if one.device == "node1")
    assert not (tmp_path / "node1").exists()


def test_a_failure_is_a_result_with_the_commands_own_words(ctx):
    tasks = (
        "- name: Break\n  ansible.builtin.command: sh -c 'echo no space >&2; exit 3'\n  when: node.name == 'node2'\n"
    )
    results = play(ctx, tasks)
    assert [(one.device, one.step) for one in results] == [("node2", "Break")]
    assert "no space" in results[0].error
    assert not results[0].changed


def test_what_is_rescued_or_ignored_is_no_failure(ctx):
    tasks = """- name: Try
  block:
    - name: Break
      ansible.builtin.command: "false"
  rescue:
    - name: Mend
      ansible.builtin.command: "true"
- name: Ignored
  ansible.builtin.command: "false"
  ignore_errors: true
"""
    assert [one.error for one in play(ctx, tasks, hosts="node1")] == [None] * 3


def test_no_log_hides_everything_but_that_it_changed(ctx):
    tasks = """- name: Hidden
  ansible.builtin.command: echo {{ secrets.admin_password }}
  no_log: true
- name: Hidden failure
  ansible.builtin.command: sh -c 'echo {{ secrets.admin_password }}; exit 1'
  no_log: true
"""
    hidden, failed = play(ctx, tasks, hosts="node1", diff=True)
    assert (hidden.changed, hidden.diff) == (True, "")
    assert failed.error == "hidden by no_log"


def test_secrets_that_a_task_prints_are_in_no_file_of_the_run(ctx):
    tasks = """- name: Careless
  ansible.builtin.command: echo {{ secrets.db_nova }} {{ secrets.bmc_node1 }}
- name: Careless failure
  ansible.builtin.command: sh -c 'echo {{ secrets.db_nova }} >&2; exit 1'
"""
    results = play(ctx, tasks, hosts="node1")
    assert "<secret db_nova>" in results[-1].error
    values = [value.encode() for value in ctx.secrets.values()]
    files = [path for path in ctx.run_dir.rglob("*") if path.is_file() and path.name != "test.yml"]
    assert len(files) > 3
    assert [path for path in files if any(value in path.read_bytes() for value in values)] == []


def test_limit_and_the_contexts_limit_choose_hosts(ctx, tmp_path):
    assert {one.device for one in play(ctx, WRITE % tmp_path, limit=["node1", "node3"])} == {"node1", "node3"}
    assert play(ctx, WRITE % tmp_path, limit=[]) == []


def test_unreachable_hosts_say_so(ctx):
    (ctx.rack_dir / "host_vars").mkdir()
    (ctx.rack_dir / "host_vars/node1.yml").write_text(
        "ansible_connection: ssh\nansible_host: 127.0.0.1\nansible_port: 1\n"
    )
    (result,) = play(ctx, "- name: Ping\n  ansible.builtin.ping:\n", hosts="node1")
    assert result.error.startswith("unreachable: ")


def test_a_playbook_that_can_not_start_is_one_failed_result(ctx):
    (result,) = play(ctx, "- name: Odd\n  no.such.module:\n", hosts="node1")
    assert result.device == "manager"
    assert "no.such.module" in result.error


def test_a_missing_playbook_is_refused(ctx):
    with pytest.raises(UsageError, match=r"no playbook .*nowhere\.yml"):
        run_playbook(ctx, "nowhere.yml")


def test_tasks_times_hosts_are_counted(ctx, tmp_path):
    tasks = WRITE % tmp_path + "- name: Skip\n  ansible.builtin.ping:\n  when: node.name == 'node1'\n"
    play(ctx, tasks)
    total = cost(ctx.run_dir)
    assert (total.tasks, total.task_hosts, total.by_role) == (2, 6, {"playbook": 6})
    assert {one.task for one in total.slowest} == {"Write", "Skip"}
    content = json.loads((ctx.run_dir / "ansible/test/profile.json").read_text())
    assert content["tally"]["changed"] == 3


def test_without_mitogen_the_run_says_so_and_works(ctx, tmp_path, monkeypatch):
    monkeypatch.setattr(mitogen, "NEEDED", (9, 0, 0))
    first, *others = play(ctx, WRITE % tmp_path)
    assert first.findings[0].type == "mitogen-not-used"
    assert "is older than 9.0.0" in first.findings[0].seen
    assert [one.changed for one in others] == [True] * 3


def test_our_environment_is_not_stored(ctx, tmp_path, monkeypatch):
    monkeypatch.setenv("OS_PASSWORD", "s3cret-of-the-operator")
    play(ctx, WRITE % tmp_path)
    files = [path for path in ctx.run_dir.rglob("*") if path.is_file()]
    assert [path for path in files if b"s3cret-of-the-operator" in path.read_bytes()] == []
