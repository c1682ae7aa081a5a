"""One lab switch with four hosts: VLANs that separate, faults on demand, releases, reload, images."""

import json
import shlex
import shutil
import socket
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest

from scs_rack.design import make_design
from scs_rack.lab import netns
from scs_rack.model.load import load_rack

from .machines import Machines, missing, sh
from .test_fabric import RACK, until

pytestmark = [pytest.mark.root, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

NAME = "leaf1"
HOSTS = {"h0": "Ethernet0", "h1": "Ethernet1", "h2": "Ethernet2", "h3": "Ethernet3"}
MAGIC = 0x88B5
"""EtherType for experiments (IEEE 802, local experimental)."""


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    design = make_design(load_rack(RACK))
    machines = Machines(design, tmp_path_factory.mktemp("machines"))
    try:
        machines.namespace(NAME)
        for host, port in {**HOSTS, "mgmt": "eth0"}.items():
            full = machines.namespace(host)
            machines.cable((host, "eth0"), (NAME, port))
            sh("ip", "-n", full, "link", "set", "eth0", "up")
        machines.boot_switch(NAME, "ssh-ed25519 AAAA nobody")
        assert until(30, lambda: ready(machines))
        yield machines
    finally:
        machines.close()


def ready(machines):
    try:
        return "System is ready" in machines.run(NAME, "show", "system-health", "sysready-status")
    except (RuntimeError, TimeoutError):
        return False


def run(machines, command):
    """Run a shell command on the switch; returns its exit code and all that it said."""
    said = machines.run(NAME, "bash", "-c", f"({command}) 2>&1; echo; echo code=$?")
    text, _, code = said.rpartition("code=")
    return int(code), text


def sh_on(machines, command):
    """Run a shell command on the switch that must succeed."""
    return machines.run(NAME, "bash", "-ec", command)


def tables(machines):
    return json.loads(sh_on(machines, "sonic-cfggen -d --print-data"))


def fault(machines, faults):
    """Set faults as `scs-rack lab fault` does."""
    path = machines.folder / NAME / "root/etc/labswitch/faults.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(faults))


class Wire:
    """Raw frames out of and into hosts."""

    def __init__(self, machines, stack):
        self.sockets = {}
        for host in HOSTS:
            with netns.inside(machines.prefix + host):
                one = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)))
                one.setsockopt(263, 8, 1)  # PACKET_AUXDATA tells the tag that the kernel took off
                one.bind(("eth0", 0))
                self.sockets[host] = one

    def send(self, host, text, vlan=None):
        tag = b"" if vlan is None else b"\x81\x00" + vlan.to_bytes(2, "big")
        frame = b"\xff" * 6 + b"\x02\x00\x00\x00\x00" + bytes([int(host[1])]) + tag + MAGIC.to_bytes(2, "big")
        self.sockets[host].send(frame + text.encode().ljust(46, b"\0"))

    def heard(self, seconds=0.6):
        """Texts that hosts hear, with the VLAN tag that they came with."""
        end, found = time.monotonic() + seconds, {host: set() for host in HOSTS}
        while time.monotonic() < end:
            for host, one in self.sockets.items():
                one.settimeout(0.02)
                try:
                    frame, auxiliary, _, address = one.recvmsg(2048, 64)
                except TimeoutError:
                    continue
                if address[2] == socket.PACKET_OUTGOING:
                    continue
                status = auxiliary[0][2] if auxiliary else b""
                vlan = None
                if len(status) >= 20 and int.from_bytes(status[:4], "little") & 0x10:
                    vlan = int.from_bytes(status[16:18], "little") & 0xFFF
                elif frame[12:14] == b"\x81\x00":
                    vlan = int.from_bytes(frame[14:16], "big") & 0xFFF
                    frame = frame[:12] + frame[16:]
                if frame[12:14] == MAGIC.to_bytes(2, "big"):
                    found[host].add((frame[14:].rstrip(b"\0").decode(), vlan))
        return found


@pytest.fixture(scope="module")
def wire(machines):
    """h0 in VLAN 20, h1 in VLAN 30, h2 a trunk of both, h3 a trunk of 20 with 30 as its untagged VLAN."""
    commands = ["config vlan add -m 20,30", *(f"config interface startup {port}" for port in HOSTS.values())]
    commands += ["config vlan member add 20 Ethernet0 -u", "config vlan member add 30 Ethernet1 -u"]
    commands += ["config vlan member add -m 20,30 Ethernet2", "config vlan member add 20 Ethernet3"]
    commands += ["config vlan member add 30 Ethernet3 -u"]
    sh_on(machines, "; ".join(commands))
    with ExitStack() as stack:
        wire = Wire(machines, stack)

        def linked():
            wire.send("h0", "are you there")
            return wire.heard(0.2)["h3"]

        assert until(10, linked)
        wire.heard(0.3)
        yield wire


@pytest.mark.parametrize(
    ("host", "vlan", "heard"),
    [
        ("h0", None, {"h2": 20, "h3": 20}),
        ("h0", 20, {"h2": 20, "h3": 20}),  # a port takes the tag of its own VLAN
        ("h0", 30, {}),
        ("h0", 7, {}),
        ("h1", None, {"h2": 30, "h3": None}),
        ("h1", 20, {}),
        ("h2", None, {}),
        ("h2", 20, {"h0": None, "h3": 20}),
        ("h2", 30, {"h1": None, "h3": None}),
        ("h2", 99, {}),
        ("h3", None, {"h1": None, "h2": 30}),
        ("h3", 20, {"h0": None, "h2": 20}),
        ("h3", 0, {"h1": None, "h2": 30}),  # a priority tag says no VLAN
    ],
)
def test_frames_stay_in_their_vlan(wire, host, vlan, heard):
    text = f"from {host} in {vlan}"
    wire.send(host, text, vlan)
    expected = {one: {(text, heard[one])} if one in heard else set() for one in HOSTS}
    assert wire.heard() == expected


def test_addresses_are_learned_by_vlan_and_port(machines, wire):
    wire.send("h2", "from a trunk", 30)
    wire.send("h0", "from a port")
    assert wire.heard(0.3)["h1"]
    shown = sh_on(machines, "show mac")
    assert any(line.split()[1:4] == ["30", "02:00:00:00:00:02", "Ethernet2"] for line in shown.splitlines()[2:-1])
    assert any(line.split()[1:4] == ["20", "02:00:00:00:00:00", "Ethernet0"] for line in shown.splitlines()[2:-1])


def test_a_member_less_hears_no_more(machines, wire):
    def hears():
        wire.send("h0", "a frame")
        return wire.heard(0.2)["h3"]

    sh_on(machines, "config vlan member del 20 Ethernet3")
    assert until(10, lambda: not hears())
    sh_on(machines, "config vlan member add 20 Ethernet3")
    assert until(10, hears)
    assert hears() == {("a frame", 20)}


def oper(machines, port):
    return sh_on(machines, f"sonic-db-cli APPL_DB hget PORT_TABLE:{port} oper_status").strip()


def test_mtu_and_admin_state_are_the_kernels(machines, wire):
    sh_on(machines, "config interface mtu Ethernet1 4000; config interface shutdown Ethernet0")
    assert until(10, lambda: oper(machines, "Ethernet0") == "down")
    links = {one["ifname"]: one for one in json.loads(sh_on(machines, "ip -j link"))}
    assert links["Ethernet1"]["mtu"] == 4000
    assert "UP" not in links["Ethernet0"]["flags"]
    sh_on(machines, "config interface mtu Ethernet1 9100; config interface startup Ethernet0")
    assert until(10, lambda: oper(machines, "Ethernet0") == "up")


PATCH = [{"op": "add", "path": f"/VLAN/Vlan{vid}", "value": {"vlanid": str(vid)}} for vid in (41, 42, 43, 44)]


def patch(machines, operations, options=""):
    text = json.dumps(operations)
    return run(machines, f"cat >/root/p.json <<'END'\n{text}\nEND\nconfig apply-patch {options} /root/p.json")


def test_a_patch_can_fail_half_way_and_be_rolled_back(machines, wire):
    before = tables(machines)
    sh_on(machines, "config checkpoint half")
    fault(machines, {"patch-half": {}})
    _, said = patch(machines, PATCH)
    assert "Failed to apply patch due to" in said
    assert len(tables(machines)["VLAN"]) - len(before["VLAN"]) == 2
    sh_on(machines, "config rollback half")
    assert tables(machines) == before
    sh_on(machines, "config delete-checkpoint half")
    _, said = patch(machines, PATCH)
    assert "Patch applied successfully." in said, "it strikes once"
    sh_on(machines, "config vlan del -m 41-44")


def test_a_rollback_can_fail(machines):
    sh_on(machines, "config checkpoint back; config vlan add 50")
    fault(machines, {"rollback": {}})
    said = run(machines, "config rollback back")[1]
    assert "Failed to rollback config" in said
    assert "Vlan50" in tables(machines)["VLAN"]
    fault(machines, {})
    sh_on(machines, "config rollback back; config delete-checkpoint back")
    assert "Vlan50" not in tables(machines)["VLAN"]


def test_ssh_can_be_cut_in_the_middle_of_a_change(machines):
    fault(machines, {"ssh-cut": {"seconds": 2}})
    said = patch(machines, PATCH)[1]
    assert "Patch applied successfully." in said, "nobody listened over SSH, so nothing died with it"
    assert "drop" in sh_on(machines, "nft list table inet labfault-ssh")
    assert until(8, lambda: "labfault-ssh" not in sh_on(machines, "nft list tables"))
    sh_on(machines, "config vlan del -m 41-44")


@pytest.mark.parametrize(
    ("operations", "says"),
    [
        ([{"op": "remove", "path": "/VLAN/Vlan999"}], "can't remove a non-existent object"),
        ([{"op": "add", "path": "/VLAN_MEMBER/Vlan999|Ethernet0", "value": {"tagging_mode": "tagged"}}], "Vlan999"),
        ([{"op": "replace", "path": "/PORT/Ethernet0/speed", "value": "123"}], "Modification of PORT table is illegal"),
        ([{"op": "test", "path": "/PORT/Ethernet0/speed", "value": "1"}], "is not equal to tested value"),
        ([{"op": "add", "path": "/VLAN_INTERFACE", "value": {}}], "will result in empty tables"),
        ([{"op": "add", "path": "PORT", "value": {}}], "Location must start with /"),
        ({"op": "add"}, "it is no list of operations"),
    ],
)
def test_patches_that_are_refused_change_nothing(machines, wire, operations, says):
    before = tables(machines)
    assert says in patch(machines, operations)[1]
    assert tables(machines) == before


def test_a_dry_run_says_what_it_would_do(machines):
    before = tables(machines)
    operation = {"op": "add", "path": "/MGMT_INTERFACE/eth0|192.0.2.1~124", "value": {"gwaddr": "192.0.2.9"}}
    said = patch(machines, [operation], "-d")[1]
    assert "** DRY RUN EXECUTION **" in said
    assert "Patch applied successfully." in said
    assert "/MGMT_INTERFACE/eth0|192.0.2.1~124" in said
    assert tables(machines) == before


def test_loopback0_stays(machines):
    sh_on(machines, "config loopback add Loopback0")
    said = patch(machines, [{"op": "remove", "path": "/LOOPBACK_INTERFACE"}])[1]
    assert "Operation: remove is illegal on field: /LOOPBACK_INTERFACE/Loopback0" in said
    sh_on(machines, "config loopback del Loopback0")


def test_a_reload_takes_the_links_away_and_is_alone(machines, wire):
    sh_on(machines, "config save -y >/dev/null")
    fault(machines, {"slow-reload": {"seconds": 3}})
    sh_on(machines, "setsid -f config reload -y -f >/root/reload.log 2>&1; sleep 1")
    said = run(machines, "config reload -y -f")[1]
    assert "Failed to acquire lock on /etc/sonic/reload.lock" in said
    assert sh_on(machines, "cat /sys/class/net/Ethernet0/operstate").strip() == "down"
    wire.send("h0", "during the reload")
    assert wire.heard(0.3)["h2"] == set()
    fault(machines, {})
    assert until(20, lambda: ready(machines))

    def through():
        wire.send("h0", "after the reload")
        return wire.heard(0.2)["h2"]

    assert until(20, through)
    log = sh_on(machines, "cat /root/reload.log")
    for line in ("Acquired lock on /etc/sonic/reload.lock", "Stopping SONiC target ...", "db_migrator.py -o migrate",
                 "Restarting SONiC target ...", "Released lock on /etc/sonic/reload.lock"):  # fmt: skip
        assert line in log


def test_a_reload_of_an_invalid_file_is_refused_and_the_old_stays(machines):
    before = tables(machines)
    broken = before | {"VLAN_MEMBER": {"Vlan4000|Ethernet0": {"tagging_mode": "tagged"}}}
    (machines.folder / NAME / "root/root/broken.json").write_text(json.dumps(broken))
    said = run(machines, "config reload -y /root/broken.json")[1]
    assert "fails YANG validation" in said
    assert "Aborted!" in said
    assert tables(machines) == before
    assert "Json format" in said or "Vlan4000" in said


BGP = {
    "BGP_GLOBALS": {"default": {"local_asn": "65001", "router_id": "192.0.2.1"}},
    "BGP_PEER_GROUP": {"default|FABRIC": {"peer_type": "external"}},
    "BGP_PEER_GROUP_AF": {
        "default|FABRIC|ipv4_unicast": {"admin_status": "up", "route_map_in": ["ALL"], "route_map_out": ["ALL"]}
    },
    "BGP_NEIGHBOR": {"default|Ethernet7": {"peer_group_name": "FABRIC"}},
    "ROUTE_MAP_SET": {"ALL": {}},
    "ROUTE_MAP": {"ALL|10": {"route_operation": "permit"}},
    "INTERFACE": {"Ethernet7": {"ipv6_use_link_local_only": "enable"}},
}


def bgp(machines):
    return sh_on(machines, "vtysh -c 'show running-config bgpd'")


def test_frrcfgd_forgets_neighbours_on_an_frr_without_bgp(machines):
    """sonic-buildimage 27723, and its cure."""
    operations = [{"op": "add", "path": f"/{table}", "value": rows} for table, rows in BGP.items()]
    assert "Patch applied successfully." in patch(machines, operations)[1]
    assert until(10, lambda: "router bgp 65001" in bgp(machines))
    assert "FABRIC" not in bgp(machines)
    sh_on(machines, "systemctl restart bgp")
    assert until(10, lambda: "neighbor Ethernet7 interface peer-group FABRIC" in bgp(machines))
    assert "neighbor FABRIC activate" in bgp(machines)


def test_frrcfgd_of_202411_takes_true_only_and_its_models_up_only(machines):
    version = machines.folder / NAME / "root/etc/sonic/sonic_version.yml"
    text = version.read_text()
    models = "/usr/local/yang-models"
    try:
        version.write_text(text.replace("202505", "202411"))
        sh_on(machines, f"if [ -e {models} ]; then mv {models} {models}.away; fi")
        sh_on(machines, "systemctl restart bgp")
        assert until(10, lambda: "router bgp 65001" in bgp(machines))
        assert "neighbor FABRIC activate" not in bgp(machines)
        path = "/BGP_PEER_GROUP_AF/default|FABRIC|ipv4_unicast/admin_status"
        said = patch(machines, [{"op": "replace", "path": path, "value": "true"}])[1]
        assert "admin_status must be up or down" in said
        sh_on(machines, "sonic-db-cli CONFIG_DB hset 'BGP_PEER_GROUP_AF|default|FABRIC|ipv4_unicast' admin_status true")
        assert until(10, lambda: "neighbor FABRIC activate" in bgp(machines))
        said = patch(machines, [{"op": "add", "path": "/VLAN/Vlan60", "value": {"vlanid": "60"}}])[1]
        assert "admin_status must be up or down" in said, "one invalid row blocks all changes"
    finally:
        version.write_text(text)
        sh_on(machines, f"if [ -e {models}.away ]; then mv {models}.away {models}; fi")


def test_rows_that_make_no_sense_do_not_stop_it(machines):
    """SONiC loads what it is given; whoever reads it must live with that."""
    sh_on(machines, "sonic-db-cli CONFIG_DB hset 'PORT|Ethernet3' mtu banana")
    sh_on(machines, "sonic-db-cli CONFIG_DB hset 'BGP_NEIGHBOR_AF|nonsense' route_map_in x; sleep 0.5")
    assert ready(machines)
    sh_on(machines, "sonic-db-cli CONFIG_DB del 'BGP_NEIGHBOR_AF|nonsense'; config interface mtu Ethernet3 9100")
    sh_on(machines, "config hostname still-here")
    assert until(10, lambda: sh_on(machines, "hostname").strip() == "still-here")


def test_admin_may_what_admin_may_on_sonic(machines):
    """Read without sudo, ask FRR, and be root in a container; change nothing without sudo."""
    for command in ("sonic-cfggen -d --print-data", "vtysh -c 'show version'", "docker exec lldp lldpctl -f json"):
        assert sh_on(machines, f"su admin -s /bin/bash -c {shlex.quote(command)}")
    said = run(machines, "su admin -s /bin/bash -c 'config vlan add 9'")[1]
    assert "Root privileges are required for this operation" in said
    sh_on(machines, "su admin -s /bin/bash -c 'sudo config vlan add 9; sudo config vlan del 9'")


def test_images_are_installed_kept_and_removed(machines):
    script = '#!/bin/sh\nimage_version="202511.3"\n# the rest of an installer\n'
    (machines.folder / NAME / "root/root/new.bin").write_text(script)
    (machines.folder / NAME / "root/root/bad.bin").write_text("nothing")
    assert "Aborted!" in run(machines, "sonic-installer install -y /root/bad.bin")[1]
    assert sh_on(machines, "sonic-installer binary-version /root/new.bin").strip() == "SONiC-OS-202511.3"
    assert "Done" in sh_on(machines, "sonic-installer install -y /root/new.bin")
    shown = sh_on(machines, "sonic-installer list").splitlines()
    assert shown[:2] == ["Current: SONiC-OS-202505.0-lab", "Next: SONiC-OS-202511.3"]
    sh_on(machines, "sonic-installer set-default SONiC-OS-202505.0-lab")
    assert "Next: SONiC-OS-202505.0-lab" in sh_on(machines, "sonic-installer list")
    assert "Cannot remove current image" in run(machines, "sonic-installer remove -y SONiC-OS-202505.0-lab")[1]
    assert "Image removed" in sh_on(machines, "sonic-installer remove -y SONiC-OS-202511.3")
    assert [path.name for path in (machines.folder / NAME / "root/host").iterdir()] == ["boot.json"]


@pytest.fixture
def provisioning(machines, tmp_path):
    """A DHCP server with option 67 and a web server, behind the management port."""
    full = f"{machines.prefix}mgmt"
    sh("ip", "-n", full, "address", "add", "192.0.2.1/24", "dev", "eth0")
    enter = ["nsenter", f"--net=/run/netns/{full}"]
    url = "http://192.0.2.1:8067"
    dhcp = [
        *(
            "dnsmasq",
            "--keep-in-foreground",
            "--port=0",
            "--interface=eth0",
            "--bind-interfaces",
            "--conf-file=/dev/null",
        ),
        *("--dhcp-range=192.0.2.100,192.0.2.110,1h", f"--dhcp-option-force=67,{url}/ztp.json", "--pid-file="),
        f"--dhcp-leasefile={tmp_path}/leases",
    ]
    web = [sys.executable, "-m", "http.server", "8067", "--bind", "192.0.2.1", "--directory", str(tmp_path)]
    running = [
        subprocess.Popen([*enter, *argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for argv in (dhcp, web)
    ]
    try:
        yield tmp_path, url
    finally:
        for one in running:
            one.terminate()
            one.wait(10)


@pytest.mark.skipif(not shutil.which("dnsmasq"), reason="needs dnsmasq")
def test_without_a_configuration_it_provisions_itself(machines, provisioning):
    folder, url = provisioning
    wanted = json.loads(sh_on(machines, "cat /etc/labswitch/factory.json"))
    wanted["DEVICE_METADATA"]["localhost"]["hostname"] = "ztp-made-me"
    wanted["MGMT_PORT"] = {"eth0": {"alias": "eth0", "admin_status": "up"}}
    wanted["MGMT_INTERFACE"] = {"eth0|192.0.2.77/24": {"gwaddr": "192.0.2.1"}}
    (folder / "config.json").write_text(json.dumps(wanted))
    (folder / "greet.sh").write_text("#!/bin/sh\necho hello >/root/greeting\n")
    serial = json.loads(sh_on(machines, "cat /etc/labswitch/eeprom.json"))["Serial Number"]
    (folder / f"{serial}.sh").write_text("#!/bin/sh\nexit 3\n")
    named = {"source": {"prefix": f"{url}/", "identifier": "serial-number", "suffix": ".sh"}}
    sections = {
        "01-greet": {"plugin": {"url": {"source": f"{url}/greet.sh"}}},
        "02-by-serial": {"plugin": {"dynamic-url": named}, "ignore-result": True},
        "03-snmp": {"community-ro": "x", "ignore-result": True},
        "04-configdb-json": {"url": {"source": f"{url}/config.json"}, "save-config": True},
    }
    (folder / "ztp.json").write_text(json.dumps({"ztp": sections}))
    sh_on(machines, "config ztp run -y")
    assert until(60, lambda: "ZTP Status     : SUCCESS" in sh_on(machines, "show ztp status"))
    shown = sh_on(machines, "show ztp status")
    assert "ZTP Source     : dhcp-opt67 (eth0)" in shown
    assert "02-by-serial: FAILED (Plugin failed, exit code (3))" in shown
    assert "03-snmp: FAILED (the lab switch does not offer plugin snmp)" in shown
    assert sh_on(machines, "cat /root/greeting").strip() == "hello"
    assert until(10, lambda: sh_on(machines, "hostname").strip() == "ztp-made-me")
    assert json.loads(sh_on(machines, "cat /etc/sonic/config_db.json"))["MGMT_INTERFACE"] == wanted["MGMT_INTERFACE"]
    assert until(10, lambda: addresses(machines) == ["192.0.2.77/24"])


def addresses(machines):
    """IPv4 addresses of the management port: that of DHCP has gone with the configuration."""
    shown = json.loads(sh_on(machines, "ip -4 -j address show dev eth0"))
    return [f"{one['local']}/{one['prefixlen']}" for one in shown[0]["addr_info"]] if shown else []


def test_a_switch_stays_small(machines):
    """PSS of all its processes, in MB."""
    total = 0
    for pid in (machines.cgroup(NAME)).glob("**/cgroup.procs"):
        for line in pid.read_text().split():
            rollup = (netns.Path("/proc") / line / "smaps_rollup").read_text()
            total += int(next(one for one in rollup.splitlines() if one.startswith("Pss:")).split()[1])
    assert total / 1024 < 120  # what is shared with others counts in part: 60 MB beside others, 96 MB seen alone
