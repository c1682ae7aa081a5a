import json

import pytest

from scs_rack.sonic.disruption import Disruption, disruption, restarts
from scs_rack.sonic.frr_push import parse_lines
from scs_rack.sonic.generate import config_db
from scs_rack.sonic.plan import Means, Plan, json_patch
from scs_rack.sonic.tables import RowChange, compare

from .racks import shipped
from .shell_program import patched

PORT = {"lanes": "1", "speed": "25000", "mtu": "9100", "admin_status": "up"}
LOCALHOST = {"hostname": "leaf1", "hwsku": "x", "type": "LeafRouter"}


@pytest.mark.parametrize(
    ("table", "before", "after", "expected"),
    [
        ("PORT", PORT, {**PORT, "description": "x"}, Disruption.NONE),
        ("PORT", PORT, {**PORT, "mtu": "1500"}, Disruption.ROW),
        ("PORT", PORT, {**PORT, "speed": "10000"}, Disruption.FLAP),
        ("PORT", PORT, {**PORT, "admin_status": "down"}, Disruption.FLAP),
        ("PORT", PORT, {**PORT, "lanes": "2"}, Disruption.RELOAD),
        ("PORT", None, PORT, Disruption.RELOAD),
        ("PORT", PORT, None, Disruption.RELOAD),
        ("VLAN", None, {"vlanid": "7"}, Disruption.ROW),
        ("BUFFER_PG", {"profile": "a"}, {"profile": "b"}, Disruption.FLAP),
        ("BGP_GLOBALS", {"local_asn": "1"}, {"local_asn": "2"}, Disruption.SESSION),
        ("BGP_GLOBALS", {"local_asn": "1"}, {"local_asn": "1", "log_nbr_state_changes": "true"}, Disruption.ROW),
        ("BGP_NEIGHBOR", None, {"peer_group_name": "x"}, Disruption.ROW),
        ("BGP_NEIGHBOR", {"peer_group_name": "x"}, None, Disruption.SESSION),
        ("INTERFACE", {}, None, Disruption.SESSION),
        ("DEVICE_METADATA", LOCALHOST, {**LOCALHOST, "hostname": "y"}, Disruption.NONE),
        ("DEVICE_METADATA", LOCALHOST, {**LOCALHOST, "bgp_asn": "1"}, Disruption.NONE),
        ("DEVICE_METADATA", LOCALHOST, {**LOCALHOST, "frr_mgmt_framework_config": "true"}, Disruption.RESTART),
        ("DEVICE_METADATA", LOCALHOST, {**LOCALHOST, "hwsku": "y"}, Disruption.RELOAD),
        ("MGMT_INTERFACE", {"gwaddr": "192.0.2.1"}, {"gwaddr": "192.0.2.2"}, Disruption.RELOAD),
        ("NTP_SERVER", None, {}, Disruption.NONE),
        ("DEVICE_NEIGHBOR", {"name": "a"}, {"name": "b"}, Disruption.NONE),
    ],
)
def test_what_a_change_disturbs(table, before, after, expected):
    assert disruption(RowChange(table, "x", before, after)) == expected


def test_the_bgp_container_starts_again_when_its_mode_changes():
    assert restarts([RowChange("DEVICE_METADATA", "localhost", {}, {"frr_mgmt_framework_config": "true"})]) == ("bgp",)
    assert restarts([RowChange("DEVICE_METADATA", "localhost", {}, {"bgp_asn": "1"})]) == ()


def test_means_follow_from_what_changes():
    running = config_db(shipped("lab"), "leaf1")

    def means(**tables):
        return Plan("leaf1", running, running).towards({**running, **tables}).means

    assert means(VLAN={**running["VLAN"], "Vlan7": {"vlanid": "7"}}) == Means.PATCH
    many = {f"Vlan{number}": {"vlanid": str(number)} for number in range(200, 300)}
    assert means(VLAN={**running["VLAN"], **many}) == Means.REPLACE
    assert means(MGMT_INTERFACE={"eth0|192.0.2.9/24": {}}) == Means.RELOAD
    new = Plan("leaf1", {"PORT": running["PORT"]}, {}).towards(running)
    assert new.means == Means.RELOAD  # its management port would change
    assert "MGMT_INTERFACE|eth0" in new.reasons[0]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"A": {"x": {"f": "1"}}}, {"A": {"x": {"f": "2"}}}),
        ({"A": {"x": {"f": "1"}}}, {"A": {"x": {"g": "1"}, "y|1.2.3.4/32": {}}}),
        ({"A": {"x": {}}, "B": {"y~/": {"l": ["1"]}}}, {"B": {"y~/": {"l": ["1", "2"]}}}),
        ({"A": {"x": {}, "y": {}}}, {"A": {"z": {}}}),
        ({"A": {"x": {}}}, {"C": {"a/b": {"f": "1"}, "c": {}}, "A": {"x": {}}}),
    ],
)
def test_a_patch_leads_from_one_to_the_other(before, after):
    operations = json_patch(before, compare(before, after))
    assert patched(json.loads(json.dumps(before)), json.loads(json.dumps(operations))) == after


def test_a_patch_of_a_real_switch_leads_to_it():
    design = shipped("fabric")
    one, other = (config_db(design, name) for name in list(design.switches)[-2:])
    operations = json_patch(one, compare(one, other))
    assert patched(json.loads(json.dumps(one)), json.loads(json.dumps(operations))) == other


def test_lines_of_frr_name_each_block_once():
    said = """2026-11-23 12:00:00,1  INFO: Loading Config object from file /tmp/x

Lines To Delete
===============
ip route 192.0.2.0/24 blackhole

Lines To Add
============
router bgp 1
 address-family ipv4 unicast
  neighbor A activate
 exit
exit
router bgp 1
 address-family ipv4 unicast
  maximum-paths 64
 exit
exit
"""
    assert parse_lines(said) == (
        "- ip route 192.0.2.0/24 blackhole",
        "+ router bgp 1",
        "+  address-family ipv4 unicast",
        "+   neighbor A activate",
        "+   maximum-paths 64",
    )
    assert parse_lines("2026 INFO nothing to do\n") == ()
