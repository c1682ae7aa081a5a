import copy

import pytest

from scs_rack.sonic.checks import check_tables, load_tables
from scs_rack.sonic.generate import config_db
from scs_rack.sonic.links import check_links

from .racks import shipped


@pytest.fixture
def tables():
    return copy.deepcopy(config_db(shipped("lab"), "leaf1"))


FAULTS = {
    "lane 1 is used by Ethernet0, Ethernet1": lambda t: t["PORT"]["Ethernet1"].update(lanes="1"),
    "alias twentyfiveGigE1 is used by Ethernet0, Ethernet1": lambda t: t["PORT"]["Ethernet1"].update(
        alias="twentyfiveGigE1"
    ),
    "PORT|Ethernet0.lanes: lane 'x' is no number": lambda t: t["PORT"]["Ethernet0"].update(lanes="x"),
    "address 10.91.0.11 is used by Ethernet0, Loopback0": lambda t: t["INTERFACE"].update(
        {"Ethernet0|10.91.0.11/31": {}}
    ),
    "Ethernet0 is a member of Vlan100 and a routed port": lambda t: t["VLAN_MEMBER"].update(
        {"Vlan100|Ethernet0": {"tagging_mode": "tagged"}}
    ),
    "VLAN_MEMBER|Vlan7|Ethernet8: there is no Vlan7": lambda t: t["VLAN_MEMBER"].update(
        {"Vlan7|Ethernet8": {"tagging_mode": "tagged"}}
    ),
    "member port Ethernet4 is used by PortChannel1, PortChannel2": lambda t: t.update(
        PORTCHANNEL_MEMBER={"PortChannel1|Ethernet4": {}, "PortChannel2|Ethernet4": {}}
    ),
    "Ethernet0 is a member of PortChannel1 and a routed port": lambda t: t.update(
        PORTCHANNEL_MEMBER={"PortChannel1|Ethernet0": {}}
    ),
    "VNI 10 is used by v|a, v|b": lambda t: t.update(
        VXLAN_TUNNEL_MAP={"v|a": {"vni": "10", "vlan": "Vlan100"}, "v|b": {"vni": "10", "vlan": "Vlan100"}}
    ),
    "BGP_NEIGHBOR|default|Ethernet0: no address family is activated": lambda t: t.pop("BGP_PEER_GROUP_AF"),
    "BGP_NEIGHBOR|default|Ethernet0: eBGP without a route map in and out exchanges nothing (RFC 8212)": lambda t: t[
        "BGP_PEER_GROUP_AF"
    ]["default|HOSTS|ipv4_unicast"].pop("route_map_in"),
    "STATIC_ROUTE|default|0.0.0.0/0: nexthop and ifname are of unequal length": lambda t: t.update(
        STATIC_ROUTE={"default|0.0.0.0/0": {"nexthop": "10.0.0.1,10.0.0.2", "ifname": "Ethernet0"}}
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_yang_does_not_catch(fault, tables):
    assert check_tables(tables) == []
    FAULTS[fault](tables)
    assert any(fault in found for found in check_tables(tables))


@pytest.mark.parametrize("text", ["[]", '{"PORT": []}', '{"PORT": {"Ethernet0": 1}}', "{"])
def test_no_config_db(text):
    with pytest.raises(ValueError):
        load_tables(text)


def test_both_ends_of_a_link_agree():
    design = shipped("example")
    configs = {name: copy.deepcopy(config_db(design, name)) for name in design.switches}
    assert check_links(design, configs) == []
    use = next(use for use in design.switches["leaf1"].ports.values() if use.use == "fabric")
    configs["leaf1"]["PORT"][use.port]["mtu"] = "1500"
    configs["leaf1"]["BGP_GLOBALS"]["default"]["local_asn"] = configs["leaf2"]["BGP_GLOBALS"]["default"]["local_asn"]
    faults = check_links(design, configs)
    assert any(f"{use.port} and" in fault and "mtu: 1500 and 9100" in fault for fault in faults)
    assert any("local_asn" in fault and "leaf1, leaf2" in fault for fault in faults)
