"""What is said about cables that are not as planned."""

import json
import re

from scs_rack.sonic.cabling import Port, Seen, judge, parse_lldp, port_names
from scs_rack.sonic.cabling.parse import parse_links, parse_macs, parse_ports

from .racks import shipped

FABRIC = shipped("fabric")
PLAN = [((one.device, one.port), (two.device, two.port)) for one, two in FABRIC.rack.cables]


def all_right():
    """What is seen when every cable is where it belongs."""
    seen = Seen(asked={*FABRIC.switches, *FABRIC.nodes, "manager"}, tables={"oob1", "oob2"})
    for one, two in PLAN:
        if one[1] == "bmc":
            seen.located[one] = {two}
        else:
            seen.heard |= {one: [two], two: [one]}
    return seen


def join(seen, *cables):
    for one, two in cables:
        seen.heard |= {one: [two], two: [one]}
    return seen


def said(seen):
    return [
        (finding.type, finding.where, finding.seen, finding.expected, finding.hint)
        for finding in judge(FABRIC, seen).findings
    ]


def test_two_cables_of_a_leaf_exchanged():
    seen = join(all_right(), (("host3", "up1"), ("leaf2", "Ethernet3")), (("host4", "up1"), ("leaf2", "Ethernet2")))
    assert said(seen) == [
        (
            "cables-swapped", "host3 up1", "leaf2 Ethernet3 (port 4)", "leaf2 Ethernet2 (port 3)",
            "swapped with host4 up1; exchange the plugs in leaf2 Ethernet3 (port 4) and leaf2 Ethernet2 (port 3)",
        )
    ]  # fmt: skip


def test_both_uplinks_of_a_host_exchanged_are_mended_at_the_host():
    seen = join(all_right(), (("host1", "up0"), ("leaf2", "Ethernet0")), (("host1", "up1"), ("leaf1", "Ethernet0")))
    ((kind, *_, hint),) = said(seen)
    assert kind == "cables-swapped"
    assert " and ".join(sorted(re.findall(r"host1 up\d", hint.partition("exchange")[2]))) == "host1 up0 and host1 up1"


def test_three_cables_in_a_round():
    ports = [("leaf1", f"Ethernet{number}") for number in range(3)]
    hosts = [(f"host{number}", "up0") for number in (2, 3, 1)]
    found = said(join(all_right(), *zip(hosts, ports, strict=True)))
    assert [kind for kind, *_ in found] == ["cables-in-a-round"] * 3
    assert found[0][4] == (
        "move the plug in leaf1 Ethernet2 (port 3) to leaf1 Ethernet0 (port 1); "
        "3 plugs go round, so pull them all first"
    )


def test_wrong_port_of_the_right_switch_and_wrong_switch():
    seen = join(all_right(), (("host1", "up0"), ("leaf1", "Ethernet9")), (("host2", "up0"), ("leaf3", "Ethernet9")))
    del seen.heard["leaf1", "Ethernet0"], seen.heard["leaf1", "Ethernet1"]
    assert [(kind, where, at, wanted) for kind, where, at, wanted, _ in said(seen)] == [
        ("cable-misplaced", "host1 up0", "leaf1 Ethernet9 (port 10)", "leaf1 Ethernet0 (port 1)"),
        ("cable-misplaced", "host2 up0", "leaf3 Ethernet9 (port 10)", "leaf1 Ethernet1 (port 2)"),
    ]


def test_bmcs_exchanged_are_found_in_the_forwarding_table():
    seen = all_right()
    one, two = ("host1", "bmc"), ("host2", "bmc")
    seen.located[one], seen.located[two] = seen.located[two] | {("oob2", "Ethernet23")}, seen.located[one]
    ((kind, where, at, wanted, _),) = said(seen)
    assert (kind, where, at, wanted) == (
        "cables-swapped", "host1 bmc", "oob1 Ethernet5 (port 6)", "oob1 Ethernet4 (port 5)",
    )  # fmt: skip


def test_a_bmc_and_a_nic_of_another_host_exchanged():
    seen = all_right()
    seen.located["host1", "bmc"] = {("oob1", "Ethernet1")}
    join(seen, (("host2", "mgmt0"), ("oob1", "Ethernet4")))
    del seen.heard["oob1", "Ethernet1"]
    ((kind, where, *_),) = said(seen)
    assert (kind, where) == ("cables-swapped", "host1 bmc")


def test_a_bmc_that_shares_the_port_of_a_nic():
    seen = all_right()
    seen.located["host1", "bmc"] = {("oob1", "Ethernet0")}
    ((kind, where, at, _, hint),) = said(seen)
    assert (kind, where) == ("bmc-on-shared-port", "host1 bmc")
    assert at == "oob1 Ethernet0 (port 1), where host1 mgmt0 is plugged in"
    assert "NC-SI" in hint


def test_a_bmc_that_nobody_sees():
    seen = all_right()
    del seen.located["host1", "bmc"]
    ((kind, where, *_),) = said(seen)
    assert (kind, where) == ("cable-silent", "host1 bmc")


def test_unknown_neighbours():
    seen = all_right()
    seen.heard["leaf1", "Ethernet0"] = [("laptop", "eth0")]
    del seen.heard["host1", "up0"]
    seen.heard["leaf2", "Ethernet9"] = [("printer", "lan")]
    found = said(seen)
    assert {(kind, at) for kind, _, at, *_ in found} == {
        ("neighbour-unknown", "laptop eth0"), ("neighbour-unknown", "printer lan"),
    }  # fmt: skip
    assert all("laptop" in hint or "printer" in hint for *_, hint in found)


def test_one_way():
    seen = all_right()
    del seen.heard["leaf1", "Ethernet0"]
    ((kind, where, *_),) = said(seen)
    assert (kind, where) == ("cable-one-way", "leaf1 Ethernet0 (port 1)")


def test_a_neighbour_that_others_contradict():
    seen = all_right()
    seen.heard["leaf1", "Ethernet0"].append(("host2", "up0"))
    ((kind, where, at, *_),) = said(seen)
    assert (kind, where) == ("neighbours-disagree", "leaf1 Ethernet0 (port 1)")
    assert "host2 up0 too, beside host1 up0" in at


def test_no_link_and_why():
    end, far = ("host1", "up0"), ("leaf1", "Ethernet0")
    hints = {}
    for name, here, there in (
        ("dead", Port(up=False), Port(up=False)),
        ("down", Port(up=False), Port(up=False, admin_up=False)),
        ("speed", Port(up=False, speed=10_000), Port(up=False, speed=25_000)),
        ("fec", Port(up=False, fec="none"), Port(up=False, fec="rs")),
    ):
        seen = all_right()
        del seen.heard[end], seen.heard[far]
        seen.ports |= {end: here, far: there}
        ((kind, where, at, _, hints[name]),) = said(seen)
        assert (kind, where, at) == ("cable-dark", "host1 up0", "no link")
    assert hints == {
        "dead": "is the cable plugged in at both ends, and whole?",
        "down": "leaf1 Ethernet0 (port 1) switched off in the configuration; `scs-rack switch diff` shows it",
        "speed": "host1 up0 runs at 10G, leaf1 Ethernet0 (port 1) at 25G",
        "fec": "FEC is none at host1 up0, rs at leaf1 Ethernet0 (port 1)",
    }


def test_no_link_for_want_of_a_transceiver():
    seen = all_right()
    del seen.heard["host1", "up0"], seen.heard["leaf1", "Ethernet0"]
    seen.ports["leaf1", "Ethernet0"] = Port(up=False, transceiver=False)
    ((kind, where, at, *_),) = said(seen)
    assert (kind, where, at) == ("transceiver-missing", "host1 up0", "no transceiver in leaf1 Ethernet0 (port 1)")


def test_speed_and_fec_of_cables_that_work():
    seen = all_right()
    one, two = ("leaf1", "Ethernet14"), ("spine1", "Ethernet0")
    seen.ports |= {one: Port(True, True, 25_000, "rs"), two: Port(True, True, 10_000, "none", transceiver=False)}
    assert [kind for kind, *_ in said(seen)] == ["speed-mismatch", "fec-mismatch"]
    seen.ports[two] = Port(True, True, 25_000, "rs", True)
    assert said(seen) == []
    seen.ports |= {one: Port(True, True, 10_000, "rs"), two: Port(True, True, 10_000, "rs")}
    assert [kind for kind, *_ in said(seen)] == ["speed-not-planned"] * 2


def test_firmware_that_speaks_lldp_beside_the_operating_system():
    seen = all_right()
    seen.heard["leaf1", "Ethernet0"].append(("host1", "02:5c:08:00:01:99"))
    assert said(seen) == []


LLDP = """{"lldp": [{"interface": [
  {"name": "Ethernet0", "via": "LLDP",
   "chassis": [{"id": [{"type": "mac", "value": "02:00:00:00:00:01"}], "name": [{"value": "host1.fabric.internal"}]}],
   "port": [{"id": [{"type": "ifname", "value": "up0"}], "descr": [{"value": "up0"}]}]},
  {"name": "Ethernet14", "via": "LLDP",
   "chassis": [{"id": [{"type": "mac", "value": "02:00:00:00:00:02"}], "name": [{"value": "spine1"}]}],
   "port": [{"id": [{"type": "local", "value": "twentyfiveGigE1"}], "descr": [{"value": "leaf1:Ethernet14"}]}]},
  {"name": "Ethernet1", "via": "LLDP",
   "chassis": [{"id": [{"type": "mac", "value": "02:00:00:00:00:03"}], "name": [{"value": "host2"}]}],
   "port": [{"id": [{"type": "mac", "value": "02:5c:08:00:02:02"}]}]},
  {"name": "Ethernet2", "chassis": [{"id": [{"type": "mac", "value": "02:00:00:00:00:09"}]}], "port": [{}]},
  {"name": "Ethernet1", "chassis": [{"name": [{"value": "hub"}]}], "port": [{"id": [{"value": "7"}]}]}
]}]}"""


def test_what_lldpd_says():
    assert parse_lldp(json.loads(LLDP), port_names(FABRIC)) == {
        "Ethernet0": [("host1", "up0")],
        "Ethernet14": [("spine1", "Ethernet0")],
        "Ethernet1": [("host2", "up0"), ("hub", "7")],
        "Ethernet2": [("02:00:00:00:00:09", "")],
    }
    assert parse_lldp({"lldp": [{}]}, {}) == {}


STATUS = """
  Interface        Lanes    Speed    MTU    FEC       Alias    Vlan    Oper    Admin             Type    Asym PFC
-----------  -----------  -------  -----  -----  ----------  ------  ------  -------  ---------------  ----------
  Ethernet0  73,74,75,76     100G   9100     rs  hundred1/1  routed      up       up  QSFP28 or later         N/A
  Ethernet4           77      25G   9100    N/A  twentyfiv2   trunk    down     down              N/A         N/A
        PC1          N/A     200G   9100    N/A         N/A  routed      up       up              N/A         N/A
"""
PRESENCE = """Port       Presence
---------  -----------
Ethernet0  Present
Ethernet4  Not present
"""
MACS = """  No.    Vlan  MacAddress         Port        Type
-----  ------  -----------------  ----------  -------
    1      10  02:5C:08:00:01:00  Ethernet4   Dynamic
    2      20  02:5C:08:00:01:00  Ethernet23  Dynamic
Total number of entries 2
"""


def test_what_show_says():
    assert parse_ports(STATUS, PRESENCE) == {
        "Ethernet0": Port(up=True, admin_up=True, speed=100_000, fec="rs", transceiver=True),
        "Ethernet4": Port(up=False, admin_up=False, speed=25_000, fec="none", transceiver=False),
    }
    assert parse_ports(STATUS, "")["Ethernet4"].transceiver is None
    assert parse_macs(MACS) == {"02:5c:08:00:01:00": {"Ethernet4", "Ethernet23"}}
    assert parse_macs("") == parse_ports("Error: what?\n", "") == {}


def test_what_a_server_says():
    links = [
        {"ifname": "up0", "flags": ["UP", "LOWER_UP"]},
        {"ifname": "up1", "flags": ["UP"]},
        {"ifname": "veth", "flags": [], "linkinfo": {"info_kind": "veth"}},
    ]
    assert parse_links(links, "up0 25000\nup1 -1\nveth 10000\nlo\n") == {
        "up0": Port(up=True, admin_up=True, speed=25_000),
        "up1": Port(up=False, admin_up=True),
        "veth": Port(up=False, admin_up=False),
    }
