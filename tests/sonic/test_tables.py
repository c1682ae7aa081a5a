import copy

from hypothesis import given, settings

from scs_rack.sonic.generate import config_db, day0
from scs_rack.sonic.tables import compare, diff, natural, summary, target

from .racks import designs, shipped

FOREIGN = {
    "FEATURE": {"lldp": {"state": "enabled"}},
    "VERSIONS": {"DATABASE": {"VERSION": "version_202505_01"}},
    "NTP_SERVER": {"192.0.2.1": {}},
}


@settings(max_examples=15, deadline=None)
@given(design=designs())
def test_applying_twice_changes_nothing(design):
    for name in design.switches:
        wanted = config_db(design, name)
        goal = target(day0(design, name), wanted)
        assert compare(goal, target(goal, wanted)) == []


def test_tables_of_others_are_not_touched():
    design = shipped("lab")
    goal = target({**day0(design, "leaf1"), **FOREIGN}, config_db(design, "leaf1"))
    assert {table: goal[table] for table in FOREIGN} == FOREIGN


def test_leftovers_in_our_tables_go_away():
    design = shipped("lab")
    running = config_db(design, "leaf1")
    running = copy.deepcopy(running) | {"BGP_NEIGHBOR_AF": {"default|10.0.0.1|ipv4_unicast": {}}}
    running["VLAN"]["Vlan999"] = {"vlanid": "999"}
    running["INTERFACE"]["Ethernet5|10.0.0.0/31"] = {}
    changes = compare(running, target(running, config_db(design, "leaf1")))
    assert diff(changes).splitlines() == [
        "- BGP_NEIGHBOR_AF|default|10.0.0.1|ipv4_unicast",
        "- INTERFACE|Ethernet5|10.0.0.0/31",
        "- VLAN|Vlan999 vlanid=999",
    ]
    assert summary(changes) == "0 rows added, 3 removed, 0 changed"


def test_fields_of_the_platform_stay():
    design = shipped("lab")
    running = copy.deepcopy(config_db(design, "leaf1"))
    running["PORT"]["Ethernet0"] |= {"tpid": "0x8100", "admin_status": "down"}
    running["DEVICE_METADATA"]["localhost"] |= {"mac": "02:00:00:00:00:09", "synchronous_mode": "enable", "type": "x"}
    goal = target(running, config_db(design, "leaf1"))
    assert goal["PORT"]["Ethernet0"]["tpid"] == "0x8100"
    assert goal["DEVICE_METADATA"]["localhost"]["mac"] == "02:00:00:00:00:09"
    assert diff(compare(running, goal)).splitlines() == [
        "~ DEVICE_METADATA|localhost type: x → LeafRouter",
        "~ PORT|Ethernet0 admin_status: down → up",
    ]


def test_management_port_of_an_oob_switch_is_not_ours():
    design = shipped("lab")
    running = {**day0(design, "oob1"), "MGMT_PORT": {"eth0": {}}, "MGMT_INTERFACE": {"eth0|192.0.2.9/24": {}}}
    assert target(running, config_db(design, "oob1"))["MGMT_INTERFACE"] == {"eth0|192.0.2.9/24": {}}


def test_ports_in_the_order_of_the_panel():
    assert sorted(["Ethernet16", "Ethernet4", "Vlan10|Ethernet2"], key=natural) == [
        "Ethernet4",
        "Ethernet16",
        "Vlan10|Ethernet2",
    ]
