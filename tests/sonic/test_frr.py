from scs_rack.sonic.frr import frr_conf
from scs_rack.sonic.generate import all_tables, config_db, frr_file

from .options import RELEASES, everything
from .racks import shipped


def lines(tables):
    return [line.strip() for line in frr_conf(tables).splitlines()]


def test_a_leaf_speaks_with_its_hosts():
    text = lines(config_db(shipped("lab"), "leaf1"))
    assert f"router bgp {shipped('lab').switches['leaf1'].asn}" in text
    assert "neighbor Ethernet0 interface peer-group HOSTS" in text
    assert "neighbor HOSTS remote-as external" in text
    assert "bgp as-path access-list ONE_HOP seq 5 permit ^[0-9]+$" in text
    assert text.count("match as-path ONE_HOP") == 2
    assert text.count("neighbor HOSTS activate") == 2
    assert text.count("maximum-paths 64") == 2
    assert f"network {shipped('lab').switches['leaf1'].loopback4}/32" in text
    assert f"network {shipped('lab').switches['leaf1'].loopback6}/128" in text


def test_routes_of_hosts_are_told_by_their_prefix_where_the_release_can():
    for release in RELEASES:
        tables = config_db(everything(release), "leaf1") if release != "202411" else {}
        text = lines(tables) if tables else frr_file(everything(release), "leaf1")
        can = release != "202505"  # whose frrcfgd breaks on the keys that its own models want
        assert ("PREFIX" in tables) == (can and bool(tables))
        assert ("ip prefix-list LOOPBACKS4 seq 10 permit 10.21.0.0/24 ge 32" in text) == can
        assert ("neighbor HOSTS route-map LOOPBACKS4 out" in text) == can
        assert "neighbor HOSTS route-map HOSTS4 in" in text


def test_without_a_bgp_instance_there_is_no_router():
    assert "router bgp" not in frr_conf({"DEVICE_METADATA": {"localhost": {"hostname": "oob1"}}})


def test_a_host_route_has_no_length_range():
    tables = {
        "PREFIX_SET": {"X": {"mode": "IPv4"}},
        "PREFIX": {"X|10|192.0.2.7/32|32..32": {"action": "permit"}, "X|20|10.0.0.0/8|9..24": {"action": "deny"}},
    }
    assert "ip prefix-list X seq 10 permit 192.0.2.7/32" in lines(tables)
    assert "ip prefix-list X seq 20 deny 10.0.0.0/8 ge 9 le 24" in lines(tables)


def test_a_numbered_neighbour_gets_its_as_before_its_group():
    tables = {
        "BGP_GLOBALS": {"default": {"local_asn": "1", "router_id": "10.0.0.1"}},
        "BGP_NEIGHBOR": {"default|10.1.0.1": {"asn": "65001", "peer_group_name": "G", "admin_status": "down"}},
        "BGP_NEIGHBOR_AF": {"default|10.1.0.1|ipv4_unicast": {"admin_status": "down"}},
    }
    text = lines(tables)
    assert text.index("neighbor 10.1.0.1 remote-as 65001") < text.index("neighbor 10.1.0.1 peer-group G")
    assert "neighbor 10.1.0.1 shutdown" in text
    assert "no neighbor 10.1.0.1 activate" in text


def test_own_address_of_the_api_outside_of_the_pool_is_announced():
    from scs_rack.design import make_design
    from scs_rack.model import Rack

    rack = shipped("lab").rack
    cloud = rack.cloud.model_copy(update={"api_address4": "192.0.2.7"})
    leaf = rack.switches["leaf1"].model_copy(update={"release": "202511"})
    data = {**rack.model_dump(), "cloud": cloud.model_dump(), "switches": {**rack.switches, "leaf1": leaf}}
    design = make_design(Rack.model_validate(data))
    assert "ip prefix-list LOOPBACKS4 seq 20 permit 192.0.2.7/32" in lines(all_tables(design, "leaf1"))
