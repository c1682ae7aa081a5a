"""A CONFIG_DB by hand that is right, with something of everything that rules are about; and one of its neighbour."""

import copy
import json


def _port(lanes, alias, index, speed="100000", **fields):
    row = {"lanes": lanes, "alias": alias, "index": index, "speed": speed, "mtu": "9100", "admin_status": "up"}
    return row | fields


PORTS = {
    "Ethernet0": _port("1,2,3,4", "Eth1", "1", fec="rs"),
    "Ethernet4": _port("5,6,7,8", "Eth2", "2"),
    "Ethernet8": _port("9", "Eth3/1", "3", "25000", subport="1"),
    "Ethernet9": _port("10", "Eth3/2", "3", "25000", subport="2"),
    "Ethernet10": _port("11", "Eth3/3", "3", "25000", subport="3", admin_status="down"),
    "Ethernet11": _port("12", "Eth3/4", "3", "10000", subport="4", admin_status="down"),
    "Ethernet12": _port("13,14,15,16", "Eth4", "4"),
    "Ethernet16": _port("17,18,19,20", "Eth5", "5"),
}
POLICY = {"admin_status": "up", "route_map_in": ["ALLOW"], "route_map_out": ["ALLOW"]}
BASE = {
    "DEVICE_METADATA": {
        "localhost": {
            "hostname": "leaf1", "hwsku": "Celestica-X", "mac": "02:00:00:00:00:01", "type": "LeafRouter",
            "docker_routing_config_mode": "unified", "frr_mgmt_framework_config": "true",
        }
    },
    "PORT": PORTS,
    "BREAKOUT_CFG": {"Ethernet8": {"brkout_mode": "4x25G[10G]"}, "Ethernet12": {"brkout_mode": "1x100G[40G]"}},
    "INTERFACE": {"Ethernet0": {"ipv6_use_link_local_only": "enable"}, "Ethernet4": {}, "Ethernet4|10.1.0.0/31": {}},
    "LOOPBACK_INTERFACE": {"Loopback0": {}, "Loopback0|10.0.0.1/32": {}, "Loopback1": {}, "Loopback1|10.0.1.1/32": {}},
    "PORTCHANNEL": {
        "PortChannel1": {"admin_status": "up", "mtu": "9100", "min_links": "1"},
        "PortChannel9": {"admin_status": "up", "mtu": "9100"},
    },
    "PORTCHANNEL_MEMBER": {"PortChannel1|Ethernet12": {}, "PortChannel9|Ethernet16": {}},
    "VLAN": {"Vlan100": {"vlanid": "100", "mtu": "9100"}, "Vlan200": {"vlanid": "200"}, "Vlan3001": {"vlanid": "3001"}},
    "VLAN_MEMBER": {
        "Vlan100|Ethernet8": {"tagging_mode": "untagged"},
        "Vlan100|PortChannel1": {"tagging_mode": "tagged"},
        "Vlan200|PortChannel1": {"tagging_mode": "tagged"},
    },
    "VLAN_INTERFACE": {"Vlan100": {}, "Vlan100|10.100.0.1/24": {}, "Vlan3001": {"vrf_name": "Vrfblue"}},
    "VRF": {"Vrfblue": {"vni": "50001"}},
    "VXLAN_TUNNEL": {"vtep": {"src_ip": "10.0.1.1"}},
    "VXLAN_EVPN_NVO": {"nvo": {"source_vtep": "vtep"}},
    "VXLAN_TUNNEL_MAP": {
        "vtep|map_10100_Vlan100": {"vlan": "Vlan100", "vni": "10100"},
        "vtep|map_50001_Vlan3001": {"vlan": "Vlan3001", "vni": "50001"},
    },
    "MCLAG_DOMAIN": {
        "1": {"source_ip": "10.100.0.1", "peer_ip": "10.100.0.2", "peer_link": "PortChannel9",
              "keepalive_interval": "1", "session_timeout": "15"}
    },
    "MCLAG_INTERFACE": {"1|PortChannel1": {"if_type": "PortChannel"}},
    "MCLAG_UNIQUE_IP": {"Vlan100": {"unique_ip": "enable"}},
    "MGMT_PORT": {"eth0": {"admin_status": "up"}},
    "MGMT_INTERFACE": {"eth0|192.0.2.11/24": {"gwaddr": "192.0.2.1"}},
    "BGP_GLOBALS": {"default": {"local_asn": "4200000001", "router_id": "10.0.0.1"}},
    "BGP_GLOBALS_AF": {"default|ipv4_unicast": {"max_ebgp_paths": "64"}},
    "BGP_PEER_GROUP": {"default|FABRIC": {"peer_type": "external"}},
    "BGP_PEER_GROUP_AF": {"default|FABRIC|ipv4_unicast": dict(POLICY)},
    "BGP_NEIGHBOR": {"default|Ethernet0": {"peer_group_name": "FABRIC"}, "default|10.1.0.1": {"asn": "4200000009"}},
    "BGP_NEIGHBOR_AF": {"default|10.1.0.1|ipv4_unicast": dict(POLICY)},
    "ROUTE_MAP_SET": {"ALLOW": {}},
    "ROUTE_MAP": {"ALLOW|10": {"route_operation": "permit"}},
    "STATIC_ROUTE": {"default|0.0.0.0/0": {"nexthop": "10.1.0.1,10.100.0.9", "ifname": "Ethernet4,Vlan100"}},
    "AAA": {"authentication": {"login": "tacacs+,local", "failthrough": "True"}},
    "TACPLUS": {"global": {"passkey": "example"}},
    "TACPLUS_SERVER": {"192.0.2.49": {"priority": "1"}},
    "ACL_TABLE": {"EDGE": {"type": "L3", "policy_desc": "edge", "stage": "ingress", "ports": ["Ethernet0"]}},
    "ACL_RULE": {
        "EDGE|RULE_1": {"PRIORITY": "20", "PACKET_ACTION": "DROP", "SRC_IP": "198.51.100.0/24"},
        "EDGE|RULE_2": {"PRIORITY": "10", "PACKET_ACTION": "FORWARD"},
    },
    "DEVICE_NEIGHBOR": {"Ethernet0": {"name": "leaf2", "port": "Eth1"},
                        "Ethernet16": {"name": "leaf2", "port": "Ethernet16"}},
}  # fmt: skip
"""leaf1: valid by the models of 202505, and by our rules."""


def base():
    """A copy of the right CONFIG_DB."""
    return copy.deepcopy(BASE)


def pair():
    """leaf1 and leaf2: a pair with a link between them, an uplink each, and nothing wrong."""
    one, other = base(), json.dumps(base())
    for near, far in (
        ("leaf", "LEAF"), ("10.100.0.1", "10.100.0.X"), ("10.100.0.2", "10.100.0.1"), ("10.100.0.X", "10.100.0.2"),
        ("10.0.0.1", "10.0.0.2"), ("10.1.0.", "10.1.1."), ("192.0.2.11", "192.0.2.12"),
        ("4200000001", "4200000002"), ("02:00:00:00:00:01", "02:00:00:00:00:02"),
        ("LEAF1", "leafB"), ("LEAF2", "leaf1"), ("leafB", "leaf2"),
    ):  # fmt: skip
        other = other.replace(near, far)
    return {"leaf1": one, "leaf2": json.loads(other)}
