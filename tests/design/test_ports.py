from pathlib import Path

import pytest

from scs_rack.design import PortUse, make_design
from scs_rack.model.load import load_rack

INVENTORY = Path(__file__).parents[2] / "inventory"
LAB = make_design(load_rack(INVENTORY / "lab"))
EXAMPLE = make_design(load_rack(INVENTORY / "example"))


def test_both_ends_of_each_cable_agree():
    for design in (LAB, EXAMPLE):
        for name, switch in design.switches.items():
            for port in switch.ports.values():
                if port.peer in design.switches:
                    back = design.switches[port.peer].ports[port.peer_port]
                    assert (back.peer, back.peer_port) == (name, port.port)
                    assert (back.use, back.speed, back.tagged) == (port.use, port.speed, port.tagged)


@pytest.mark.parametrize(
    ("switch", "port", "use"),
    [
        ("spine1", "Ethernet0", PortUse("Ethernet0", "leaf1", "Ethernet72", "fabric", 100_000)),
        ("leaf1", "Ethernet0", PortUse("Ethernet0", "ctl1", "ens1f0", "host", 25_000)),
        ("leaf3", "Ethernet48", PortUse("Ethernet48", "acc1", "ens3f0", "host", 100_000)),
        ("leaf5", "Ethernet49", PortUse("Ethernet49", "sto2", "ens1f0", "host", 25_000)),
        ("leaf5", "Ethernet0", PortUse("Ethernet0", "manager", "up0", "host", 10_000)),
        ("leaf3", "Ethernet24", PortUse("Ethernet24", "net1", "ens2f0", "trunk", 25_000, 100, (200, 210))),
        ("oob1", "Ethernet0", PortUse("Ethernet0", "ctl1", "bmc", "access", 1000, 10)),
        ("oob1", "Ethernet48", PortUse("Ethernet48", "oob2", "Ethernet48", "trunk", 25_000, None, (10,))),
        ("leaf1", "eth0", PortUse("eth0", "oob2", "Ethernet42", "access", 1000, 10)),
    ],
)
def test_what_ports_are_for(switch, port, use):
    assert EXAMPLE.switches[switch].ports[port] == use


def test_one_external_network_comes_untagged():
    assert LAB.switches["leaf1"].ports["Ethernet8"] == PortUse("Ethernet8", "node1", "ext0", "access", 25_000, 100)
    assert [port.port for port in LAB.nodes["node1"].external] == ["ext0", "ext1"]
    assert [port.port for port in LAB.nodes["node1"].uplinks] == ["up0", "up1"]


def test_servers_without_external_ports_have_none():
    assert EXAMPLE.nodes["cmp1"].external == ()
