"""Neighbours that hold on to the address of a switch that is gone."""

from scs_rack.sonic.renew import _CUT, _parsed, anew, stale

CONFIG = """router bgp 65000
 neighbor FABRIC peer-group
 neighbor Ethernet1 interface peer-group FABRIC
 neighbor Ethernet1 description leaf2
 neighbor Ethernet10 interface peer-group FABRIC
 !
 address-family ipv4 unicast
  neighbor FABRIC activate
  neighbor Ethernet1 weight 7
 exit-address-family
exit
"""


def neighbour(state, address="fe80::2"):
    return {"bgpState": state, "bgpNeighborAddr": address}


def test_what_is_stale():
    neighbours = {
        "Ethernet0": neighbour("Active"),
        "Ethernet1": neighbour("Established"),
        "Ethernet2": neighbour("Active"),
        "Ethernet3": neighbour("Active", "none"),
        "192.0.2.1": neighbour("Active", "192.0.2.1"),
    }
    bfd = [{"interface": f"Ethernet{n}", "peer": "fe80::1"} for n in (0, 1, 3)]
    bfd += [{"interface": "Ethernet2", "peer": "fe80::2"}, {"peer": "192.0.2.9"}]
    assert stale(neighbours, bfd) == {"Ethernet0"}
    assert stale({}, []) == set()


def test_a_neighbour_is_made_anew_with_all_that_it_had():
    assert anew(CONFIG, "Ethernet1") == [
        "configure terminal", "router bgp 65000", "no neighbor Ethernet1 interface",
        "router bgp 65000", "neighbor Ethernet1 interface peer-group FABRIC",
        "router bgp 65000", "neighbor Ethernet1 description leaf2",
        "router bgp 65000", "address-family ipv4 unicast", "neighbor Ethernet1 weight 7",
    ]  # fmt: skip
    assert anew(CONFIG, "Ethernet2") == []


def test_what_speaks_no_frr_is_left_alone():
    assert _parsed(f"vtysh: not found {_CUT} []") is None
    assert _parsed(f'{{}} {_CUT} {{"ipv4Unicast": {{}}}} {_CUT}') is None
    assert _parsed(f"[] {_CUT} [] {_CUT}") is None
    assert _parsed(f'{{"Ethernet0": {{}}, "as": 1}} {_CUT} [] {_CUT}') == ({"Ethernet0": {}}, [])
    assert stale({"Ethernet0": {"bgpState": "Idle", "bgpNeighborAddr": "fe80::1"}}, ["Ethernet0"]) == set()
