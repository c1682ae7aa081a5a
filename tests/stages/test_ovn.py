"""What the gate says of OVN's clusters, northd and gateways."""

from types import SimpleNamespace

from scs_rack.remote import Answer
from scs_rack.stages import ovn

ADDRESSES = {"node1": "10.91.0.1", "node2": "10.91.0.2", "node3": "10.91.0.3"}
STATUS = """ab12
Name: OVN_Southbound
Cluster ID: f4d3 (f4d34f37-d003-4700-ba16-7051ea612c2e)
Address: ssl:10.91.0.{own}:6644
Status: cluster member
Role: {role}
Term: 2
Leader: {leader}
Vote: unknown

Connections: ->0000 ->dc09 <-db89 <-dc09
Servers:
"""
SELF = "    s{n} (s{n} at ssl:10.91.0.{n}:6644) (self)\n"
OTHER = "    s{n} (s{n} at ssl:10.91.0.{n}:6644) next_index=3 match_index=2 last msg {ms} ms ago\n"


def said(own, *others, role="follower", leader="s1", ms=200):
    text = STATUS.format(own=own, role=role, leader=leader) + SELF.format(n=own)
    return text + "".join(OTHER.format(n=n, ms=ms) for n in others)


def kinds(**texts):
    seen = {name: ovn.parse_cluster(text) for name, text in texts.items()}
    return sorted(one.type for one in ovn.cluster_findings("OVN_Southbound", seen, ADDRESSES))


GOOD = {"node1": said(1, 2, 3, role="leader", leader="self"), "node2": said(2, 1, 3), "node3": said(3, 1, 2)}


def test_a_complete_cluster_is_well():
    assert kinds(**GOOD) == []


def test_followers_need_not_hear_each_other():
    assert kinds(**GOOD | {"node2": said(2, 1, 3, ms=90_000)}) == []


def test_one_that_does_not_answer_or_joins_still():
    assert kinds(**GOOD | {"node3": "ovn-appctl: cannot connect"}) == ["ovn-not-member"]
    joining = GOOD["node3"].replace("cluster member", "joining cluster")
    assert kinds(**GOOD | {"node3": joining}) == ["ovn-not-member"]


def test_no_leader_and_two_leaders():
    lost = GOOD | {"node1": GOOD["node1"].replace("leader\n", "candidate\n").replace("self", "unknown")}
    assert "ovn-no-leader" in kinds(**lost)
    assert kinds(**GOOD | {"node2": said(2, 1, 3, role="leader", leader="self")}) == ["ovn-no-leader"]


def test_members_that_are_missing_away_or_no_controllers():
    assert kinds(**GOOD | {"node2": said(2, 1)}) == ["ovn-member-missing"]
    silent = said(1, 2, 3, role="leader", leader="self", ms=40_000)
    assert kinds(**GOOD | {"node1": silent}) == ["ovn-member-away", "ovn-member-away"]
    assert kinds(**GOOD | {"node2": said(2, 1, 3, 9)}) == ["ovn-member-unknown"]


def test_asked_of_some_controllers_only_there_need_be_no_leader_among_them():
    assert kinds(node2=GOOD["node2"]) == []


def test_northd():
    def found(*states):
        return [one.type for one in ovn.northd_findings(dict(zip(ADDRESSES, states, strict=False)), 3)]

    assert found("standby", "active", "standby") == []
    assert found("standby", "standby", "standby") == ["ovn-northd-active"]
    assert found("active", "active", "standby") == ["ovn-northd-active"]
    assert found("active", "cannot connect", "standby") == ["ovn-northd-down"]
    assert found("standby", "standby") == []


def test_gateways_stand_on_several_nodes_where_there_are_several():
    several = ["lrp-1_node1", "lrp-1_node2", "lrp-2_node3"]
    (finding,) = ovn.gateway_findings(several, ADDRESSES)
    assert (finding.type, finding.where) == ("ovn-gateway-single", "router port lrp-2")
    assert "node3 only" in finding.seen
    assert ovn.gateway_findings(["lrp-2_node3"], ["node3"]) == []
    assert ovn.gateway_findings([], ADDRESSES) == []


def test_asks_each_controller_once(monkeypatch):
    def output(name):
        gateways = '{"data": [["lrp-1_node1"], ["lrp-1_node2"]], "headings": ["name"]}'
        northd = "active" if name == "node2" else "standby"
        other = GOOD[name].replace("Southbound", "Northbound")
        return f"== nb\n{other}== sb\n{GOOD[name]}== northd\nStatus: {northd}\n== gateways\n{gateways}\n"

    def run_many(_ctx, hosts, _argv, timeout):
        return {name: Answer(name, 0, output(name), "", 0.1) for name in hosts}

    monkeypatch.setattr(ovn, "run_many", run_many)
    nodes = {name: SimpleNamespace(loopback4=one, external=["ext0"]) for name, one in ADDRESSES.items()}
    groups = {"controller": tuple(nodes), "network": tuple(nodes)}
    ctx = SimpleNamespace(design=SimpleNamespace(nodes=nodes, groups=groups), selected=lambda _name: True)
    assert ovn.ovn_cluster_findings(ctx) == []

    monkeypatch.setattr(ovn, "run_many", lambda *_a, **_k: {"node1": Answer("node1", 255, "", "no route", 0.1)})
    assert "controller-unreachable" in {one.type for one in ovn.ovn_cluster_findings(ctx)}
