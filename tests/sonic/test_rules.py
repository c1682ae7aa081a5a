"""Each rule of ours: an input that breaks it and no other, what is said, and where."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scs_rack.sonic.checks import RULES, own_faults
from scs_rack.sonic.validity import well_formed

from .configs import BASE, base


def put(tables, table, key, **fields):
    tables.setdefault(table, {}).setdefault(key, {}).update(
        {name.replace("_x_", "-"): one for name, one in fields.items()}
    )


def port(**fields):
    return lambda t: put(t, "PORT", "Ethernet0", **fields)


def row(table, key, **fields):
    return lambda t: put(t, table, key, **fields)


def drop(table, key, field=None):
    return lambda t: t[table][key].pop(field) if field else t[table].pop(key)


def several(*steps):
    def all_of_them(tables):
        for step in steps:
            step(tables)

    return all_of_them


MEMBER = "PORTCHANNEL_MEMBER"
CASES = {
    "PORT|Ethernet0.lanes: lane 'x' is no number": port(lanes="x,2,3,4"),
    "PORT|Ethernet0.lanes: lane 1 stands twice": port(lanes="1,1,3,4"),
    "PORT|Ethernet4.lanes: lane 1 is used by Ethernet0, Ethernet4": row("PORT", "Ethernet4", lanes="1,6,7,8"),
    "PORT|Ethernet4.alias: alias Eth1 is used by Ethernet0, Ethernet4": row("PORT", "Ethernet4", alias="Eth1"),
    "PORT|Ethernet0.alias: alias Ethernet4 is the name of another port": port(alias="Ethernet4"),
    "PORT|Ethernet4.index: index 1 is used by Ethernet0, Ethernet4": row("PORT", "Ethernet4", index="1"),
    "PORT|Ethernet8.index: a port that was broken out needs an index": several(
        drop("PORT", "Ethernet8", "index"), drop("BREAKOUT_CFG", "Ethernet8")
    ),
    "PORT|Ethernet9.subport: subport 1 of index 3 is used by Ethernet8, Ethernet9": row(
        "PORT", "Ethernet9", subport="1"
    ),
    "PORT|Ethernet0.speed: no Ethernet runs at 30000 Mb/s": port(speed="30000"),
    "PORT|Ethernet0.speed: 1 lane can't carry 100000 Mb/s": port(lanes="1"),
    "PORT|Ethernet0.speed: 2 lanes can't carry 800000 Mb/s": port(lanes="1,2", speed="800000"),
    "PORT|Ethernet0.lanes: 4 lanes for 25000 Mb/s, which needs fewer": port(speed="25000"),
    "PORT|Ethernet0.lanes: 3 lanes for 100000 Mb/s, which needs fewer": port(lanes="1,2,3"),
    "PORT|Ethernet0.lanes: 9 lanes, and no port has more than 8": port(lanes="1,2,3,4,21,22,23,24,25"),
    "PORT|Ethernet0.admin_status: is used and has no admin_status: it stays down": drop(
        "PORT", "Ethernet0", "admin_status"
    ),
    "BREAKOUT_CFG|Ethernet12.brkout_mode: '5x20G' is no breakout": row(
        "BREAKOUT_CFG", "Ethernet12", brkout_mode="5x20G"
    ),
    "BREAKOUT_CFG|Ethernet12.brkout_mode: 'four' is no breakout": row("BREAKOUT_CFG", "Ethernet12", brkout_mode="four"),
    "BREAKOUT_CFG|Ethernet12.brkout_mode: '4x30G' is no breakout": row(
        "BREAKOUT_CFG", "Ethernet12", brkout_mode="4x30G"
    ),
    "BREAKOUT_CFG|Ethernet12.brkout_mode: 2x50G makes 2 ports, and PORT has 1": row(
        "BREAKOUT_CFG", "Ethernet12", brkout_mode="2x50G"
    ),
    "BREAKOUT_CFG|Ethernet99.brkout_mode: 1x100G makes 1 port, and PORT has 0": row(
        "BREAKOUT_CFG", "Ethernet99", brkout_mode="1x100G"
    ),
    "PORT|Ethernet11.speed: runs at 1000 Mb/s, which 4x25G[10G] of BREAKOUT_CFG|Ethernet8 does not allow": row(
        "PORT", "Ethernet11", speed="1000"
    ),
    "PORTCHANNEL_MEMBER|PortChannel9|Ethernet12: member port Ethernet12 is used by PortChannel1, PortChannel9": row(
        MEMBER, "PortChannel9|Ethernet12"
    ),
    "PORTCHANNEL_MEMBER|PortChannel9|Ethernet16: Ethernet16 is a member of PortChannel9 and a routed port": row(
        "INTERFACE", "Ethernet16"
    ),
    "VLAN_MEMBER|Vlan7|Ethernet9: there is no Vlan7": row("VLAN_MEMBER", "Vlan7|Ethernet9", tagging_mode="tagged"),
    "VLAN_MEMBER|Vlan100|Ethernet0: Ethernet0 is a member of Vlan100 and a routed port": row(
        "VLAN_MEMBER", "Vlan100|Ethernet0", tagging_mode="tagged"
    ),
    "VLAN_MEMBER|Vlan200|Ethernet12: Ethernet12 is a member of Vlan200 and of PortChannel1": row(
        "VLAN_MEMBER", "Vlan200|Ethernet12", tagging_mode="tagged"
    ),
    "PORT|Ethernet12.mtu: has an MTU of 1500, and PortChannel1 of 9100": row("PORT", "Ethernet12", mtu="1500"),
    "PORTCHANNEL|PortChannel1: members have different speeds: Ethernet12 100000, Ethernet10 25000": row(
        MEMBER, "PortChannel1|Ethernet10"
    ),
    "PORTCHANNEL|PortChannel1.min_links: 1 member, and it goes up with 2 only": row(
        "PORTCHANNEL", "PortChannel1", min_links="2"
    ),
    "VLAN|Vlan100.mtu: has an MTU of 9100, and its member Ethernet8 of 1500": row("PORT", "Ethernet8", mtu="1500"),
    "VLAN|Vlan200.vlanid: is not the VLAN 201": row("VLAN", "Vlan200", vlanid="201"),
    "LOOPBACK_INTERFACE|Loopback0|10.1.0.0/32: address 10.1.0.0 is used by Ethernet4, Loopback0": row(
        "LOOPBACK_INTERFACE", "Loopback0|10.1.0.0/32"
    ),
    "INTERFACE|Ethernet9|10.7.0.0/31: there is no row INTERFACE|Ethernet9": row("INTERFACE", "Ethernet9|10.7.0.0/31"),
    "MGMT_INTERFACE|eth0|192.0.2.11/24.gwaddr: 192.0.3.1 is not in 192.0.2.0/24": row(
        "MGMT_INTERFACE", "eth0|192.0.2.11/24", gwaddr="192.0.3.1"
    ),
    "VXLAN_TUNNEL_MAP|vtep|x.vlan: there is no Vlan7": row("VXLAN_TUNNEL_MAP", "vtep|x", vlan="Vlan7", vni="7"),
    "VXLAN_TUNNEL_MAP|vtep|x.vni: VNI 10100 is used by vtep|map_10100_Vlan100, vtep|x": row(
        "VXLAN_TUNNEL_MAP", "vtep|x", vlan="Vlan200", vni="10100"
    ),
    "VXLAN_TUNNEL_MAP|vtep|x.vlan: VLAN of a tunnel Vlan100 is used by vtep|map_10100_Vlan100, vtep|x": row(
        "VXLAN_TUNNEL_MAP", "vtep|x", vlan="Vlan100", vni="77"
    ),
    "VRF|Vrfred.vni: no VLAN carries its VNI 50002": row("VRF", "Vrfred", vni="50002"),
    "VRF|Vrfblue.vni: Vlan3001 carries its VNI 50001 and is not in it": drop("VLAN_INTERFACE", "Vlan3001", "vrf_name"),
    "VXLAN_TUNNEL|vtep.src_ip: 10.0.9.9 is no address of this switch": row("VXLAN_TUNNEL", "vtep", src_ip="10.0.9.9"),
    "VXLAN_TUNNEL|two: SONiC has one tunnel end point, and here are vtep, two": row(
        "VXLAN_TUNNEL", "two", src_ip="10.0.0.1"
    ),
    "VXLAN_EVPN_NVO|two: SONiC has one EVPN instance, and here are nvo, two": row(
        "VXLAN_EVPN_NVO", "two", source_vtep="vtep"
    ),
    "MCLAG_DOMAIN|1.source_ip: 10.100.0.7 is no address of this switch": row(
        "MCLAG_DOMAIN", "1", source_ip="10.100.0.7"
    ),
    "MCLAG_DOMAIN|1.peer_ip: 10.100.0.1 is an address of this switch itself": row(
        "MCLAG_DOMAIN", "1", peer_ip="10.100.0.1"
    ),
    "MCLAG_DOMAIN|1.peer_link: there is no PortChannel8": row("MCLAG_DOMAIN", "1", peer_link="PortChannel8"),
    "MCLAG_DOMAIN|1.session_timeout: 15 s is less than three times the keepalive interval of 6 s": row(
        "MCLAG_DOMAIN", "1", keepalive_interval="6"
    ),
    "MCLAG_INTERFACE|1|PortChannel9: PortChannel9 is the peer link of the pair": row(
        "MCLAG_INTERFACE", "1|PortChannel9", if_type="PortChannel"
    ),
    "MCLAG_INTERFACE|1|PortChannel5: there is no PortChannel5": row("MCLAG_INTERFACE", "1|PortChannel5"),
    "MCLAG_INTERFACE|2|PortChannel1: there is no domain 2": row("MCLAG_INTERFACE", "2|PortChannel1"),
    "EVPN_ETHERNET_SEGMENT|PortChannel9.esi: ESI 00:01 is used by PortChannel1, PortChannel9": several(
        row("EVPN_ETHERNET_SEGMENT", "PortChannel1", esi="00:01"),
        row("EVPN_ETHERNET_SEGMENT", "PortChannel9", esi="00:01"),
    ),
    "BGP_NEIGHBOR|default|10.1.0.1: no address family is activated": row(
        "BGP_NEIGHBOR_AF", "default|10.1.0.1|ipv4_unicast", admin_status="down"
    ),
    "BGP_NEIGHBOR|default|Ethernet0: eBGP without a route map in and out exchanges nothing (RFC 8212)": drop(
        "BGP_PEER_GROUP_AF", "default|FABRIC|ipv4_unicast", "route_map_out"
    ),
    "BGP_PEER_GROUP|default|HOSTS: no address family is stated for the group": several(
        row("BGP_PEER_GROUP", "default|HOSTS", peer_type="external"),
        row("BGP_GLOBALS_LISTEN_PREFIX", "default|10.3.0.0/24", peer_group="HOSTS"),
    ),
    "BGP_GLOBALS_AF|default|ipv4_unicast.max_ebgp_paths: is not stated: one path is used, and no other": drop(
        "BGP_GLOBALS_AF", "default|ipv4_unicast", "max_ebgp_paths"
    ),
    "BGP_PEER_RANGE|two.ip_range: range 10.5.0.0/24 is 10.5.0.0/24 of one in VRF default": several(
        row("BGP_PEER_RANGE", "one", ip_range=["10.5.0.0/24"]), row("BGP_PEER_RANGE", "two", ip_range=["10.5.0.0/24"])
    ),
    "BGP_PEER_RANGE|Vrfa|two.ip_range: range 10.5.0.0/16 overlaps with 10.5.1.0/24 of Vrfa|one in VRF Vrfa": several(
        row("BGP_PEER_RANGE", "Vrfa|one", ip_range=["10.5.1.0/24"]),
        row("BGP_PEER_RANGE", "Vrfa|two", ip_range=["10.5.0.0/16"]),
        row("BGP_PEER_RANGE", "Vrfb|two", ip_range=["10.5.0.0/16"]),
    ),
    "STATIC_ROUTE|default|0.0.0.0/0: nexthop and ifname are of unequal length": row(
        "STATIC_ROUTE", "default|0.0.0.0/0", ifname="Ethernet4"
    ),
    "AAA|authentication.login: tacacs+ without local locks everybody out": row(
        "AAA", "authentication", login="tacacs+"
    ),
    "AAA|authentication.login: radius has no server": row("AAA", "authentication", login="radius,local"),
    "ACL_RULE|EDGE|RULE_2.PRIORITY: priority 20 of EDGE is used by RULE_1, RULE_2": row(
        "ACL_RULE", "EDGE|RULE_2", PRIORITY="20"
    ),
    "ACL_TABLE|EDGE.ports: Ethernet12 is a member of PortChannel1": row("ACL_TABLE", "EDGE", ports=["Ethernet12"]),
}


def test_the_base_breaks_no_rule():
    assert [str(fault) for fault in own_faults(BASE)] == []


@pytest.mark.parametrize("fault", CASES)
def test_an_input_breaks_its_rule_and_no_other(fault):
    tables = base()
    CASES[fault](tables)
    found = own_faults(tables)
    assert [str(one) for one in found] == [fault]
    breaking = [rule for rule in RULES if list(rule(tables))]
    assert len(breaking) == 1


def test_every_rule_has_a_case():
    broken = set()
    for change in CASES.values():
        tables = base()
        change(tables)
        broken |= {rule for rule in RULES if list(rule(tables))}
    assert broken == set(RULES)


RIGHT = {
    "the same address in two VRFs": several(
        row("VRF", "Vrfred"),
        row("INTERFACE", "Ethernet9", vrf_name="Vrfred"),
        row("INTERFACE", "Ethernet9|10.1.0.0/31"),
        drop("VLAN_MEMBER", "Vlan100|Ethernet8"),
    ),
    "link-local addresses": several(row("INTERFACE", "Ethernet0|fe80::1/64"), row("INTERFACE", "Ethernet4|fe80::1/64")),
    "iBGP without a policy": several(
        row("BGP_PEER_GROUP", "default|FABRIC", peer_type="internal"),
        drop("BGP_PEER_GROUP_AF", "default|FABRIC|ipv4_unicast", "route_map_in"),
    ),
    "bgpcfgd without a policy": several(
        row("DEVICE_METADATA", "localhost", frr_mgmt_framework_config="false"),
        drop("BGP_NEIGHBOR_AF", "default|10.1.0.1|ipv4_unicast"),
    ),
    "true for up, as 202411 has it": row("BGP_NEIGHBOR_AF", "default|10.1.0.1|ipv4_unicast", admin_status="true"),
    "lanes that chips of NVIDIA leave idle": several(
        row("DEVICE_METADATA", "localhost", platform="x86_64-mlnx_msn2700-r0"), port(speed="10000")
    ),
    "lanes of 100G everywhere": several(
        port(lanes="1", speed="100000"),
        row("PORT", "Ethernet4", lanes="5", speed="100000"),
    ),
    "a mode of two parts": several(
        row("BREAKOUT_CFG", "Ethernet8", brkout_mode="2x25G(2)+2x25G[10G](2)"),
        row("PORT", "Ethernet11", speed="10000"),
    ),
    "a group of cages that an enterprise image splits": several(
        *(row("PORT", f"Ethernet{n}", parent_port="Ethernet8", index=str(30 + n)) for n in range(8, 12)),
        *(drop("PORT", f"Ethernet{n}", "subport") for n in range(8, 12)),
    ),
}


@pytest.mark.parametrize("what", RIGHT)
def test_what_is_right_is_not_told(what):
    tables = base()
    RIGHT[what](tables)
    assert own_faults(tables) == []


_TEXT = st.sampled_from(
    ["", "1", "x", "1,2", "Ethernet0", "Vlan7", "10.0.0.1/32", "fe80::1", "|", "4x25G", "²", "9" * 30]
)
_VALUES = st.one_of(
    _TEXT,
    st.lists(_TEXT, max_size=3),
    st.none(),
    st.booleans(),
    st.integers(-9, 9),
    st.dictionaries(_TEXT, _TEXT, max_size=2),
)
_TABLE = st.sampled_from([*BASE, "BGP_PEER_RANGE", "EVPN_ETHERNET_SEGMENT", "VLAN_SUB_INTERFACE"])
_KEYS = st.one_of(_TEXT, st.sampled_from(sorted(key for rows in BASE.values() for key in rows)))
_FIELDS = st.one_of(
    _TEXT, st.sampled_from(sorted({name for rows in BASE.values() for one in rows.values() for name in one}))
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        _TABLE, st.one_of(_VALUES, st.dictionaries(_KEYS, st.one_of(_VALUES, st.dictionaries(_FIELDS, _VALUES))))
    )
)
def test_rules_bear_anything(tables):
    for fault in own_faults({**base(), **well_formed(tables)}):
        assert fault.message
