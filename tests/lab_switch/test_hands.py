"""What hands do in a lab: swap plugs, cut cables, put another chassis in; no switch has to boot for that."""

import json
import os

import pytest

from scs_rack import ssh
from scs_rack.design import make_design
from scs_rack.errors import UsageError
from scs_rack.lab import cables, faults, identity, netns, nodes, overlay
from scs_rack.lab.down import down
from scs_rack.lab.layout import Lab, Machine
from scs_rack.lab.switch import faults as switch_faults
from scs_rack.lab.switch import prepare
from scs_rack.model.load import load_rack
from scs_rack.paths import state_dir

from .machines import image, missing
from .test_fabric import RACK

pytestmark = [pytest.mark.root, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

DEVICES = ("leaf1", "leaf2", "node1", "node2", "manager")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Two leaves that are off, and two servers that are namespaces only; their cables are plugged in."""
    patch = pytest.MonkeyPatch()
    patch.setenv("SCS_RACK_STATE", str(tmp_path_factory.mktemp("state")))
    design, lab = make_design(load_rack(RACK)), Lab(f"hands{os.getpid()}")
    ssh.ensure(state_dir(design.rack.name))
    lab.home.mkdir(parents=True)
    lab.image.symlink_to(image())
    names = [lab.namespace(device) for device in DEVICES]
    (lab.home / "namespaces").write_text("\n".join(names))
    try:
        for name in names:
            netns.create(name)
        pairs = [pair for pair in cables.pairs(lab, design) if {end.namespace for end in pair.ends} <= set(names)]
        netns.ip(lines=[pair.command() for pair in pairs])
        for name in DEVICES[:2]:
            root = overlay.mount(lab, name)
            identity.name(root, name)
            identity.host_key(root)
            prepare(design, name, root, public_key="ssh-ed25519 AAAA nobody")
            ports = tuple(sorted(netns.links(lab.namespace(name))))
            lab.record(Machine(name, "switch", lab.namespace(name), ports))
        yield lab, design
    finally:
        down(lab, print, now=True)
        patch.undo()


def peer(lab, device, port):
    """What hangs on the other end of a port: device and port."""
    links = {name: json.loads(netns.ip("-n", lab.namespace(name), "-j", "-d", "link", "show")) for name in DEVICES}
    here = next(link for link in links[device] if link["ifname"] == port)
    ids = {one["name"]: one.get("id") for one in json.loads(netns.ip("-n", lab.namespace(device), "-j", "netns"))}
    for name, found in links.items():
        if ids.get(lab.namespace(name)) == here.get("link_netnsid"):
            return name, next(link["ifname"] for link in found if link["ifindex"] == here["link_index"])
    return None


def mac(lab, device, port):
    shown = json.loads(netns.ip("-n", lab.namespace(device), "-j", "link", "show", "dev", port))
    return shown[0]["address"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("leaf1:Ethernet0", "leaf1:Ethernet1"),
        ("leaf1:Ethernet0", "leaf2:Ethernet1"),
        ("leaf1:Ethernet0", "leaf2:Ethernet0"),
    ],
)
def test_plugs_are_swapped_and_put_back(lab, one, other):
    lab, design = lab
    ends = [end.split(":") for end in (one, other)]
    before = [peer(lab, *end) for end in ends]
    macs = [mac(lab, *end) for end in ends]
    assert faults.swap_cables(lab, design, one, other) == f"{one} and {other} are swapped"
    assert [peer(lab, *end) for end in ends] == before[::-1]
    assert [mac(lab, *end) for end in ends] == macs, "a port's address is the switch's, not the cable's"
    assert faults.listing(lab, design)[-1] == f"{one} and {other}: swapped"
    assert faults.swap_cables(lab, design, one, other) == f"{one} and {other} are as before"
    assert [peer(lab, *end) for end in ends] == before
    assert not any("swapped" in line for line in faults.listing(lab, design))


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        ("leaf1:Ethernet0", "leaf1:Ethernet0", "can't be swapped with itself"),
        ("leaf1:Ethernet0", "node1:up1", "node1:up1 is not in a switch"),
        ("leaf1:Ethernet0", "leaf1:Ethernet99", "no cable ends at leaf1:Ethernet99"),
        ("leaf1:Ethernet0", "oob1:Ethernet0", "no network namespace|has no cable|Cannot open"),
    ],
)
def test_what_can_not_be_swapped(lab, one, other, says):
    lab, design = lab
    before = peer(lab, "leaf1", "Ethernet0")
    with pytest.raises(Exception, match=says):
        faults.swap_cables(lab, design, one, other)
    assert peer(lab, "leaf1", "Ethernet0") == before


def test_a_cut_cable_is_remembered_by_the_switch(lab):
    lab, design = lab
    faults.set_cable(lab, design, "node1:up0", joined=False)
    assert switch_faults.read(lab, "leaf1") == {"cut": ["Ethernet0"]}
    assert "leaf1: cut Ethernet0" in faults.listing(lab, design)
    switch_faults.heal(lab, "leaf1")
    assert switch_faults.read(lab, "leaf1") == {"cut": ["Ethernet0"]}, "only hands join a cable"
    faults.set_cable(lab, design, "leaf1:Ethernet0", joined=True)
    assert switch_faults.read(lab, "leaf1") == {}


@pytest.mark.parametrize(
    ("fault", "options", "says"),
    [
        ("bgp-down", {}, "bgp-down needs the port"),
        ("bgp-down", {"port": "Ethernet99"}, "leaf1 has no cabled port Ethernet99"),
        ("rollback", {"port": "Ethernet0"}, "rollback takes no port"),
        ("rollback", {"seconds": 3}, "rollback takes no --seconds"),
        ("silent", {}, "leaf1"),
    ],
)
def test_faults_that_make_no_sense(lab, fault, options, says):
    lab, design = lab
    with pytest.raises(UsageError, match=says):
        faults.fault(lab, design, RACK, "leaf1", fault, **options)
    assert switch_faults.read(lab, "leaf1") == {}


def test_faults_add_up_and_heal(lab):
    lab, design = lab
    faults.fault(lab, design, RACK, "leaf1", "bgp-down", port="Ethernet0")
    faults.fault(lab, design, RACK, "leaf1", "bgp-down", port="Ethernet1")
    faults.fault(lab, design, RACK, "leaf1", "ssh-cut", seconds=5)
    lines = faults.listing(lab, design)
    assert "leaf1: bgp-down Ethernet0, Ethernet1" in lines
    assert "leaf1: ssh-cut seconds=5" in lines
    assert "leaf1: off" in lines
    faults.fault(lab, design, RACK, "leaf1", "heal")
    assert switch_faults.read(lab, "leaf1") == {}


def test_a_switch_is_replaced_by_another_and_put_back(lab):
    lab, design = lab
    root = overlay.root(lab, "leaf2")
    key, own = identity.host_key(root), mac(lab, "leaf2", "Ethernet0")
    (root / "root/note").write_text("of the old one")
    faults.fault(lab, design, RACK, "leaf2", "replace", mac="02:5C:06:00:00:01")
    assert nodes.power_state(lab, "leaf2")
    assert identity.host_key(root) != key
    assert not (root / "root/note").exists()
    stated = json.loads((root / "etc/sonic/config_db.json").read_text())
    assert stated["DEVICE_METADATA"]["localhost"]["mac"] == mac(lab, "leaf2", "Ethernet0") == "02:5c:06:00:00:01"
    assert "leaf2: replaced mac=02:5c:06:00:00:01" in faults.listing(lab, design)
    with pytest.raises(UsageError, match="leaf2 was replaced already"):
        faults.fault(lab, design, RACK, "leaf2", "replace")
    faults.fault(lab, design, RACK, "leaf2", "heal")
    assert identity.host_key(root) == key
    assert (root / "root/note").read_text() == "of the old one"
    assert mac(lab, "leaf2", "Ethernet0") == own
    faults.fault(lab, design, RACK, "leaf2", "wipe")
    assert not (root / "etc/sonic/config_db.json").exists()
    assert not (root / "home/admin/.ssh/authorized_keys").exists()
    nodes.stop(lab, "leaf2", hard=True)
