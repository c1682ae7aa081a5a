"""Which disk is written, and whether it may be."""

import pytest

from scs_rack.model import Disk
from scs_rack.provision.disks import choose, compare, fits, key_disk, refusals, too_small
from scs_rack.provision.facts import SeenDisk

GB = 10**9
ROOT = Disk(size_gb=480, kind="ssd", use="root")


def disk(name="sda", size=480 * GB, kind="ssd", serial="A1", holds=(), **more):
    return SeenDisk(name, size, kind, serial, more.get("wwid", ""), "", more.get("removable", False), holds=holds)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (disk(), True),
        (disk(size=465 * GB), True),
        (disk(size=446 * GB), False),
        (disk(kind="hdd"), False),
        (disk(kind="virtual"), True),
        (disk(removable=True), False),
    ],
)
def test_a_disk_fits_by_size_and_kind(seen, expected):
    assert fits(ROOT, seen) is expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/dev/disk/by-id/ata-VENDOR_MODEL_A1", True),
        ("/dev/disk/by-id/wwn-0x5002538e40a1b2c3", True),
        ("/dev/disk/by-id/ata-VENDOR_MODEL_B2", False),
    ],
)
def test_a_stated_path_means_one_disk(path, expected):
    stated = Disk(size_gb=480, kind="ssd", use="root", path=path)
    assert fits(stated, disk(wwid="naa.5002538e40a1b2c3")) is expected


def test_two_disks_that_fit_are_unclear_unless_the_smallest_is_meant():
    both = [disk("sdb", 481 * GB, serial="B"), disk("sda", 480 * GB, serial="A")]
    chosen, findings = choose("node1", [ROOT], "only", both)
    assert chosen == ()
    assert [one.type for one in findings] == ["root-disk-unclear"]
    assert choose("node1", [ROOT], "smallest", both)[0] == (both[1],)


def test_a_mirror_takes_two_disks_that_fit():
    three = [disk(name, serial=name) for name in ("sda", "sdb", "sdc")]
    assert choose("node1", [ROOT, ROOT], "only", three[:2])[0] == (three[0], three[1])
    assert choose("node1", [ROOT, ROOT], "only", three[:1]) == ((), [])
    assert [one.type for one in choose("node1", [ROOT, ROOT], "only", three)[1]] == ["root-disk-unclear"]
    stated = Disk(size_gb=480, kind="ssd", use="root", path="/dev/disk/by-id/ata-X_sdc")
    assert choose("node1", [ROOT, stated], "smallest", three)[0] == (three[2], three[0])


@pytest.mark.parametrize(
    ("holds", "expected"),
    [
        ((), []),
        ((("sdb", "table:gpt"), ("sdb1", "name:scs-key-node1")), []),
        ((("sdb", "table:gpt"), ("sdb1", "name:scs-key-node2")), ["disk-holds-data"]),
        ((("sdb1", "ext4"),), ["disk-holds-data"]),
    ],
)
def test_a_key_is_written_where_nothing_else_is(holds, expected):
    assert [one.type for one in key_disk("node1", disk("sdb", holds=holds), wipe=[])] == expected


def test_a_disk_that_is_too_small_is_said():
    assert too_small("node1", disk(), 480 * GB) == []
    assert [one.type for one in too_small("node1", disk(), 480 * GB + 1)] == ["disk-too-small"]


def test_missing_disks_are_all_listed_and_a_path_is_served_first():
    osd = Disk(size_gb=480, kind="ssd", use="osd", path="/dev/disk/by-id/ata-X_A1")
    found = compare("node1", {"root": ROOT, "osd0": osd, "osd1": Disk(size_gb=960, use="osd")}, [disk()])
    assert [one.where for one in found] == ["node1 root", "node1 osd1"]


EMPTY = ()
HALF = (("sda", "table:gpt"), ("sda1", "vfat"), ("sda1", "name:scs-new-esp"), ("sda2", "name:scs-new-root"))
LAST_STEP = (("sda", "table:gpt"), ("sda1", "name:scs-esp"), ("sda2", "ext4"), ("sda2", "name:scs-new-root"))
MINE = (("sda2", "name:scs-root"), ("sda1", "name:scs-esp"), ("sda2", "server:node1"))
ANOTHERS = (("sda2", "name:scs-root"), ("sda2", "server:node2"))
FOREIGN = (("sda", "table:dos"), ("sda1", "ntfs"))
OSD = (("sda", "LVM2_member"), ("sda", "ceph-osd"))
HALF_WITH_OSD = (*HALF, ("sda3", "ceph_bluestore"))


@pytest.mark.parametrize(
    ("holds", "allowed", "expected"),
    [
        (EMPTY, {}, []),
        (HALF, {}, []),
        (LAST_STEP, {}, []),
        (MINE, {}, ["already-installed"]),
        (MINE, {"reinstall": True}, []),
        (ANOTHERS, {}, ["disk-holds-data"]),
        (ANOTHERS, {"reinstall": True}, ["disk-holds-data"]),
        (FOREIGN, {"reinstall": True}, ["disk-holds-data"]),
        (FOREIGN, {"wipe": ["A1"]}, []),
        (FOREIGN, {"wipe": ["B2"]}, ["disk-holds-data"]),
        (OSD, {"reinstall": True}, ["disk-holds-osd"]),
        (OSD, {"wipe": ["A1"]}, []),
        (HALF_WITH_OSD, {"reinstall": True}, ["disk-holds-osd"]),
    ],
)
def test_what_a_disk_holds_is_kept_unless_it_was_named(holds, allowed, expected):
    found = refusals("node1", disk(holds=holds), **{"reinstall": False, "wipe": [], **allowed})
    assert [one.type for one in found] == expected


def test_a_disk_without_a_serial_number_can_t_be_named():
    assert refusals("node1", disk(serial="", holds=FOREIGN), reinstall=True, wipe=[""])
