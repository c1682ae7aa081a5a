from scs_rack.sonic.cabling import judge, parse_lldp, port_names

from .racks import shipped

LAB = shipped("lab")
SPEAKERS = frozenset({"leaf1", "leaf2", "oob1", "node1", "node2", "node3"})


def heard():
    """What all ports hear when every cable is right."""
    found = {}
    for one, two in LAB.rack.cables:
        a, b = (one.device, one.port), (two.device, two.port)
        if a[0] in SPEAKERS and b[0] in SPEAKERS and "bmc" not in (a[1], b[1]):
            found |= {a: b, b: a}
    return found


def types(seen):
    return [(finding.type, finding.where) for finding in judge(LAB, seen, SPEAKERS)]


def test_right_cables():
    assert types(heard()) == []


def test_two_cables_exchanged_are_one_fault_and_named():
    seen = heard() | {
        ("leaf1", "Ethernet0"): ("node2", "up0"),
        ("leaf1", "Ethernet1"): ("node1", "up0"),
        ("node1", "up0"): ("leaf1", "Ethernet1"),
        ("node2", "up0"): ("leaf1", "Ethernet0"),
    }
    (finding,) = judge(LAB, seen, SPEAKERS)
    assert finding.type == "cables-swapped"
    assert finding.hint == "exchange the plugs in leaf1 Ethernet0 and leaf1 Ethernet1"


def test_cable_in_the_wrong_port():
    seen = heard() | {("leaf1", "Ethernet5"): ("node1", "up0"), ("node1", "up0"): ("leaf1", "Ethernet5")}
    del seen["leaf1", "Ethernet0"]
    (finding,) = judge(LAB, seen, SPEAKERS)
    assert (finding.type, finding.where, finding.seen) == ("cable-misplaced", "node1 up0", "leaf1 Ethernet5")


def test_unknown_device():
    (finding,) = judge(LAB, heard() | {("leaf1", "Ethernet0"): ("laptop", "eth0")}, SPEAKERS)
    assert finding.hint == "the rack file has no laptop eth0"


def test_silent_and_one_way():
    seen = heard()
    del seen["leaf1", "Ethernet0"]
    assert types(seen) == [("cable-one-way", "leaf1 Ethernet0")]
    del seen["node1", "up0"]
    assert types(seen) == [("cable-silent", "leaf1 Ethernet0")]
    (finding,) = judge(LAB, seen, SPEAKERS, frozenset({("leaf1", "Ethernet0")}))
    assert (finding.type, finding.seen) == ("cable-dark", "no link")


def test_only_cables_between_speakers_are_judged():
    assert judge(LAB, {}, frozenset({"leaf1", "manager"})) != []
    assert judge(LAB, {}, frozenset({"leaf1", "leaf2"})) == []


def test_port_ids_are_put_into_the_words_of_the_rack_file():
    def interface(name, device, kind, value, descr=""):
        port = {"id": [{"type": kind, "value": value}], "descr": [{"value": descr}]}
        return {"name": name, "chassis": [{"name": [{"value": device}]}], "port": [port]}

    data = {
        "lldp": [
            {
                "interface": [
                    interface("up0", "leaf1", "local", "twentyfiveGigE1", "node1:up0"),
                    interface("Ethernet0", "node1.lab.internal", "mac", LAB.nodes["node1"].macs["up0"]),
                    interface("Ethernet1", "node2", "mac", "02:00:00:00:00:01", "up0"),
                    interface("Ethernet2", "node3", "ifname", "up0"),
                ]
            }
        ]
    }
    assert parse_lldp(data, port_names(LAB)) == {
        "up0": ("leaf1", "Ethernet0"),
        "Ethernet0": ("node1", "up0"),
        "Ethernet1": ("node2", "up0"),
        "Ethernet2": ("node3", "up0"),
    }
    assert parse_lldp({"lldp": [{}]}, {}) == {}
