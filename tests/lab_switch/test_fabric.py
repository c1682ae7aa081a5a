"""Two leaves, an out-of-band switch and a host, all real machines in namespaces of their own."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scs_rack import ssh
from scs_rack.design import make_design
from scs_rack.lab import netns
from scs_rack.model.load import load_rack
from scs_rack.sonic import plan as planning
from scs_rack.sonic.cabling import judge, listen
from scs_rack.sonic.transport import Switch, SwitchUnreachable, on_all, switches
from scs_rack.sonic.verify import await_sessions, host_ports, sessions
from scs_rack.stages.switches import SwitchesStage

from .machines import Machines, missing, sh

pytestmark = [pytest.mark.root, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

REPOSITORY = Path(__file__).parents[2]
RACK = REPOSITORY / "inventory/lab"
HOSTS = ("node1", "node2")

HOST = """frr defaults datacenter
router bgp {asn}
 bgp router-id {loopback}
 no bgp default ipv4-unicast
 bgp bestpath as-path multipath-relax
 neighbor LEAF peer-group
 neighbor LEAF remote-as external
 neighbor LEAF timers connect 2
 neighbor LEAF bfd
 neighbor up0 interface peer-group LEAF
 neighbor up1 interface peer-group LEAF
 address-family ipv4 unicast
  network {loopback}/32
  neighbor LEAF activate
 exit-address-family
 address-family ipv6 unicast
  neighbor LEAF activate
 exit-address-family
"""


def until(seconds, condition):
    """Wait for a condition; returns whether it came true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.3)
    return True


def answers(switch):
    line = switch.renewed()
    try:
        return line.run("true", timeout=5).code == 0
    except SwitchUnreachable:
        return False
    finally:
        line.hang_up()


@pytest.fixture(scope="module")
def fabric(tmp_path_factory):
    design = make_design(load_rack(RACK))
    state = tmp_path_factory.mktemp("state") / design.rack.name
    key = ssh.ensure(state).public.read_text()
    machines = Machines(design, tmp_path_factory.mktemp("machines"))
    try:
        for name in ("oob1", "leaf1", "leaf2", *HOSTS, "manager"):
            machines.namespace(name)
        machines.cable(("leaf1", "eth0"), ("oob1", "Ethernet8"))
        machines.cable(("leaf2", "eth0"), ("oob1", "Ethernet9"))
        machines.cable(("manager", "oob"), ("oob1", "Ethernet10"))
        manager = f"{machines.prefix}manager"
        lines = [f"-n {manager} address add {design.manager.mgmt} dev oob", f"-n {manager} link set oob up"]
        for number, name in enumerate(HOSTS):
            machines.cable((name, "up0"), ("leaf1", f"Ethernet{number}"))
            machines.cable((name, "up1"), ("leaf2", f"Ethernet{number}"))
            lines.append(f"-n {machines.prefix}{name} address add {design.nodes[name].loopback4}/32 dev lo")
            lines += [f"-n {machines.prefix}{name} link set {port} up" for port in ("up0", "up1")]
        for line in lines:
            sh("ip", *line.split())
        for name in ("oob1", "leaf1", "leaf2"):
            machines.boot_switch(name, key)
        for name in HOSTS:
            node = design.nodes[name]
            machines.boot_host(name, HOST.format(asn=node.asn, loopback=node.loopback4))
        ctx = machines.context(state)
        with netns.inside(manager):
            assert until(60, lambda: all(answer is True for answer in on_all(switches(ctx), answers).values()))
            yield machines, ctx
    finally:
        machines.close()


@pytest.fixture(scope="module")
def configured(fabric):
    machines, ctx = fabric
    stage = SwitchesStage()
    planned = {one.device: one for one in stage.plan(ctx)}
    assert planned.keys() == {"oob1", "leaf1", "leaf2"}
    assert "+ BGP_NEIGHBOR|default|Ethernet0 peer_group_name=HOSTS" in planned["leaf1"].diff
    results = list(stage.apply(ctx))
    assert [result.error for result in results] == [None] * 3
    assert all(result.changed for result in results)
    return machines, ctx


def test_a_second_run_changes_nothing(configured):
    _, ctx = configured
    stage = SwitchesStage()
    assert list(stage.plan(ctx)) == []
    assert not any(result.changed or result.error for result in stage.apply(ctx))


def test_host_and_leaves_speak_bgp_and_exchange_loopbacks(configured):
    machines, ctx = configured
    ports = {leaf: [use for use in host_ports(ctx.design, leaf) if use.peer in HOSTS] for leaf in ("leaf1", "leaf2")}
    assert await_sessions(ctx, ports, 40) == []
    leaf = ctx.design.switches["leaf2"].loopback4
    assert until(10, lambda: str(leaf) in machines.run("node1", "vtysh", "-c", "show ip route bgp json"))
    source = str(ctx.design.nodes["node1"].loopback4)
    machines.run("node1", "ping", "-c", "2", "-I", source, str(leaf))


def test_what_is_announced_is_loopbacks_only(configured):
    machines, ctx = configured
    test_host_and_leaves_speak_bgp_and_exchange_loopbacks(configured)
    routes = json.loads(machines.run("node1", "vtysh", "-c", "show bgp ipv4 unicast json"))["routes"]
    assert set(routes) == {
        f"{address}/32"
        for address in (
            *(ctx.design.nodes[name].loopback4 for name in HOSTS),
            ctx.design.switches["leaf1"].loopback4,
            ctx.design.switches["leaf2"].loopback4,
        )
    }


def test_the_gate_sees_what_is_wrong(configured):
    _, ctx = configured
    found = {(finding.type, finding.where) for finding in SwitchesStage().gate(ctx)}
    assert {where for kind, where in found if kind == "link-down"} == {  # these cables are not in this little rack
        "leaf1 Ethernet7", "leaf1 Ethernet15", "leaf2 Ethernet7", "leaf2 Ethernet15",
    }  # fmt: skip
    assert not any(kind == "config-differs" for kind, _ in found)
    switch = Switch(ctx, "oob1")
    switch.ask("sudo sonic-db-cli CONFIG_DB hset 'PORT|Ethernet3' description changed >/dev/null")
    found = {(finding.type, finding.where) for finding in SwitchesStage().gate(ctx)}
    assert ("config-differs", "oob1") in found
    assert [result.device for result in SwitchesStage().apply(ctx) if result.changed] == ["oob1"]


def test_ports_hear_each_other(configured):
    _, ctx = configured

    def right():
        heard = listen(ctx).seen.heard
        wanted = {("oob1", "Ethernet8"): [("leaf1", "eth0")], ("leaf2", "eth0"): [("oob1", "Ethernet9")]}
        return {end: heard.get(end) for end in wanted} == wanted

    assert until(30, right)
    swap = {("leaf1", "eth0"): "Ethernet9", ("leaf2", "eth0"): "Ethernet8"}  # what if the rack file said it so?
    cables = [
        (one, two.model_copy(update={"port": swap.get((one.device, one.port), two.port)}))
        for one, two in ctx.design.rack.cables
    ]
    other = make_design(ctx.design.rack.model_copy(update={"cables": cables}))
    found = [finding for finding in judge(other, listen(ctx).seen).findings if finding.type == "cables-swapped"]
    assert [(finding.where, finding.seen) for finding in found] == [("leaf1 eth0", "oob1 Ethernet8 (port 9)")]


def test_a_switch_that_lost_power_keeps_what_was_saved(configured):
    machines, ctx = configured
    saved = json.loads(machines.run("leaf1", "cat", "/etc/sonic/config_db.json"))
    assert saved["BGP_GLOBALS"]["default"]["local_asn"] == str(ctx.design.switches["leaf1"].asn)


def test_the_role_does_the_same(configured):
    _, ctx = configured
    switch = Switch(ctx, "oob1")
    description = switch.ask("sudo sonic-db-cli CONFIG_DB hget 'PORT|Ethernet3' description")
    switch.ask("sudo sonic-db-cli CONFIG_DB hset 'PORT|Ethernet3' description changed")
    counts = []
    for options in (["--check", "--diff"], [], []):
        playbook = [Path(sys.executable).parent / "ansible-playbook", "-i", RACK / "rack.yml", "playbooks/switches.yml"]
        done = subprocess.run(
            [*playbook, *options],
            cwd=REPOSITORY, capture_output=True, text=True, check=False,
            env=os.environ | {"SCS_RACK_STATE": str(ctx.state_dir.parent), "ANSIBLE_NOCOLOR": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        counts.append(re.search(r"changed=(\d+)", done.stdout)[1])
        assert ("description: changed → node4:bmc" in done.stdout) == ("--diff" in options)
    assert counts == ["1", "1", "0"]
    assert switch.ask("sudo sonic-db-cli CONFIG_DB hget 'PORT|Ethernet3' description") == description


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("config save -y", 1, "Root privileges are required for this operation"),
        ("sudo config nonsense", 2, 'No such command "nonsense"'),
        ("sudo config rollback nothing", 2, "Checkpoint 'nothing' does not exist"),
        ("echo '{\"PORT\": 1}' >x.json; sudo config replace x.json", 2, "not of the form table, key, fields"),
        ("show vxlan tunnel", 2, 'No such command "vxlan"'),
        ("docker exec p4rt ls", 1, "No such container: p4rt"),
        ("show interfaces status", 0, "Ethernet0"),
        ("show ip bgp summary", 0, "Ethernet0"),
        ("show version", 0, "SONiC Software Version"),
        ("sonic-cfggen -d --print-data", 0, '"DEVICE_METADATA"'),
    ],
)
def test_commands_of_the_switch(configured, command, code, says):
    _, ctx = configured
    reply = Switch(ctx, "leaf1").run(command)
    assert reply.code == code
    assert says in reply.out + reply.err


def test_a_dry_run_changes_nothing_and_finds_faults(configured):
    _, ctx = configured
    switch = Switch(ctx, "leaf1")
    running = planning.read(switch)
    assert planning.dry_run(switch, running) == []
    broken = {**running, "VLAN_MEMBER": {"Vlan100|Ethernet0": {"tagging_mode": "untagged"}}}
    said = planning.dry_run(switch, broken)[0]  # by YANG models where the lab has them, else by our own checks
    assert "Vlan100|Ethernet0.port: Port is a router interface" in said or "Vlan100 and a routed port" in said
    assert planning.read(switch) == running


def test_sessions_of_a_leaf_are_read(configured):
    _, ctx = configured
    assert {"Ethernet0", "Ethernet7"} <= sessions(Switch(ctx, "leaf1")).keys()


def test_a_leaf_that_hangs_costs_a_moment(configured):
    """Its links stay up, and it neither forwards nor speaks: only BFD can tell, for the hold time is 9 s."""
    machines, ctx = configured
    test_host_and_leaves_speak_bgp_and_exchange_loopbacks(configured)
    source, target = (str(ctx.design.nodes[name].loopback4) for name in HOSTS)
    assert until(20, lambda: machines.run("node1", "ip", "route", "show", target).count("nexthop") == 2)
    way = machines.run("node1", "ip", "route", "get", target, "from", source)
    leaf = "leaf1" if " dev up0 " in way else "leaf2"
    enter = ["nsenter", f"--net={netns.path(machines.prefix + 'node1')}"]
    with subprocess.Popen(
        [*enter, "ping", "-q", "-i", "0.2", "-w", "15", "-W", "1", "-I", source, target],
        stdout=subprocess.PIPE, text=True,
    ) as train:  # fmt: skip
        time.sleep(2)
        machines.run(leaf, "sh", "-c", "echo 0 >/proc/sys/net/ipv4/ip_forward")
        machines.freeze(leaf, frozen=True)
        said = train.communicate(timeout=30)[0]
    sent, received = map(int, re.search(r"(\d+) packets transmitted, (\d+) received", said).groups())
    assert sent > 50
    assert 0 < (sent - received) * 0.2 < 6, said
    assert machines.run("node1", "ip", "route", "show", target).count("via") == 1
    machines.freeze(leaf, frozen=False)
    machines.run(leaf, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
    assert until(30, lambda: machines.run("node1", "ip", "route", "show", target).count("nexthop") == 2)
