from types import SimpleNamespace

from scs_rack.remote import Answer
from scs_rack.sonic.reach import loopbacks, ping_command, ping_findings
from scs_rack.sonic.verify import Session, fabric_ports, host_ports, link_findings, parse_summary, session_findings

from .options import everything
from .racks import shipped

LAB = shipped("lab")


def summary(**states):
    peers = {port: {"remoteAs": asn, "state": state} for port, (asn, state) in states.items()}
    return {"ipv4Unicast": {"peers": peers}, "ipv6Unicast": {"peers": peers}}


def test_the_worst_family_counts():
    both = summary(Ethernet0=(65001, "Established"))
    both["ipv6Unicast"] = {"peers": {"Ethernet0": {"remoteAs": 65001, "state": "Active"}}}
    assert parse_summary(both) == {"Ethernet0": Session(65001, "Active")}
    assert parse_summary({}) == {}


def test_sessions_are_compared_with_the_cables():
    ports = host_ports(LAB, "leaf1")
    assert [use.port for use in ports] == ["Ethernet0", "Ethernet1", "Ethernet2", "Ethernet7"]
    seen = parse_summary(
        summary(
            Ethernet0=(LAB.nodes["node1"].asn, "Established"),
            Ethernet1=(LAB.nodes["node3"].asn, "Established"),
            Ethernet2=(0, "Idle"),
        )
    )
    found = {(finding.where, finding.type) for finding in session_findings(LAB, "leaf1", seen, ports)}
    assert found == {
        ("leaf1 Ethernet1", "bgp-wrong-peer"),
        ("leaf1 Ethernet2", "bgp-session-down"),
        ("leaf1 Ethernet7", "bgp-session-missing"),
    }


def test_fabric_ports_lead_to_switches():
    assert fabric_ports(LAB, "leaf1") == []
    assert {use.peer for use in fabric_ports(shipped("example"), "spine1")} <= set(shipped("example").switches)


def test_links_to_switches_and_manager_must_be_up():
    found = [finding.where for finding in link_findings(LAB, "leaf1", {"eth0", "Ethernet7"})]
    assert found == ["leaf1 Ethernet15"]


def test_pings_go_from_each_loopback_to_each_other():
    ctx = SimpleNamespace(design=LAB, selected=lambda _name: True)
    every = loopbacks(ctx)
    assert set(every) == {"node1", "node2", "node3", "leaf1", "leaf2", "manager"}
    script = ping_command(every["node1"], [every["node2"]])[2]
    assert f"try 10.91.0.1 {LAB.nodes['node2'].loopback4} &" in script
    answers = {
        "node1": Answer("node1", 0, "10.91.0.2\n", "", 1.0),
        "node2": Answer("node2", 255, "", "no route to host", 1.0),
    }
    found = {(finding.type, finding.where): finding for finding in ping_findings(ctx, answers)}
    assert found["loopback-unreachable", "node1"].expected == "ping to 10.91.0.2 of node2"
    assert found["node-unreachable", "node2"].seen == "no route to host"


def test_a_server_that_the_limit_leaves_out_may_be_dark():
    ctx = SimpleNamespace(design=LAB, selected=lambda name: name == "node1")
    dark = f"{LAB.nodes['node2'].loopback4}\n{LAB.switches['leaf1'].loopback4}\n"
    found = ping_findings(ctx, {"node1": Answer("node1", 0, dark, "", 1.0)})
    assert [one.severity for one in found] == ["warning", "error"]


def test_the_session_over_a_lag_is_that_of_the_lag():
    design = everything("202505")
    asn = design.switches["spine1"].asn
    ports = [use for use in fabric_ports(design, "leaf1") if use.peer == "spine1"]
    assert {"Ethernet64", "Ethernet68"} <= {use.port for use in ports}
    seen = {"PortChannel7": Session(asn, "Established"), "Ethernet72": Session(asn, "Established")}
    assert list(session_findings(design, "leaf1", seen, ports)) == []
    lost = {finding.where for finding in session_findings(design, "leaf1", {}, ports)}
    assert {"leaf1 Ethernet64", "leaf1 Ethernet68"} <= lost
