from dataclasses import dataclass

import pytest

from scs_rack.results import Change, Result
from scs_rack.stages import ansible_stage
from scs_rack.stages.ansible_stage import AnsibleStage


@dataclass
class Stage(AnsibleStage):
    def gate(self, ctx):
        return []


STAGE = Stage("base", (), "a base", "base.yml")


@pytest.fixture
def answers(monkeypatch):
    """What the playbook says, and how it was called."""
    said, calls = [], []

    def run(ctx, playbook, **options):
        calls.append((playbook, options))
        return said

    monkeypatch.setattr(ansible_stage, "run_playbook", run)
    return said, calls


def test_what_comes_afterwards_waits_for_a_playbook_without_faults(answers, monkeypatch):
    said, _ = answers
    last = Result("node1", "something that a playbook can't do", changed=True)
    monkeypatch.setattr(Stage, "afterwards", lambda _self, _ctx: [last], raising=False)
    said.append(Result("node1", "frr : Write", changed=True))
    assert list(STAGE.apply(None)) == [*said, last]
    said.append(Result("node2", "frr : Write", error="disk full"))
    assert list(STAGE.apply(None)) == said


def test_a_plan_is_what_check_mode_would_change(answers):
    said, calls = answers
    said += [
        Result("node1", "frr : Write", changed=True, diff="+line"),
        Result("node1", "frr : Run FRR"),
        Result("manager", "choose Ansible's strategy"),
    ]
    assert list(STAGE.plan(None)) == [Change("base", "node1", "frr : Write", "+line")]
    assert calls == [("base.yml", {"check": True, "diff": True})]


def test_nodes_that_are_off_will_be_configured(answers):
    answers[0].append(Result("node2", "base : Write", error="unreachable: no route to host"))
    assert [change.summary for change in STAGE.plan(None)] == ["will be configured (does not answer yet)"]


def test_what_check_mode_can_not_tell_is_said(answers):
    answers[0].append(Result("node2", "ceph : Make pools", error="no such command"))
    (change,) = STAGE.plan(None)
    assert change.summary == "ceph : Make pools: can't be foreseen: no such command"


def test_apply_runs_the_same_playbook(answers):
    said, calls = answers
    said.append(Result("node1", "x", changed=True))
    assert list(STAGE.apply(None)) == said
    assert calls == [("base.yml", {})]
