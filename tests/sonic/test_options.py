"""Each option of switches in CONFIG_DB, by release; the official models judge."""

import json
from collections import Counter
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scs_rack.design import make_design
from scs_rack.model.checks import run_checks
from scs_rack.model.draft import draft_of
from scs_rack.model.source import Source
from scs_rack.model.switch import Switch
from scs_rack.sonic.checks import check_tables
from scs_rack.sonic.generate import all_tables, config_db, day0

from .options import RELEASES, everything, layer2s, spare_ports, switchings
from .racks import designs


def objections(rack):
    """What `validate` says of a rack."""
    return {str(fault) for fault in run_checks(draft_of(rack), Source("rack.yml"))}


def models_of(release):
    """Release whose models judge: there are none of some releases, then the nearest newer ones do."""
    return release if release in ("202411", "202505") else "master"


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("evpn", [False, True])
def test_every_option_is_valid_on_every_release(release, evpn, yang):
    if evpn and release != "master":
        return
    design = everything(release, evpn=evpn)
    for name in design.switches:
        for tables in (config_db(design, name), day0(design, name)):
            assert yang(models_of(release), tables) == [], name
            assert check_tables(tables) == [], name


@settings(max_examples=25, deadline=None)
@given(data=st.data(), design=designs(), switching=switchings())
def test_random_options_are_valid(data, design, switching, yang):
    external = [network.vlan for network in design.rack.networks.values() if network.purpose == "external"]
    spare = data.draw(spare_ports(design, "leaf1"))
    leaf = Switch.model_validate({**design.rack.switches["leaf1"].model_dump(exclude_none=True), **spare})
    changed = {
        "switching": switching,
        "layer2": data.draw(layer2s(external)),
        "switches": {**design.rack.switches, "leaf1": leaf},
    }
    rack = design.rack.model_copy(update=changed)
    assert objections(rack) <= objections(design.rack)  # random racks may be too small for a cloud
    design = make_design(rack)
    for name, switch in design.switches.items():
        tables = config_db(design, name)
        assert yang(models_of(switch.release), tables) == []
        assert check_tables(tables) == []


def test_a_part_that_is_not_stated_is_left_to_the_switch():
    stated = config_db(everything("202505"), "leaf1").keys()
    design = everything("202505")
    bare = design.rack.model_copy(update={"switching": type(design.rack.switching)()})
    left = stated - config_db(make_design(bare), "leaf1").keys()
    assert {"NTP", "NTP_SERVER", "SYSLOG_SERVER", "SNMP_USER", "AAA", "ACL_TABLE", "PFC_WD", "BANNER_MESSAGE"} <= left


def test_a_switch_states_what_differs_on_it():
    design = everything("202505")
    one, two = config_db(design, "leaf1"), config_db(design, "leaf2")
    assert one["BGP_PEER_GROUP"]["default|FABRIC"]["bfd"] == "true"
    assert "bfd" not in two["BGP_PEER_GROUP"]["default|FABRIC"]
    assert two["BGP_PEER_GROUP"]["default|HOSTS"]["bfd"] == "true"
    assert two["NTP_SERVER"] == {}
    assert two["NTP"] == one["NTP"]


@pytest.mark.parametrize(
    ("table", "name", "releases"),
    [
        ("DNS_OPTIONS", "leaf1", {"202511", "202605", "master"}),
        ("STP", "oob1", {"202511", "202605", "master"}),
        ("SAG", "leaf3", {"master"}),
        ("BGP_NEIGHBOR", "leaf1", {"202505", "202511", "202605", "master"}),
        ("VXLAN_TUNNEL_MAP", "leaf3", set(RELEASES)),
        ("VXLAN_TUNNEL_MAP", "spine1", set()),
        ("BREAKOUT_CFG", "leaf5", set()),
    ],
)
def test_the_release_decides_which_tables_there_are(table, name, releases):
    assert {release for release in RELEASES if table in config_db(everything(release), name)} == releases


def test_ports_as_stated():
    design = everything("202505")
    ports = config_db(design, "leaf1")["PORT"]
    assert (
        ports["Ethernet23"] | {"speed": "10000", "description": "old storage", "admin_status": "up"}
        == ports["Ethernet23"]
    )
    assert "fec" not in ports["Ethernet23"]
    assert ports["Ethernet24"] | {"fec": "none", "autoneg": "on", "mtu": "9216"} == ports["Ethernet24"]
    assert ports["Ethernet25"]["admin_status"] == "down"


def test_a_lag_between_switches_is_routed():
    tables = config_db(everything("202505"), "leaf1")
    assert tables["PORTCHANNEL_INTERFACE"] == {"PortChannel7": {"ipv6_use_link_local_only": "enable"}}
    assert tables["BGP_NEIGHBOR"]["default|PortChannel7"] == {"peer_group_name": "FABRIC"}
    assert tables["PORTCHANNEL_MEMBER"] == {"PortChannel7|Ethernet64": {}, "PortChannel7|Ethernet68": {}}
    assert not {"Ethernet64", "Ethernet68"} & tables["INTERFACE"].keys()


def test_both_of_a_pair_mirror_each_other():
    design = everything("202505")
    one, two = (config_db(design, name) for name in ("leaf3", "leaf4"))
    mine, theirs = one["MCLAG_DOMAIN"]["1"], two["MCLAG_DOMAIN"]["1"]
    assert (mine["source_ip"], mine["peer_ip"]) == (theirs["peer_ip"], theirs["source_ip"])
    assert one["MCLAG_INTERFACE"] == two["MCLAG_INTERFACE"] == {"1|PortChannel1": {"if_type": "PortChannel"}}
    assert one["VXLAN_TUNNEL"] == two["VXLAN_TUNNEL"] == {"vtep": {"src_ip": "10.21.0.250"}}
    assert "Loopback1|10.21.0.250/32" in one["LOOPBACK_INTERFACE"]
    link = {key for key in one["VLAN_MEMBER"] if key.endswith("|PortChannel99")}
    assert link == {f"Vlan{vlan}|PortChannel99" for vlan in (100, 200, 210, 300, 301)}


def test_a_pair_by_evpn_shows_one_system():
    design = everything("master", evpn=True)
    one, two = (config_db(design, name) for name in ("leaf3", "leaf4"))
    assert one["PORTCHANNEL"]["PortChannel1"]["system_mac"] == two["PORTCHANNEL"]["PortChannel1"]["system_mac"]
    assert (
        one["EVPN_ETHERNET_SEGMENT"]["PortChannel1"]["df_pref"]
        > two["EVPN_ETHERNET_SEGMENT"]["PortChannel1"]["df_pref"]
    )
    assert one["VXLAN_TUNNEL"] != two["VXLAN_TUNNEL"]
    assert "MCLAG_DOMAIN" not in one


def test_gateways_are_the_same_everywhere():
    for release in RELEASES:
        design = everything(release)
        found = [config_db(design, name) for name in ("leaf1", "leaf3", "leaf4")]
        assert {json.dumps(tables["VLAN"]["Vlan300"], sort_keys=True) for tables in found} == {
            json.dumps(found[0]["VLAN"]["Vlan300"], sort_keys=True)
        }
        assert all("Vlan300|10.30.0.1/24" in tables["VLAN_INTERFACE"] for tables in found)


def admitted(tables, service, source):
    """True if the kernel's filter that SONiC makes of the tables lets a source use a service."""
    named = [name for name, row in tables["ACL_TABLE"].items() if service in row.get("services", [])]
    rules = [row for key, row in tables["ACL_RULE"].items() if key.partition("|")[0] in named]
    return any(ip_address(source) in ip_network(row["SRC_IP"]) for row in rules if row["PACKET_ACTION"] == "ACCEPT")


def test_the_fence_lets_in_manager_and_operators_and_no_one_else():
    design = everything("202505")
    for name in design.switches:
        tables = config_db(design, name)
        for service in ("SSH", "SNMP", "NTP"):
            assert admitted(tables, service, str(design.manager.mgmt.ip))
            assert admitted(tables, service, "10.60.1.2")
            assert not admitted(tables, service, "10.21.0.1")


def test_rules_of_a_control_plane_table_have_priorities_of_their_own_and_one_version_of_ip():
    design = everything("202505")
    for name in design.switches:
        tables = config_db(design, name)
        priorities = Counter((key.partition("|")[0], row["PRIORITY"]) for key, row in tables["ACL_RULE"].items())
        assert max(priorities.values()) == 1
        versions = {}
        for key, row in tables["ACL_RULE"].items():
            versions.setdefault(key.partition("|")[0], set()).add("SRC_IPV6" in row)
        assert all(len(found) == 1 for found in versions.values())


def test_bfd_gets_through_the_fence_from_neighbours_only():
    design = everything("202505")
    tables = config_db(design, "leaf3")
    rules = [row for key, row in tables["ACL_RULE"].items() if key.startswith("SCS_BFD|")]
    neighbours = {key.partition("|")[2] for key in tables["BGP_NEIGHBOR"]}
    assert {row["IN_PORTS"] for row in rules} == neighbours
    assert {row["SRC_IPV6"] for row in rules} == {"fe80::/10"}
    without = config_db(design, "leaf2")  # no BFD in its fabric
    assert not {"Ethernet72", "Ethernet76"} & {row.get("IN_PORTS") for row in without["ACL_RULE"].values()}


def test_bmcs_reach_the_manager_and_not_each_other():
    design = everything("202505")
    tables = config_db(design, "oob1")
    rules = sorted(
        (row for key, row in tables["ACL_RULE"].items() if key.startswith("SCS_BMC|")),
        key=lambda row: -int(row["PRIORITY"]),
    )

    def fate(target):
        hit = next((row for row in rules if ip_address(target) in ip_network(row["DST_IP"])), None)
        return hit["PACKET_ACTION"] if hit else "FORWARD"

    assert fate(str(design.manager.mgmt.ip)) == "FORWARD"
    assert fate("10.20.0.1") == "FORWARD"
    assert fate(str(design.nodes["net1"].bmc.address)) == "DROP"
    assert fate("192.0.2.1") == "FORWARD"
    ports = set(tables["ACL_TABLE"]["SCS_BMC"]["ports"])
    assert ports == {use.port for use in design.switches["oob1"].ports.values() if use.peer_port == "bmc"}


def test_leaves_drop_what_servers_send_to_the_out_of_band_network():
    tables = config_db(everything("202505"), "leaf3")
    table = tables["ACL_TABLE"]["SCS_OOB"]
    assert not {"Ethernet72", "Ethernet76"} & set(table["ports"])
    assert {"Ethernet0", "Ethernet24", "PortChannel1"} <= set(table["ports"])
    assert tables["ACL_RULE"]["SCS_OOB|RULE_1"]["DST_IP"] == "10.20.0.0/24"


def test_storage_is_lossless_and_all_else_is_not():
    tables = config_db(everything("202505"), "leaf1")
    classes = tables["DSCP_TO_TC_MAP"]["ROCE"]
    assert (classes["26"], classes["48"], classes["0"], len(classes)) == ("3", "6", "0", 64)
    row = tables["PORT_QOS_MAP"]["Ethernet0"]
    assert row["pfc_enable"] == row["pfcwd_sw_enable"] == tables["TC_TO_PRIORITY_GROUP_MAP"]["ROCE"]["3"] == "3"
    assert tables["QUEUE"]["Ethernet0|3"]["wred_profile"] == "ROCE"
    assert tables["WRED_PROFILE"]["ROCE"]["ecn"] == "ecn_all"
    assert {"Ethernet64", "Ethernet68"} <= tables["PORT_QOS_MAP"].keys()  # members of a LAG
    assert "PORT_QOS_MAP" not in config_db(everything("202505"), "oob1")


def test_management_in_its_own_table():
    tables = config_db(everything("202505"), "leaf1")
    assert tables["MGMT_VRF_CONFIG"] == {"vrf_global": {"mgmtVrfEnabled": "true"}}
    assert tables["NTP"]["global"]["vrf"] == tables["SYSLOG_SERVER"]["10.20.0.11"]["vrf"] == "mgmt"
    assert list(tables["SNMP_AGENT_ADDRESS_CONFIG"]) == ["10.20.0.143|161|mgmt"]
    oob = config_db(everything("202505"), "oob1")
    assert "MGMT_VRF_CONFIG" not in oob
    assert oob["NTP"]["global"]["vrf"] == "default"
    assert "vrf" not in oob["SYSLOG_SERVER"]["10.20.0.11"]


def test_dhcp_requests_are_relayed_out_of_band():
    row = config_db(everything("202505"), "oob1")["VLAN"]["Vlan10"]
    assert row["dhcp_servers"] == ["10.20.0.5"]
    assert config_db(everything("202505"), "oob1")["DHCP_RELAY"] == {"Vlan10": {"dhcpv6_servers": ["fd00::67"]}}


def test_logins_fall_back_to_the_switch_itself():
    tables = config_db(everything("202505"), "leaf1")
    assert tables["AAA"]["authentication"] == {"login": "tacacs+,local", "failthrough": "True"}
    priorities = {server: int(row["priority"]) for server, row in tables["TACPLUS_SERVER"].items()}
    assert priorities["10.20.0.13"] > priorities["10.20.0.14"]


def test_edge_ports_are_no_bridges():
    design = everything("202511")
    ports = config_db(design, "oob1")["STP_PORT"]
    assert ports["Ethernet0"] == {"enabled": "true", "portfast": "true", "bpdu_guard": "true"}
    assert ports["Ethernet48"] == {"enabled": "true"}  # another out-of-band switch


def test_the_same_design_gives_the_same_bytes():
    one, two = (json.dumps(all_tables(everything("202505"), "leaf3")) for _ in range(2))
    assert one == two
