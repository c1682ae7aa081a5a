"""A virtual rack comes up, loses things, is mended, and goes without a trace."""

import base64
import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from scs_rack import ssh
from scs_rack.errors import RackLocked, UsageError
from scs_rack.lab import cables, cgroup, faults, netns, nodes, overlay, status
from scs_rack.lab.down import down
from scs_rack.lab.layout import Lab
from scs_rack.lab.up import lab_lock
from scs_rack.paths import state_dir

pytestmark = pytest.mark.lab


def wait(what, seconds=20.0):
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.05)


def host_network():
    """Links and routes of the host's own namespace."""
    commands = (["ip", "-o", "link"], ["ip", "route", "show", "table", "all"], ["ip", "-6", "route"])
    return [
        subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines() for command in commands
    ]


def carrier(rack, device, port):
    """True if a port sees its other end."""
    return "LOWER_UP" in netns.ip("-n", rack.lab.namespace(device), "-o", "link", "show", port)


def on_node(rack, name, *command):
    """Run a command on a server, by SSH from the manager."""
    state = state_dir(rack.lab.name)
    options = [f"-o{key}={value}" for key, value in ssh.options(state).items()]
    address = str(rack.design.nodes[name].mgmt.ip)
    return subprocess.run(
        ["nsenter", f"--net={netns.path(rack.lab.namespace('manager'))}", "ssh", "-i", str(ssh.files(state).key),
         *options, f"root@{address}", *command], check=False, capture_output=True, text=True, timeout=30,
    )  # fmt: skip


@pytest.fixture
def running(rack):
    """The rack, up and whole."""
    rack.up()
    return rack


@pytest.fixture
def node1(running):
    """A server that is on and reachable."""
    nodes.start(running.lab, "node1")
    wait(lambda: nodes.listening(running.lab, "node1", 22))
    return "node1"


def test_up_makes_all_that_the_rack_file_states_and_nothing_on_the_host(rack):
    rack.down()
    before = host_network()
    start = time.monotonic()
    rack.up()
    assert time.monotonic() - start < 60
    assert host_network() == before
    assert status.missing_cables(rack.lab, rack.design) == []
    states = {one.name: (one.state, one.reachable) for one in status.devices(rack.lab, rack.design)}
    servers = set(rack.design.nodes)
    assert {states[name] for name in servers} == {("off", False)}
    assert {states[name] for name in states if name not in servers} == {("on", True)}


def test_a_second_up_changes_nothing(running):
    inits = {name: nodes.leader(running.lab, name) for name in running.lab.machines()}
    said = running.up()
    assert "0 of 31 cables plugged in" in said
    assert "started: nothing, all was running" in said
    assert {name: nodes.leader(running.lab, name) for name in running.lab.machines()} == inits


def route(name, address):
    """What a namespace would do with a packet, None if it has no route."""
    command = ["ip", "-n", name, "-json", "route", "get", address]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return None if done.returncode else json.loads(done.stdout)[0]


def test_there_is_no_way_out(node1, running):
    ours = set(cables.namespaces(running.lab, running.design))
    ports = 0
    for name in ours:
        for link in netns.ip("-n", name, "-o", "-details", "link").splitlines():
            if " veth " in link:
                ports += 1
                assert link.split(" link-netns ")[1].split()[0] in ours, f"leads out of the lab: {link}"
            else:
                assert "link-netns" not in link, link
        for address in ("10.90.0.101", "10.91.0.1", "10.92.0.150"):
            way = route(name, address)
            assert way is None or way["dev"] == "lo" or way["dev"] in netns.links(name)
    assert ports == 2 * len(running.design.rack.cables)
    manager = running.lab.namespace("manager")
    assert [route(manager, address) for address in ("192.0.2.1", "2001:db8::1")] == [None, None]
    with netns.inside(manager):
        assert Path("/proc/thread-self/net/route").read_text().count("00000000\t00000000") == 0


def test_a_server_is_powered_by_its_bmc_and_reached_from_the_manager(running):
    nodes.stop(running.lab, "node2", hard=True)
    state = state_dir(running.lab.name)
    bmc = running.design.nodes["node2"].bmc
    password = json.loads((running.lab.home / "bmc/node2.json").read_text())["password"]
    basic = base64.b64encode(f"{bmc.user}:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}
    tls = ssl.create_default_context(cafile=str(state / "ca/ca.crt"))
    base = f"https://{bmc.address}"
    with netns.inside(running.lab.namespace("manager")):
        systems = urllib.request.Request(f"{base}/redfish/v1/Systems", headers=headers)
        member = json.load(urllib.request.urlopen(systems, context=tls, timeout=10))["Members"][0]["@odata.id"]
        url = f"{base}{member}/Actions/ComputerSystem.Reset"
        reset = urllib.request.Request(url, data=b'{"ResetType": "On"}', headers=headers)
        urllib.request.urlopen(reset, context=tls, timeout=10)
    wait(lambda: nodes.listening(running.lab, "node2", 22))
    assert on_node(running, "node2", "hostname").stdout == "node2\n"


def test_a_server_is_reachable_within_seconds_and_sane(running):
    nodes.stop(running.lab, "node1", hard=True)
    start = time.monotonic()
    assert nodes.start(running.lab, "node1")
    assert not nodes.start(running.lab, "node1")
    wait(lambda: nodes.listening(running.lab, "node1", 22))
    assert time.monotonic() - start < 15
    wait(lambda: on_node(running, "node1", "systemctl", "is-system-running").stdout == "running\n")
    assert on_node(running, "node1", "systemctl", "--failed", "--no-legend").stdout == ""
    assert "8000000000" in on_node(running, "node1", "stat", "-c%s", "/srv/disks/osd0").stdout
    assert on_node(running, "node1", "sysctl", "-w", "net.ipv4.ip_forward=1").returncode == 0
    assert on_node(running, "node1", "test", "-c", "/dev/net/tun").returncode == 0
    assert on_node(running, "node1", "date", "-s", "2001-01-01").returncode != 0, "a node must not set the host's clock"


def test_servers_differ_in_all_that_must_differ(node1, running):
    nodes.start(running.lab, "node2")
    wait(lambda: nodes.listening(running.lab, "node2", 22))
    for what in ("/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key.pub", "/etc/hostname"):
        seen = {on_node(running, name, "cat", what).stdout for name in ("node1", "node2")}
        assert len(seen) == 2, what


def test_a_reboot_from_inside_comes_back_with_its_files(node1, running):
    on_node(running, node1, "touch", "/root/kept")
    before = nodes.leader(running.lab, node1)
    on_node(running, node1, "reboot")
    wait(lambda: nodes.leader(running.lab, node1) not in (before, None))
    wait(lambda: nodes.listening(running.lab, node1, 22))
    assert on_node(running, node1, "test", "-e", "/root/kept").returncode == 0


def test_a_poweroff_from_inside_takes_the_carrier_away(node1, running):
    assert carrier(running, "oob1", "Ethernet4")
    on_node(running, node1, "poweroff")
    wait(lambda: not nodes.power_state(running.lab, node1))
    wait(lambda: not carrier(running, "oob1", "Ethernet4"))


def test_a_fresh_start_has_a_fresh_network(node1, running):
    on_node(running, node1, "ip", "link", "add", "stray", "type", "dummy")
    on_node(running, node1, "ip", "link", "add", "stray", "type", "bridge")
    on_node(running, node1, "ip", "address", "add", "192.0.2.1/32", "dev", "lo")
    nodes.reset(running.lab, node1)
    wait(lambda: nodes.listening(running.lab, node1, 22))
    assert netns.links(running.lab.namespace(node1)) == {"mgmt0", "up0", "up1", "ext0", "ext1"}
    assert "192.0.2.1" not in on_node(running, node1, "ip", "address").stdout


def test_soft_and_hard_power_off(node1, running):
    start = time.monotonic()
    assert nodes.stop(running.lab, node1)
    assert time.monotonic() - start < 15, "systemd shut down by itself"
    assert not nodes.stop(running.lab, node1)
    nodes.start(running.lab, node1)
    assert nodes.stop(running.lab, node1, hard=True)
    assert not nodes.power_state(running.lab, node1)


def test_a_switch_without_power_takes_the_carrier_from_all_that_hangs_on_it(node1, running):
    netns.ip("-n", running.lab.namespace(node1), "link", "set", "up0", "up")
    faults.fault(running.lab, running.design, running.folder, "leaf1", "stop")
    assert not carrier(running, node1, "up0")
    faults.fault(running.lab, running.design, running.folder, "leaf1", "start")
    wait(lambda: nodes.listening(running.lab, "leaf1", 22))
    assert status.missing_cables(running.lab, running.design) == []
    with pytest.raises(UsageError, match="no device leaf9"):
        faults.fault(running.lab, running.design, running.folder, "leaf9", "stop")


def test_a_cut_cable_is_cut_at_both_ends_until_it_is_joined(node1, running):
    assert carrier(running, "oob1", "Ethernet4")
    assert (
        faults.set_cable(running.lab, running.design, "oob1:Ethernet4", joined=False) == "node1:mgmt0 - oob1:Ethernet4"
    )
    netns.ip("-n", running.lab.namespace("oob1"), "link", "set", "Ethernet4", "up")
    assert not carrier(running, "oob1", "Ethernet4")
    faults.set_cable(running.lab, running.design, "node1:mgmt0", joined=True)
    wait(lambda: carrier(running, "oob1", "Ethernet4"))
    wait(lambda: on_node(running, node1, "true").returncode == 0)
    with pytest.raises(UsageError, match="no cable ends at leaf1:Ethernet99"):
        faults.set_cable(running.lab, running.design, "leaf1:Ethernet99", joined=False)


def test_killed_processes_are_started_again(running):
    lab = running.lab
    for group in ("leaf2", "manager", "bmc-node3"):
        for pid in cgroup.processes(cgroup.of(lab.name, group)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    wait(lambda: not cgroup.populated(cgroup.of(lab.name, "leaf2", "machine")))
    said = running.up()
    started = next(line for line in said if line.startswith("started: "))
    assert {"manager", "leaf2", "BMC of node3"} <= set(started.removeprefix("started: ").split(", "))


def test_a_lost_namespace_is_made_again(node1, running):
    netns.ip("netns", "del", running.lab.namespace("leaf1"))
    netns.ip("netns", "del", running.lab.bmc_namespace("node4"))
    running.up()
    assert status.missing_cables(running.lab, running.design) == []
    assert all(one.reachable for one in status.devices(running.lab, running.design) if one.kind != "server")
    pid = nodes.leader(running.lab, "leaf1")
    assert netns.holds(running.lab.namespace("leaf1"), pid)
    wait(lambda: on_node(running, node1, "true").returncode == 0)


def test_one_at_a_time(running):
    with lab_lock(running.lab), pytest.raises(RackLocked, match=f"process {os.getpid()}"):
        down(running.lab, print)


def test_scs_rack_works_in_the_managers_namespace(running):
    code = (
        "from pathlib import Path; from scs_rack.lab import namespace, netns; from scs_rack.design import make_design\n"
        "from scs_rack.model.load import load_rack; import subprocess, sys\n"
        "namespace.enter(make_design(load_rack(Path(sys.argv[1]))))\n"
        "namespace.enter(make_design(load_rack(Path(sys.argv[1]))))\n"
        "print(subprocess.run(['ip', '-br', 'address'], capture_output=True, text=True).stdout)"
    )
    command = [sys.executable, "-c", code, str(running.folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "10.90.0.10/24" in done.stdout
    assert "br-ext" in done.stdout


def traces(lab):
    """All that is left of a lab on this machine."""
    left = [f"process {pid}" for pid in cgroup.processes(cgroup.of(lab.name))]
    left += [line for line in Path("/proc/self/mounts").read_text().splitlines() if f"{lab.home}/" in line]
    left += [str(path) for path in netns.FOLDER.glob(f"{lab.name}-*")]
    left += [str(path) for path in (cgroup.of(lab.name), lab.home) if path.exists()]
    left += [str(path) for path in Path("/run/systemd/nspawn").glob(f"*/{lab.name}-*")]
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().split(b"\0")
            left += [str(path)] if any(word.startswith(f"--machine={lab.name}-".encode()) for word in words) else []
    return left


def test_down_leaves_nothing_and_can_be_repeated(node1, running):
    before = host_network()
    shell = subprocess.Popen(["nsenter", f"--net={netns.path('labtest-manager')}", "sleep", "600"])
    down(running.lab, lambda _text: None)
    assert traces(running.lab) == []
    assert shell.wait(5) != 0, "what was forgotten in the lab's namespaces is ended"
    assert host_network() == before
    running.down()
    assert traces(running.lab) == []


def test_down_after_everything_was_killed(rack):
    rack.up()
    nodes.start(rack.lab, "node1")
    root = overlay.root(rack.lab, "node1").stat()
    nspawn_lock = Path(f"/run/systemd/nspawn/locks/inode-{root.st_dev}:{root.st_ino}")
    wait(nspawn_lock.exists)
    cgroup.kill(cgroup.of(rack.lab.name))
    rack.down()
    assert traces(rack.lab) == []
    assert not nspawn_lock.exists()


def test_an_up_that_was_killed_in_the_middle_is_finished_by_the_next(rack):
    rack.down()
    for seconds in (0.4, 0.7, 1.0, 1.4, 2.0):
        command = [sys.executable, "-m", "scs_rack", "lab", "up", "-r", str(rack.folder)]
        first = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        first.kill()
        first.wait()
    rack.up()
    assert status.missing_cables(rack.lab, rack.design) == []
    assert all(one.reachable for one in status.devices(rack.lab, rack.design) if one.kind != "server")
    rack.down()
    assert traces(rack.lab) == []


def test_up_and_down_after_a_reboot(rack):
    """A reboot takes processes, mounts, namespaces and control groups, and leaves files."""
    rack.up()
    marker = overlay.root(rack.lab, "node1") / "root/marker"
    marker.write_text("kept")
    cgroup.kill(cgroup.of(rack.lab.name))
    cgroup.remove(cgroup.of(rack.lab.name))
    for name in rack.lab.machines():
        subprocess.run(["umount", overlay.root(rack.lab, name)], check=True)
    for path in netns.FOLDER.glob("labtest-*"):
        subprocess.run(["umount", path], check=True)  # the file stays, as on a disk
    rack.up()
    assert marker.read_text() == "kept"
    assert all(one.reachable for one in status.devices(rack.lab, rack.design) if one.kind != "server")
    cgroup.kill(cgroup.of(rack.lab.name))
    rack.down()
    assert traces(rack.lab) == []


def test_disks_can_be_kept(rack):
    rack.up()
    disk = rack.lab.disk("node1", "osd0")
    disk.write_bytes(b"data")
    down(rack.lab, lambda _text: None, now=True, keep_disks=True)
    assert disk.read_bytes() == b"data"
    rack.up()
    assert disk.read_bytes() == b"data"
    rack.down()
    assert not disk.exists()


def test_another_lab_is_left_alone(running):
    other = Lab("labtest-2")
    netns.create("labtest-2-node1")
    try:
        running.down()
        assert netns.exists("labtest-2-node1")
    finally:
        netns.delete("labtest-2-node1")
    assert not other.home.exists()
