"""What the gate of stage platform says of members and their ports."""

import json
from types import SimpleNamespace

import pytest

from scs_rack.remote import Answer
from scs_rack.stages import platform_members
from scs_rack.stages.platform_probe import TLS_PORTS, UNITS

NAMES = ["node1", "node2", "node3"]


def healthy():
    """What the probe says of a controller on which all is well."""
    return {
        "units": dict.fromkeys(UNITS, "active"),
        "galera": {
            "wsrep_cluster_size": "3",
            "wsrep_cluster_status": "Primary",
            "wsrep_local_state_comment": "Synced",
            "require_secure_transport": "1",
        },
        "etcd": {"health": {"health": "true"}, "members": NAMES},
        "ports": dict.fromkeys(TLS_PORTS, ""),
        "rabbitmq": {"running": [f"rabbit@{name}" for name in NAMES], "alarms": [], "partitions": []},
    }


def judged(seen):
    return list(platform_members.judge("node2", Answer("node2", 0, json.dumps(seen), "", 0.1), NAMES))


def test_all_is_well():
    assert judged(healthy()) == []


@pytest.mark.parametrize(
    ("part", "change", "kind", "text"),
    [
        ("units", {"keystone": "failed"}, "service-down", "failed"),
        ("galera", {"wsrep_cluster_size": "2"}, "galera-size", "2 members"),
        ("galera", {"wsrep_local_state_comment": "Joiner"}, "galera-member", "Joiner, Primary"),
        ("galera", {"wsrep_cluster_status": "non-Primary"}, "galera-member", "Synced, non-Primary"),
        ("galera", {"require_secure_transport": "0"}, "port-not-secured", "accepts them"),
        ("galera", {"error": "no socket"}, "galera-member", "no socket"),
        ("etcd", {"health": {"health": "false", "reason": "no leader"}}, "etcd-member", "no leader"),
        ("etcd", {"members": ["node1"]}, "etcd-size", "node1"),
        ("etcd", {"error": "refused"}, "etcd-member", "refused"),
        ("rabbitmq", {"running": ["rabbit@node1", "rabbit@node2"]}, "rabbitmq-size", "rabbit@node1, rabbit@node2"),
        ("rabbitmq", {"alarms": ["disk"]}, "rabbitmq-alarms", "disk"),
        ("rabbitmq", {"partitions": ["rabbit@node3"]}, "rabbitmq-partitions", "rabbit@node3"),
        ("rabbitmq", {"error": "no answer"}, "rabbitmq-member", "no answer"),
        ("ports", {"etcd": "port 2379: expired"}, "port-not-secured", "port 2379: expired"),
    ],
)
def test_each_fault_is_one_finding(part, change, kind, text):
    seen = healthy()
    seen[part] |= change
    (finding,) = judged(seen)
    assert finding.type == kind
    assert text in finding.seen
    assert finding.where.startswith("node2 ")


def test_controller_that_does_not_answer():
    (finding,) = platform_members.judge("node2", Answer("node2", 255, "", "no route", 0.1), NAMES)
    assert (finding.type, finding.seen) == ("controller-unreachable", "no route")


def test_one_controller_is_asked_for_the_members_of_rabbitmq(monkeypatch):
    asked = {}

    def run_many(_ctx, hosts, commands, timeout):
        asked.update(commands)
        return {name: Answer(name, 0, json.dumps(healthy()), "", 0.1) for name in hosts}

    monkeypatch.setattr(platform_members, "run_many", run_many)
    nodes = {name: SimpleNamespace(loopback4=f"10.0.0.{number}") for number, name in enumerate(NAMES)}
    design = SimpleNamespace(groups={"controller": NAMES}, nodes=nodes)
    ctx = SimpleNamespace(design=design, selected=lambda name: name != "node1", wait_for=lambda usual: usual)
    assert platform_members.member_findings(ctx) == []
    assert {name: command[-1] for name, command in asked.items()} == {"node2": "yes", "node3": "no"}


def test_members_that_come_late_are_waited_for(monkeypatch):
    looks = [["not yet"], ["not yet"], []]
    monkeypatch.setattr(platform_members, "look", lambda _: looks.pop(0))
    ctx = SimpleNamespace(wait_for=lambda usual: usual, stop=SimpleNamespace(wait=lambda _: False))
    assert platform_members.member_findings(ctx) == []
    assert looks == []
