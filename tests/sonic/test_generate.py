import json

import pytest
from hypothesis import HealthCheck, given, settings

from scs_rack.sonic.checks import check_tables
from scs_rack.sonic.generate import config_db, day0, frr_file
from scs_rack.sonic.links import check_links
from scs_rack.sonic.routing import BGP_TABLES

from .racks import designs, shipped

SHIPPED = [(rack, name) for rack in ("lab", "example") for name in shipped(rack).switches]


@pytest.mark.parametrize(("rack", "name"), SHIPPED)
def test_switches_of_shipped_racks_are_valid(rack, name, yang):
    design = shipped(rack)
    release = design.switches[name].release
    for tables in (config_db(design, name), day0(design, name)):
        assert yang(release, tables) == []
        assert check_tables(tables) == []


def test_the_judge_finds_what_is_wrong(yang):
    tables = config_db(shipped("lab"), "leaf1")
    tables["PORT"]["Ethernet0"]["mtu"] = "99999"
    del tables["ROUTE_MAP_SET"]["ALLOW"]
    found = "\n".join(yang("202505", tables))
    assert "PORT|Ethernet0.mtu" in found
    assert "ALLOW" in found


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(design=designs())
def test_random_racks_are_valid(design, yang):
    configs = {name: config_db(design, name) for name in design.switches}
    for name, tables in configs.items():
        assert yang(design.switches[name].release, tables) == []
        assert check_tables(tables) == []
        assert yang(design.switches[name].release, day0(design, name)) == []
    assert check_links(design, configs) == []


@settings(max_examples=20, deadline=None)
@given(design=designs())
def test_every_cable_has_a_port_that_is_up_and_no_other_port_is(design):
    for name, switch in design.switches.items():
        ports = config_db(design, name)["PORT"]
        up = {port for port, row in ports.items() if row["admin_status"] == "up"}
        assert up == {port for port in switch.ports if port.startswith("Ethernet")}


def test_the_same_rack_gives_the_same_bytes():
    once, again = (
        json.dumps({n: config_db(d, n) for n in d.switches}) for d in (shipped("example"), shipped("example"))
    )
    assert once == again


def test_hosts_are_unnumbered_neighbours_and_no_way_between_leaves():
    tables = config_db(shipped("lab"), "leaf1")
    assert tables["INTERFACE"]["Ethernet0"] == {"ipv6_use_link_local_only": "enable"}
    assert tables["BGP_NEIGHBOR"]["default|Ethernet0"] == {"peer_group_name": "HOSTS"}
    assert tables["BGP_PEER_GROUP_AF"]["default|HOSTS|ipv4_unicast"]["route_map_in"] == ["HOSTS4"]
    assert tables["ROUTE_MAP"]["HOSTS4|10"]["match_as_path"] == "ONE_HOP"
    assert tables["AS_PATH_SET"]["ONE_HOP"]["as_path_set_member"] == ["^[0-9]+$"]
    assert "Ethernet8" not in tables["INTERFACE"]
    assert tables["VLAN_MEMBER"]["Vlan100|Ethernet8"] == {"tagging_mode": "untagged"}


def test_spines_and_leaves_are_fabric_peers():
    tables = config_db(shipped("example"), "spine1")
    groups = {row["peer_group_name"] for row in tables["BGP_NEIGHBOR"].values()}
    assert groups == {"FABRIC"}
    assert tables["BGP_PEER_GROUP_AF"]["default|FABRIC|ipv6_unicast"]["route_map_in"] == ["ALLOW"]


def test_an_oob_switch_is_managed_by_its_svi_and_routes_nothing():
    tables = config_db(shipped("lab"), "oob1")
    assert "Vlan10|10.90.0.112/24" in tables["VLAN_INTERFACE"]
    assert not BGP_TABLES & tables.keys()
    assert "MGMT_INTERFACE" not in tables


def test_day0_of_an_oob_switch_reaches_everything_and_of_a_leaf_only_itself():
    design = shipped("lab")
    oob, leaf = day0(design, "oob1"), day0(design, "leaf1")
    assert set(oob["VLAN_MEMBER"]) == {f"Vlan10|Ethernet{n}" for n in range(11)}
    assert "eth0|10.90.0.111/24" in leaf["MGMT_INTERFACE"]
    assert {row["admin_status"] for row in leaf["PORT"].values()} == {"down"}
    assert "VLAN" not in leaf


@settings(max_examples=10, deadline=None)
@given(design=designs())
def test_202411_keeps_routing_in_a_file(design):
    for name, switch in design.switches.items():
        text, tables = frr_file(design, name), config_db(design, name)
        if switch.release == "202505":
            assert text is None
        else:
            assert not BGP_TABLES & tables.keys()
            assert tables["DEVICE_METADATA"]["localhost"]["docker_routing_config_mode"] == "split-unified"
            assert (f"router bgp {switch.asn}" in text) == (switch.role != "oob")
