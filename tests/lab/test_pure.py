"""What of the lab is decided without touching the machine."""

from dataclasses import replace
from pathlib import Path

import pytest

from scs_rack.design import make_design
from scs_rack.errors import UsageError
from scs_rack.lab import cables, cgroup, identity, manager, namespace
from scs_rack.lab.layout import Lab, Machine
from scs_rack.model.load import load_rack

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def design():
    return make_design(load_rack(REPOSITORY / "inventory/lab"))


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.setenv("SCS_RACK_STATE", str(tmp_path))
    return Lab("lab")


def test_every_cable_is_a_pair_between_two_namespaces_of_the_lab(lab, design):
    pairs = cables.pairs(lab, design)
    assert len(pairs) == len(design.rack.cables)
    known = set(cables.namespaces(lab, design))
    assert {end.namespace for pair in pairs for end in pair.ends} <= known
    ends = [(end.namespace, end.port) for pair in pairs for end in pair.ends]
    assert len(ends) == len(set(ends))


def test_a_link_to_a_leaf_carries_tunnels_and_others_do_not(lab, design):
    mtus = {pair.ends[0].port: pair.mtu for pair in cables.pairs(lab, design) if pair.ends[0].namespace == "lab-node1"}
    assert mtus == {"mgmt0": 1500, "up0": 9000, "up1": 9000, "ext0": 1500, "ext1": 1500}


def test_a_bmc_has_a_namespace_of_its_own(lab, design):
    first = cables.pairs(lab, design)[0].ends[0]
    assert first == cables.End("lab-bmc-node1", "bmc", "02:5c:05:00:01:00")


def test_both_ends_are_made_where_they_belong(lab, design):
    command = cables.pairs(lab, design)[11].command()
    assert command == (
        "link add name up0 mtu 9000 address 02:5c:05:00:01:02 netns lab-node1 type veth "
        "peer name Ethernet0 mtu 9000 address 02:5c:05:ff:0b:00 netns lab-leaf1"
    )


def test_addresses_that_nobody_states_follow_from_the_names(design):
    mac = cables.mac_of(design, "manager", "oob")
    assert mac == cables.mac_of(design, "manager", "oob")
    assert mac != cables.mac_of(design, "manager", "up0")
    assert int(mac[:2], 16) & 3 == 2, "locally administered, unicast"


def test_a_machine_is_read_back_as_it_was_written(lab):
    machine = Machine("node1", "server", "lab-node1", ("mgmt0", "up0"), {"osd0": "/x"}, ("/dev/fuse",))
    lab.folder("node1").mkdir(parents=True)
    lab.record(machine)
    assert lab.machine("node1") == machine
    assert lab.machines() == ["node1"]


def test_an_unknown_machine_is_refused(lab):
    with pytest.raises(UsageError, match="has no machine node9"):
        lab.machine("node9")


def test_the_unified_tree_is_found_in_both_layouts(tmp_path):
    mounts = tmp_path / "mounts"
    mounts.write_text("tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n")
    assert cgroup.unified(mounts) == Path("/sys/fs/cgroup/unified")
    mounts.write_text("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n")
    assert cgroup.unified(mounts) == Path("/sys/fs/cgroup")
    mounts.write_text("cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\n")
    with pytest.raises(UsageError, match="not mounted"):
        cgroup.unified(mounts)


@pytest.fixture
def root(tmp_path):
    """As much of a root folder as identity looks at."""
    for name in ("etc/ssh", "etc/frr", "etc/systemd/system"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "etc/machine-id").touch()
    (tmp_path / "etc/frr/daemons").touch()
    return tmp_path


def test_a_server_is_given_its_identity_once(root, design):
    node = design.nodes["node2"]
    for _ in range(2):
        key = identity.host_key(root)
        identity.server(root, "node2", node.mgmt_nic, node.mgmt, "ssh-ed25519 AAAA\n")
        seen = (key, (root / "etc/machine-id").read_text())
    assert seen == (identity.host_key(root), (root / "etc/machine-id").read_text())
    assert (root / "etc/hostname").read_text() == "node2\n"
    assert "10.90.0.102 node2\n" in (root / "etc/hosts").read_text()
    assert (root / identity.HOST_KEY).stat().st_mode & 0o777 == 0o600
    assert (root / "root/.ssh/authorized_keys").read_text() == "ssh-ed25519 AAAA\n"
    unit = (root / "etc/systemd/system/scs-rack-mgmt.service").read_text()
    assert "ip address replace 10.90.0.102/24 dev mgmt0" in unit


def test_hosts_that_a_role_wrote_stay(root, design):
    node = design.nodes["node2"]
    identity.server(root, "node2", node.mgmt_nic, node.mgmt, "key\n")
    (root / "etc/hosts").write_text("written by a role\n")
    identity.server(root, "node2", node.mgmt_nic, node.mgmt, "key\n")
    assert (root / "etc/hosts").read_text() == "written by a role\n"


def test_nothing_is_written_through_a_link_of_the_image(root):
    outside = root / "outside"
    outside.write_text("untouched")
    (root / "etc/hostname").symlink_to(outside)
    identity.write(root, "etc/hostname", "node1\n")
    assert outside.read_text() == "untouched"
    assert (root / "etc/hostname").read_text() == "node1\n"


def test_the_manager_peers_on_every_uplink_and_prefers_its_loopback(root, design):
    manager.prepare(design, root)
    text = (root / "etc/frr/frr.conf").read_text()
    assert "neighbor up0 interface peer-group LEAVES" in text
    assert "neighbor up1 interface peer-group LEAVES" in text
    assert f"set src {design.manager.loopback4}" in text
    assert f"router bgp {design.manager.asn}" in text


def test_the_manager_believes_controllers_where_guests_are_if_the_rack_file_names_it_so(root, tmp_path):
    rack = tmp_path / "told"
    rack.mkdir()
    text = (REPOSITORY / "inventory/lab/rack.yml").read_text()
    ipv6 = """    prefix: 10.92.0.0/24
    ipv6: {prefix: fd5c:100::/64, gateway: fd5c:100::1, routers: [{address: fd5c:5::fd, asn: 4210091999}]}
"""
    if "    ipv6:" not in text:
        text = text.replace("    prefix: 10.92.0.0/24\n", ipv6)
    (rack / "rack.yml").write_text(text)
    told = make_design(load_rack(rack))
    manager.prepare(told, root)
    written = (root / "etc/frr/frr.conf").read_text()
    assert "neighbor CLOUD remote-as 4210091001" in written
    assert f"neighbor {told.nodes['node3'].loopback6} peer-group CLOUD" in written
    assert f"permit {told.guests.pool6} le 64" in written
    other = {"guests": replace(told.guests, routes=replace(told.guests.routes, peers=((told.api.vip6, 64500),)))}
    manager.prepare(replace(told, **other), root)
    assert "CLOUD" not in (root / "etc/frr/frr.conf").read_text()


def test_no_lab_no_namespace(design, monkeypatch):
    with pytest.raises(UsageError, match="the lab no-such-lab is not up"):
        namespace.enter(make_design(design.rack.model_copy(update={"name": "no-such-lab"})))
    namespace.enter(make_design(design.rack.model_copy(update={"lab": None})))
