"""Changes of a running fabric: what is planned happens, and traffic goes on meanwhile."""

import json
from dataclasses import replace

import pytest

from scs_rack.engine.stage import Context
from scs_rack.lab import netns
from scs_rack.paths import state_dir
from scs_rack.sonic import plan as planning
from scs_rack.sonic.apply import RolledBack, apply
from scs_rack.sonic.tables import compare
from scs_rack.sonic.transport import Switch
from scs_rack.sonic.watch import checker

from .rack import until

pytestmark = pytest.mark.lab


def kernel(fabric, device, port):
    """What the kernel of a device says of a port."""
    return json.loads(fabric.run(device, "ip", "-j", "link", "show", port))[0]


def test_the_fabric_is_up_and_every_host_reaches_every_other_one_by_two_ways(fabric):
    assert fabric.converged()
    for name, switch in fabric.design.switches.items():
        wanted = {use.port for use in switch.ports.values() if use.use in {"fabric", "host"}}
        assert {port for port, state in fabric.sessions(name).items() if state == "Established"} == wanted
    assert "nothing to do" in fabric.scs_rack("plan", "--to", "switches")


def test_another_mtu_everywhere_loses_nothing(fabric):
    before = fabric.drops()
    fabric.edit(("pools:\n", "switching: {mtu: 9000}\npools:\n"))
    with fabric.train() as train:
        fabric.apply()
    for name, switch in fabric.design.switches.items():
        for port in switch.ports:
            if port.startswith("Ethernet"):
                assert kernel(fabric, name, port)["mtu"] == 9000, (name, port)
    assert train.report.lost == 0, train.report
    assert fabric.drops() == before


def test_a_further_vlan_separates_its_ports(fabric):
    addresses = {
        "host1": "10.82.0.201/24",
        "host2": "10.82.0.202/24",
        "host3": "10.82.0.203/24",
        "host4": "10.82.0.204/24",
    }
    for host, address in addresses.items():
        fabric.run(host, "ip", "address", "add", address, "dev", "ext0")
    assert until(lambda: fabric.ping("host1", "10.82.0.203") == 3, 10)
    own = "  leaf1: {model: lab-leaf-16, role: leaf, unit: 15, "
    with_ports = f"{own}ports: {{Ethernet6: {{untagged: 200}}, Ethernet7: {{untagged: 200}}}}, "
    fabric.edit((own, with_ports), ("switches:\n", "layer2: {segments: {trial: {vlan: 200}}}\nswitches:\n"))
    before = fabric.drops()
    with fabric.train() as train:
        fabric.apply()
    assert until(lambda: fabric.ping("host3", "10.82.0.204") == 3, 10)
    assert fabric.ping("host1", "10.82.0.202") == 3
    assert fabric.ping("host1", "10.82.0.203") == 0
    assert train.report.lost == 0, train.report
    assert fabric.drops() == before
    fabric.edit((with_ports, own))
    fabric.apply()
    assert until(lambda: fabric.ping("host1", "10.82.0.203") == 3, 10)
    for host, address in addresses.items():
        fabric.run(host, "ip", "address", "del", address, "dev", "ext0")


def test_a_further_leaf_disturbs_nobody(fabric):
    before = fabric.drops()
    cables = (
        "[leaf5:eth0, oob2:Ethernet11]",
        "[leaf5:Ethernet14, spine1:Ethernet4]",
        "[leaf5:Ethernet15, spine2:Ethernet4]",
    )
    last = "  - [leaf4:eth0, oob2:Ethernet9]\n"
    fabric.edit(
        ("  oob1: {model", "  leaf5: {model: lab-leaf-16, role: leaf, unit: 11, feeds: [A, B]}\n  oob1: {model"),
        (last, last + "".join(f"  - {cable}\n" for cable in cables)),
    )
    with fabric.train() as train:
        fabric.scs_rack("lab", "up")
        assert until(lambda: fabric.drops(["leaf5"]), 60)  # FRR runs there
        fabric.apply()
    assert train.report.lost == 0, train.report
    assert fabric.sessions("leaf5") == {"Ethernet14": "Established", "Ethernet15": "Established"}
    assert fabric.ping("host1", str(fabric.design.switches["leaf5"].loopback4)) == 3
    after = fabric.drops()
    assert {name: after[name] for name in before} == before
    fabric.scs_rack("cable", "verify")


def test_a_dead_leaf_is_replaced_by_one_with_another_address(fabric):
    with fabric.train() as died:
        fabric.scs_rack("lab", "fault", "leaf2", "stop")
        assert until(lambda: fabric.sessions("host1").get("up1") != "Established", 20)
    assert died.report.gap < 5, died.report
    mac = "02:5c:08:ff:ff:01"
    own = "  leaf2: {model: lab-leaf-16, "
    with fabric.train() as train:
        fabric.scs_rack("lab", "fault", "leaf2", "replace", "--mac", mac)
        fabric.edit((own, f"{own}mac: {mac}, "))
        assert until(lambda: fabric.drops(["leaf2"]), 60)
        fabric.scs_rack("lab", "up")  # knows the new host key, as the first contact with a real switch does
        fabric.apply()
        assert fabric.converged(60)
    assert kernel(fabric, "leaf2", "Ethernet0")["address"] == mac
    assert train.report.lost == 0, train.report
    fabric.scs_rack("cable", "verify")


def test_another_as_number_of_a_leaf_loses_nothing(fabric):
    own = "  leaf4: {model: lab-leaf-16, "
    with fabric.train() as train:
        fabric.edit((own, f"{own}asn: 4210081777, "))
        fabric.apply()
        assert fabric.converged(40)
    running = fabric.run("leaf4", "vtysh", "-c", "show running-config bgpd")
    assert "router bgp 4210081777" in running
    assert "graceful-shutdown" not in running
    assert train.report.lost == 0, train.report


def test_a_wrong_as_number_undoes_itself(fabric):
    design = fabric.design
    state = state_dir(design.rack.name)
    with fabric.train() as train, netns.inside(fabric.lab.namespace("manager")):
        switch = Switch(Context(design, fabric.folder, state, state, {}), "leaf3")
        plan = planning.plan(switch)
        row = plan.running["BGP_GLOBALS"]["default"]
        wrong = {**row, "local_asn": str(design.switches["spine1"].asn)}
        goal = {**plan.running, "BGP_GLOBALS": {"default": wrong}}
        bad = replace(plan, goal=goal, changes=compare(plan.running, goal))
        with pytest.raises(RolledBack):
            apply(switch, bad, checker(switch, bad))
        assert planning.read(switch) == plan.running
    assert fabric.converged(40)
    assert "nothing to do" in fabric.scs_rack("plan", "--to", "switches")
    assert train.report.gap < 1, train.report
