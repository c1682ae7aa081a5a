"""Each rule across switches: an input that breaks it and no other, told at a switch and its row."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scs_rack.sonic.links import End, fabric_faults, stated_links
from scs_rack.sonic.validity import verdicts

from .configs import BASE, base, pair
from .test_rules import drop, put, row, several


def at(name, change):
    return lambda pair: change(pair[name])


def both(change):
    return lambda pair: [change(tables) for tables in pair.values()]


LINK = "leaf1 Ethernet0 and leaf2 Ethernet0"
CASES = {
    f"leaf1 PORT|Ethernet0.speed: {LINK} disagree on speed: 100000 and 40000": at(
        "leaf2", row("PORT", "Ethernet0", speed="40000")
    ),
    f"leaf1 PORT|Ethernet0.fec: {LINK} disagree on fec: rs and none": at("leaf2", drop("PORT", "Ethernet0", "fec")),
    f"leaf1 PORT|Ethernet0.mtu: {LINK} disagree on mtu: 1500 and 9100": at(
        "leaf1", row("PORT", "Ethernet0", mtu="1500")
    ),
    f"leaf1 PORT|Ethernet0.autoneg: {LINK} disagree on autoneg: on and off": at(
        "leaf1", row("PORT", "Ethernet0", autoneg="on")
    ),
    "leaf1 PORT|Ethernet0.admin_status: leaf1 Ethernet0 is up, and leaf2 Ethernet0 at its other end down": at(
        "leaf2", row("PORT", "Ethernet0", admin_status="down")
    ),
    "leaf1 PORTCHANNEL_MEMBER|PortChannel9|Ethernet16: leaf1 Ethernet16 is in PortChannel9, and "
    "leaf2 Ethernet16 at its "
    "other end in no LAG": at("leaf2", drop("PORTCHANNEL_MEMBER", "PortChannel9|Ethernet16")),
    "leaf1 VLAN_MEMBER|Vlan200|PortChannel9: both ends of a link treat Vlan200 differently: leaf1 Ethernet16: tagged, "
    "leaf2 Ethernet16: not in it": at("leaf1", row("VLAN_MEMBER", "Vlan200|PortChannel9", tagging_mode="tagged")),
    "leaf1 VLAN_MEMBER|Vlan100|PortChannel9.tagging_mode: untagged frames are Vlan100 at leaf1 "
    "Ethernet16 and Vlan200 at "
    "leaf2 Ethernet16": several(
        at("leaf1", row("VLAN_MEMBER", "Vlan100|PortChannel9", tagging_mode="untagged")),
        at("leaf2", row("VLAN_MEMBER", "Vlan200|PortChannel9", tagging_mode="untagged")),
    ),
    "leaf1 BGP_NEIGHBOR|default|Ethernet0: leaf1 Ethernet0 wants a BGP session, and leaf2 Ethernet0 at its other end "
    "none": at("leaf2", drop("BGP_NEIGHBOR", "default|Ethernet0")),
    "leaf1 BGP_NEIGHBOR|default|Ethernet0: leaf1 Ethernet0 and leaf2 Ethernet0 want an external BGP "
    "session, and both are "
    "AS 7": both(row("BGP_GLOBALS", "default", local_asn="7")),
    "leaf2 DEVICE_METADATA|localhost.hostname: hostname x is used by leaf1, leaf2": both(
        row("DEVICE_METADATA", "localhost", hostname="x")
    ),
    "leaf2 DEVICE_METADATA|localhost.mac: mac 02:00:00:00:00:01 is used by leaf1, leaf2": at(
        "leaf2", row("DEVICE_METADATA", "localhost", mac="02:00:00:00:00:01")
    ),
    "leaf2 BGP_GLOBALS|default.router_id: router_id 10.0.0.1 is used by leaf1, leaf2": at(
        "leaf2", row("BGP_GLOBALS", "default", router_id="10.0.0.1")
    ),
    "leaf2 LOOPBACK_INTERFACE|Loopback0|10.0.0.1/32: loopback 10.0.0.1 is used by leaf1, leaf2": at(
        "leaf2", row("LOOPBACK_INTERFACE", "Loopback0|10.0.0.1/32")
    ),
    "leaf2 LOOPBACK_INTERFACE|Loopback1|10.0.1.1/32: loopback 10.0.1.1 is used by leaf1, leaf2": both(
        lambda t: [t.pop(table) for table in ("MCLAG_DOMAIN", "MCLAG_INTERFACE", "MCLAG_UNIQUE_IP")]
    ),
    "leaf2 MGMT_INTERFACE|eth0|192.0.2.11/24: address 192.0.2.11 is used by leaf1, leaf2": at(
        "leaf2", row("MGMT_INTERFACE", "eth0|192.0.2.11/24")
    ),
    "leaf2 VLAN_INTERFACE|Vlan100|10.100.0.1/24: address 10.100.0.1 is used by leaf1, leaf2": at(
        "leaf2", row("VLAN_INTERFACE", "Vlan100|10.100.0.1/24")
    ),
    "leaf1 MCLAG_DOMAIN|1.keepalive_interval: leaf1 and leaf2 disagree on keepalive_interval: 2 and 1": at(
        "leaf1", row("MCLAG_DOMAIN", "1", keepalive_interval="2")
    ),
    "leaf1 MCLAG_DOMAIN|1: leaf1 calls the pair domain 1, and leaf2 domain 2": at(
        "leaf2", lambda t: t.update(MCLAG_DOMAIN={"2": t["MCLAG_DOMAIN"]["1"]}, MCLAG_INTERFACE={"2|PortChannel1": {}})
    ),
    "leaf1 MCLAG_INTERFACE|1|PortChannel1: PortChannel1 of leaf1 is not among the LAGs of the pair of leaf2": at(
        "leaf2", drop("MCLAG_INTERFACE", "1|PortChannel1")
    ),
    "leaf2 MCLAG_UNIQUE_IP|Vlan200: Vlan200 of leaf2 is not among the VLANs with two addresses of leaf1": at(
        "leaf2", row("MCLAG_UNIQUE_IP", "Vlan200", unique_ip="enable")
    ),
    "leaf1 VLAN_MEMBER|Vlan200|PortChannel1: PortChannel1 is in Vlan200 differently: leaf1: tagged, "
    "leaf2: not in it": at("leaf2", drop("VLAN_MEMBER", "Vlan200|PortChannel1")),
    "leaf1 PORTCHANNEL|PortChannel1.mtu: leaf1 and leaf2 disagree on its mtu: 9100 and 9000": at(
        "leaf2", row("PORTCHANNEL", "PortChannel1", mtu="9000")
    ),
    "leaf2 MCLAG_DOMAIN|1.peer_ip: its peer 10.100.0.1 is leaf1, which has no domain whose peer is 10.100.0.2": at(
        "leaf1", drop("MCLAG_DOMAIN", "1")
    ),
    "leaf1 EVPN_ETHERNET_SEGMENT|PortChannel1.esi: no other switch has this segment (00:01)": at(
        "leaf1", row("EVPN_ETHERNET_SEGMENT", "PortChannel1", esi="00:01")
    ),
}


def said(configs, links=None):
    return [f"{name} {fault}" for name, fault in fabric_faults(configs, links)]


def test_a_right_pair_breaks_no_rule():
    assert said(pair()) == []


@pytest.mark.parametrize("fault", list(CASES))
def test_an_input_breaks_its_rule_and_no_other(fault):
    configs = pair()
    CASES[fault](configs)
    found = said(configs)
    if "both are AS 7" in fault:  # then the number is also used twice
        assert found.pop() == "leaf2 BGP_GLOBALS|default.local_asn: local_asn 7 is used by leaf1, leaf2"
    assert found == [fault]


def test_both_of_a_pair_with_the_same_address():
    configs = pair()
    put(configs["leaf2"], "MCLAG_DOMAIN", "1", source_ip="10.100.0.1", peer_ip="10.100.0.2")
    assert "leaf1 MCLAG_DOMAIN|1.source_ip: leaf1 and leaf2 both have 10.100.0.1 as their own address" in said(configs)


def test_a_third_switch_in_a_pair():
    configs = pair()
    configs["leaf3"] = {"MCLAG_DOMAIN": {"1": configs["leaf1"]["MCLAG_DOMAIN"]["1"]}}
    assert said(configs)[-1] == "leaf3 MCLAG_DOMAIN|1: a pair has two switches, and here are leaf1, leaf2, leaf3"


def test_links_by_the_rack_file_come_before_what_switches_say():
    configs = pair()
    configs["leaf2"]["PORT"]["Ethernet4"]["mtu"] = "1500"
    assert said(configs) == []
    found = said(configs, [(End("leaf1", "Ethernet4"), End("leaf2", "Ethernet4"))])
    assert found[0].endswith("leaf1 Ethernet4 and leaf2 Ethernet4 disagree on mtu: 9100 and 1500")


def test_neighbours_that_contradict_each_other():
    configs = pair()
    configs["leaf1"]["DEVICE_NEIGHBOR"]["Ethernet0"]["port"] = "Eth5"
    links, faults = stated_links(configs)
    assert links == [(End("leaf1", "Ethernet16"), End("leaf2", "Ethernet16"))]
    assert [(name, fault.key) for name, fault in faults] == [("leaf1", "Ethernet0"), ("leaf2", "Ethernet0")]


RIGHT = {
    "an anycast gateway": both(
        several(
            row("VLAN", "Vlan200", mac="02:00:00:00:00:99"),
            row("VLAN_INTERFACE", "Vlan200"),
            row("VLAN_INTERFACE", "Vlan200|10.9.0.1/24"),
        )
    ),
    "a shared number of a system with a session inside": both(
        several(
            row("BGP_GLOBALS", "default", local_asn="7"), row("BGP_PEER_GROUP", "default|FABRIC", peer_type="internal")
        )
    ),
    "no FEC, said and not said": several(at("leaf1", row("PORT", "Ethernet16", fec="none"))),
    "copper that negotiates, and a plug that does it": several(
        both(row("PORT", "Ethernet0", speed="1000")), at("leaf1", row("PORT", "Ethernet0", autoneg="on"))
    ),
    "a session that stands in a file of FRR": at(
        "leaf2",
        several(
            row("DEVICE_METADATA", "localhost", docker_routing_config_mode="split-unified"),
            lambda t: t.pop("BGP_NEIGHBOR"),
        ),
    ),
    "a segment of two switches": both(row("EVPN_ETHERNET_SEGMENT", "PortChannel1", esi="00:01")),
    "a neighbour that is not here": at("leaf1", row("DEVICE_NEIGHBOR", "Ethernet4", name="spine9", port="Ethernet0")),
}


@pytest.mark.parametrize("what", RIGHT)
def test_what_is_right_is_not_told(what):
    configs = pair()
    RIGHT[what](configs)
    assert said(configs) == []


def test_one_switch_is_no_fabric():
    assert said({"leaf1": base()}) == []
    assert base() == BASE


FIELDS = sorted({field for rows in BASE.values() for row in rows.values() for field in row})
_VALUES = st.sampled_from(
    ["", "x", "1", "1|x", "AUTO", "leaf2", "Eth1", "10.100.0.1", ["a"], {"a": "b"}, None, 7, "²", "4x25G"]
)
_KEYS = st.sampled_from(
    ["", "|", "1|x", "default|", "default|Ethernet0", "Vlan100|PortChannel1", "x", "Ethernet0", "localhost"]
)
_CHANGES = st.tuples(st.sampled_from(["leaf1", "leaf2"]), st.sampled_from([*BASE, "EVPN_ETHERNET_SEGMENT"]), _KEYS)


@settings(max_examples=150, deadline=None)
@given(changes=st.lists(st.tuples(_CHANGES, st.dictionaries(st.sampled_from(FIELDS), _VALUES)), min_size=1, max_size=6))
def test_rules_bear_anything(changes):
    configs = pair()
    for (name, table, key), fields in changes:
        configs[name].setdefault(table, {}).setdefault(key, {}).update(fields)
    for found in verdicts(configs, dict.fromkeys(configs, "202505"), None).values():
        assert all(fault.message for fault in found.faults)
