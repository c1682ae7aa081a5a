"""The gate of stage base: what nodes say about themselves, judged."""

import json
import subprocess
from pathlib import Path

import pytest

from scs_rack.design import make_design
from scs_rack.engine.stage import Context
from scs_rack.model.load import load_rack
from scs_rack.remote import Answer
from scs_rack.stages import host_base

LAB = Path(__file__).parents[2] / "inventory/lab"


@pytest.fixture(scope="module")
def design():
    return make_design(load_rack(LAB / "rack.yml"))


@pytest.fixture
def ctx(design, tmp_path):
    return Context(design, LAB, tmp_path, tmp_path, {})


def healthy(node):
    peers = {f"br-up{number}": {"remoteAs": 1, "state": "Established"} for number in range(len(node.uplinks))}
    return {
        "time": 1000.0,
        "bgp": {"ipv4Unicast": {"peers": peers}, "ipv6Unicast": {"peers": dict(peers)}},
        "failed": [],
        "addresses": [
            {"ifname": "lo", "addr_info": [{"local": str(node.loopback4)}, {"local": str(node.loopback6)}]},
        ],
        "synchronized": False,
    }


@pytest.fixture
def said(design):
    return {name: healthy(node) for name, node in design.in_service.items()}


def judge(ctx, said):
    answers = {name: Answer(name, 0, json.dumps(words), "", 0.1) for name, words in said.items()}
    return [(found.type, found.severity, found.where) for found in host_base.node_findings(ctx, answers)]


def test_healthy_nodes(ctx, said):
    assert judge(ctx, said) == []


def test_a_session_that_is_down_in_one_family(ctx, said):
    said["node2"]["bgp"]["ipv6Unicast"]["peers"]["br-up1"] = {"state": "Active"}
    assert judge(ctx, said) == [("bgp-session-down", "error", "node2 br-up1")]


def test_frr_that_does_not_answer(ctx, said):
    said["node1"]["bgp"] = None
    assert [where for *_, where in judge(ctx, said)] == ["node1 br-up0", "node1 br-up1"]


def test_a_missing_loopback(ctx, said):
    said["node3"]["addresses"][0]["addr_info"].pop()
    assert judge(ctx, said) == [("loopback-missing", "error", "node3 lo")]


def test_failed_units_of_other_stages_are_warnings(ctx, said):
    said["node1"]["failed"] = [{"unit": "frr.service"}, {"unit": "nova-compute.service"}]
    assert judge(ctx, said) == [
        ("unit-failed", "error", "node1 frr.service"),
        ("unit-failed", "warning", "node1 nova-compute.service"),
    ]


def test_a_clock_that_is_off(ctx, said):
    said["node2"]["time"] = 1003.0
    assert judge(ctx, said) == [("clock-off", "error", "node2")]
    said["node2"]["time"] = 1000.9
    assert judge(ctx, said) == []


def test_silent_and_garbled_nodes(ctx, said):
    answers = {
        "node1": Answer("node1", 255, "", "ssh: connect to host: No route to host\n", 1.0),
        "node2": Answer("node2", 0, "{", "", 1.0),
        "node3": Answer("node3", 0, json.dumps(said["node3"]), "", 0.1),
    }
    found = host_base.node_findings(ctx, answers)
    assert [(one.type, one.where) for one in found] == [("node-unreachable", "node1"), ("node-unreachable", "node2")]
    assert found[0].seen == "ssh: connect to host: No route to host"


def test_the_gate_asks_no_more_of_silent_nodes(ctx, monkeypatch):
    def run_many(_ctx, hosts, _argv, **_):
        return {name: Answer(name, 255 if name == "node2" else 0, "", "no route", 1.0) for name in hosts}

    monkeypatch.setattr(host_base, "run_many", run_many)
    monkeypatch.setattr(host_base, "fabric_findings", lambda _: pytest.fail("asked the fabric"))
    assert [(one.type, one.where) for one in host_base.BaseStage().gate(ctx)] == [("node-unreachable", "node2")]


def test_the_probe_prints_json_even_where_tools_are_missing():
    seen = subprocess.run(
        ["/bin/sh", "-c", host_base.PROBE], capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}
    )
    said = json.loads(seen.stdout)
    assert set(said) == {"time", "bgp", "failed", "addresses", "synchronized"}
    assert said["time"] > 1_700_000_000
