"""The modules for Ceph against a stand-in for its monitors, and real files."""

import base64
import getpass
import os
import struct
import subprocess
import sys

import pytest

from . import fake_ceph

FSID = "cbf7be3b-406a-53db-a64d-caa2e854b159"


@pytest.fixture
def monitors(monkeypatch):
    monitors = fake_ceph.Monitors()
    for name, module in fake_ceph.modules(monitors).items():
        monkeypatch.setitem(sys.modules, name, module)
    return monitors


@pytest.fixture
def ceph(plugin):
    return plugin("module_utils.ceph")


@pytest.fixture
def wanted():
    return {
        "fsid": FSID,
        "mon": "node1",
        "config": {"osd": {"osd_memory_target": "939524096"}},
        "managers": ["node1", "node2"],
        "disks": [{"host": f"node{number}", "name": "osd0"} for number in (1, 2, 3)],
        "clients": [{"name": "glance", "caps": {"mon": "profile rbd", "osd": "profile rbd pool=images"}}],
    }


def test_a_key_has_the_form_of_cephx(ceph):
    raw = base64.b64decode(ceph.new_key())
    kind, seconds, nanoseconds, length = struct.unpack_from("<HIIH", raw)
    assert (kind, length, len(raw)) == (1, 16, 28)
    assert seconds > 1_700_000_000
    assert nanoseconds < 1_000_000_000
    assert ceph.new_key() != ceph.new_key()


def test_keyrings_are_read_as_they_are_written(ceph, tmp_path):
    path = tmp_path / "keyring"
    path.write_text(ceph.keyring("mon.", "AQB=", {"mon": "allow *"}) + ceph.keyring("client.admin", "AQC=="))
    assert ceph.key_in(path, "mon.") == "AQB="
    assert ceph.key_in(path, "client.admin") == "AQC=="
    assert ceph.key_in(path, "client.glance") is None
    assert ceph.key_in(tmp_path / "none", "mon.") is None


def test_private_files_are_private(ceph, tmp_path):
    me, path = getpass.getuser(), tmp_path / "a/keyring"
    assert ceph.write_private(path, "x\n", me)
    assert path.stat().st_mode & 0o777 == 0o600
    assert not ceph.write_private(path, "x\n", me)
    path.chmod(0o644)
    assert ceph.write_private(path, "x\n", me)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["keyring"]


def test_a_new_cluster_is_set_up_once(run, monitors, wanted):
    first = run("ceph_cluster", **wanted)
    assert first["changed"]
    assert first["managers"] == {"node1": "key-of-mgr.node1", "node2": "key-of-mgr.node2"}
    assert first["clients"] == {"glance": "[client.glance]\n\tkey = key-of-client.glance\n"}
    osds = {host: entries[0] for host, entries in first["osds"].items()}
    assert sorted(entry["id"] for entry in osds.values()) == [0, 1, 2]
    assert all(entry["fresh"] and entry["disk"] == "osd0" for entry in osds.values())
    second = run("ceph_cluster", **wanted)
    assert (second["changed"], second["changes"]) == (False, [])
    assert second["osds"] == first["osds"]


def test_only_what_differs_is_mended(run, monitors, wanted):
    run("ceph_cluster", **wanted)
    wanted["clients"][0]["caps"]["osd"] = "profile rbd pool=other"
    wanted["config"]["osd"]["osd_memory_target"] = "1"
    monitors.commands.clear()
    assert sorted(run("ceph_cluster", **wanted)["changes"]) == [
        "capabilities of client.glance",
        "set osd_memory_target of osd",
    ]
    assert "osd new" not in monitors.commands
    assert monitors.auth["client.glance"]["key"] == "key-of-client.glance"


def test_a_disk_more_leaves_the_others_alone(run, monitors, wanted):
    before = run("ceph_cluster", **wanted)["osds"]
    wanted["disks"].append({"host": "node4", "name": "osd0"})
    result = run("ceph_cluster", **wanted)
    assert result["changes"] == ["new OSD node4 osd0"]
    assert {host: osds for host, osds in result["osds"].items() if host != "node4"} == before


def test_an_osd_that_ran_is_not_fresh(run, monitors, wanted):
    run("ceph_cluster", **wanted)
    for osd in monitors.osds.values():
        osd["state"] = ["exists", "up"]
    result = run("ceph_cluster", **wanted)
    assert not any(osd["fresh"] for osds in result["osds"].values() for osd in osds)


@pytest.fixture
def data(plugin, monkeypatch, tmp_path):
    """Where daemons keep their data."""
    for module in ("ceph_cluster", "ceph_daemons", "ceph_keys", "ceph_mon"):
        monkeypatch.setattr(plugin(f"modules.{module}"), "DATA", tmp_path / "data")
    return tmp_path / "data"


def test_check_mode_changes_nothing(run, monitors, wanted, data):
    virgin = run("ceph_cluster", check=True, **wanted)
    assert (virgin["changed"], virgin["osds"], monitors.commands) == (True, {}, [])
    (data / "mon/ceph-node1").mkdir(parents=True)
    (data / "mon/ceph-node1/done").touch()
    wanted["places"] = {"node1": "r1"}
    known = run("ceph_cluster", check=True, **wanted)
    assert {"create client.glance", "new rack r1", "new host node1"} <= set(known["changes"])
    assert (monitors.parents, monitors.osds, monitors.auth, monitors.config) == ({}, {}, {}, {})


def test_no_quorum_is_a_failure_in_time(run, monitors, wanted):
    monitors.quorum = False
    result = run("ceph_cluster", **wanted, timeout=1)
    assert result["failed"]
    assert "no quorum after 1 s" in result["msg"]


def test_a_refused_command_is_a_failure(run, monitors, wanted, monkeypatch):
    monkeypatch.setattr(fake_ceph.Monitors, "on_osd_new", None)
    result = run("ceph_cluster", **wanted)
    assert result["failed"]
    assert "osd new" in result["msg"]


def test_hosts_stand_in_their_racks_before_their_osds_start(run, monitors, wanted):
    wanted["places"] = {"node1": "r1", "node2": "r1", "node3": "r2"}
    assert {"new rack r1", "new rack r2", "new host node3"} <= set(run("ceph_cluster", **wanted)["changes"])
    assert monitors.parents == {"r1": "default", "r2": "default", "node1": "r1", "node2": "r1", "node3": "r2"}
    assert not run("ceph_cluster", **wanted)["changed"]
    wanted["places"]["node2"] = "r3"
    assert run("ceph_cluster", **wanted)["changes"] == ["new rack r3", "move node2 to rack r3"]
    assert monitors.parents["node2"] == "r3"


def test_keys_of_a_monitor_that_exists_win(run, plugin, ceph, data, monkeypatch):
    admin = data.parent / "admin"
    monkeypatch.setattr(plugin("modules.ceph_keys"), "ADMIN_KEYRING", admin)
    fresh = run("ceph_keys", mon="node1")
    assert not fresh["found"]
    assert fresh["mon"] != run("ceph_keys", mon="node1")["mon"]
    folder = data / "mon/ceph-node1"
    folder.mkdir(parents=True)
    (folder / "keyring").write_text(ceph.keyring("mon.", "AQmon=="))
    (folder / "done").touch()
    assert "restore it" in run("ceph_keys", mon="node1")["msg"]
    admin.write_text(ceph.keyring("client.admin", "AQadmin=="))
    found = run("ceph_keys", mon="node1")
    assert (found["found"], found["mon"], found["admin"]) == (True, "AQmon==", "AQadmin==")


@pytest.fixture
def daemons(plugin):
    return plugin("modules.ceph_daemons")


@pytest.fixture
def osd(tmp_path):
    disk = tmp_path / "disk"
    disk.touch()
    os.truncate(disk, 16 << 20)
    return {"id": 4, "uuid": "8d8a3b1e-1c7e-5f0e-9a94-3f7d3a3a0001", "key": "k", "path": str(disk), "fresh": True}


def labelled(daemons, monkeypatch, osd, uuid, done="yes"):
    with open(osd["path"], "r+b") as disk:  # noqa: PTH123
        disk.write(daemons.MAGIC + b"\n")
    monkeypatch.setattr(daemons, "label_of", lambda _: {"osd_uuid": uuid, "mkfs_done": done})


def test_a_blank_disk_of_a_new_osd_is_formatted(daemons, osd):
    assert daemons.how_to_make(osd) == "format"


def test_a_blank_disk_of_an_osd_that_ran_is_refused(daemons, ceph, osd):
    with pytest.raises(ceph.CephError, match=r"osd\.4 has run before.*found: nothing.*ceph osd purge 4"):
        daemons.how_to_make({**osd, "fresh": False})


def test_a_disk_with_something_on_it_is_refused(daemons, ceph, osd):
    subprocess.run(["mkfs.ext4", "-q", "-F", osd["path"]], check=True)
    with pytest.raises(ceph.CephError, match=r"not blank \(found: ext4\)"):
        daemons.how_to_make(osd)


def test_a_disk_that_carries_its_osd_is_adopted(daemons, osd, monkeypatch):
    labelled(daemons, monkeypatch, osd, osd["uuid"])
    assert daemons.how_to_make(osd) == "adopt"
    assert daemons.how_to_make({**osd, "fresh": False}) == "adopt"


def test_a_disk_of_another_osd_is_refused(daemons, ceph, osd, monkeypatch):
    labelled(daemons, monkeypatch, osd, "00000000-0000-4000-8000-000000000000")
    with pytest.raises(ceph.CephError, match="not blank"):
        daemons.how_to_make(osd)


def test_a_half_formatted_disk_is_formatted_again(daemons, osd, monkeypatch):
    labelled(daemons, monkeypatch, osd, osd["uuid"], done="no")
    assert daemons.how_to_make(osd) == "format"


def test_a_missing_disk_is_refused(daemons, ceph, osd):
    with pytest.raises(ceph.CephError, match="there is no disk /nowhere"):
        daemons.how_to_make({**osd, "path": "/nowhere"})


def test_nothing_is_made_in_check_mode(daemons, osd, data):
    assert daemons.make_osds([osd], check=True) == [f"format {osd['path']} as osd.4"]
    assert not data.exists()


def test_a_monitor_outside_of_the_limit_may_hold_a_cluster(run, data):
    mon = {"mon": "node1", "fsid": FSID, "mons": [], "mon_key": "a", "admin_key": "b"}
    result = run("ceph_mon", **mon, may_create=False)
    assert result["failed"]
    assert "without --limit" in result["msg"]
    assert not data.exists()


@pytest.mark.parametrize(
    ("states", "marked"), [({"active+clean": 9}, True), ({"active+undersized+degraded": 9}, False), ({}, False)]
)
def test_an_osd_of_a_cluster_in_service_starts_without_data(run, monitors, wanted, states, marked):
    """Not where copies are missing, or before there is data: then it shall take all at once."""
    run("ceph_cluster", stepwise=True, **wanted)
    assert not [name for _, name in monitors.config if name == "osd_crush_initial_weight"]
    for osd in monitors.osds.values():
        osd["state"] = ["exists", "up"]
    monitors.groups = states
    wanted["disks"].append({"host": "node4", "name": "osd0"})
    result = run("ceph_cluster", stepwise=True, **wanted)
    assert ("osd.3 enters in steps" in result["changes"]) is marked
    assert monitors.config.get(("osd.3", "osd_crush_initial_weight")) == ("0" if marked else None)
    assert not run("ceph_cluster", stepwise=True, **wanted)["changed"]
