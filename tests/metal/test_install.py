"""Dark servers become servers that run from their own disks: BIOS, PXE and IPMI once; UEFI, HTTP and Redfish once.

The order counts: each test goes on with what the one before left, since a boot under emulation takes a minute.
"""

import pytest

from scs_rack.lab import nodes

pytestmark = [pytest.mark.lab, pytest.mark.root]


def start_of(disk):
    """The first MiB of a disk."""
    with disk.open("rb") as file:
        return file.read(1 << 20)


def test_a_disk_with_foreign_data_is_not_touched_and_said_so(metal):
    disk = metal.lab.disk("metal1", "root")
    with disk.open("r+b") as file:  # the superblock of somebody's ext4 (magic number, a UUID), without partitions
        file.seek(1024)
        file.write(bytes(56) + b"\x53\xef\x01\x00" + bytes(44) + b"somebody's uuid!" + b"precious data".ljust(900))
    before = start_of(disk)
    said = metal.scs_rack("node", "install", "metal1", code=1)
    assert "metal1 was not touched" in said
    assert "holds vda:" in said
    assert "--wipe root" in said
    assert start_of(disk) == before
    assert metal.record("metal1").state == "called"
    assert metal.is_off_within("metal1", 60)


def test_a_server_that_loses_its_power_while_it_is_written_is_told(metal):
    metal.empty("metal1")
    command = metal.start("node", "install", "metal1")
    said = ""
    for line in command.stdout:
        said += line
        if "write: " in line:
            nodes.stop(metal.lab, "metal1", hard=True)
    assert command.wait() == 1
    assert "lost its power" in said
    assert metal.record("metal1").state == "installing"


def test_bios_pxe_ipmi(metal):
    assert "install" in metal.scs_rack("plan", "--limit", "metal1", "--to", "provision")
    metal.scs_rack("up", "--limit", "metal1", "--to", "provision")
    record = metal.record("metal1")
    assert (record.state, record.way) == ("installed", "PXE")
    said = metal.on("metal1", "hostname; findmnt -no SOURCE,UUID /; cat /etc/machine-id; ls /sys/class/net")
    assert "metal1" in said
    assert f"/dev/vda2 {record.root_uuid}" in said
    assert {"mgmt0", "up0", "up1", "ext0"} <= set(said.split())


def test_an_installed_server_is_left_alone(metal):
    boot = metal.on("metal1", "cat /proc/sys/kernel/random/boot_id")
    metal.scs_rack("up", "--limit", "metal1", "--to", "provision")
    assert "left alone" in metal.scs_rack("node", "install", "metal1")
    assert metal.on("metal1", "cat /proc/sys/kernel/random/boot_id") == boot


def test_reinstalling_takes_the_server_s_name(metal):
    boot = metal.on("metal1", "cat /proc/sys/kernel/random/boot_id")
    said = metal.scs_rack("node", "reinstall", "metal1", code=2)
    assert "--confirm metal1" in said
    metal.scs_rack("node", "reinstall", "metal1", "--confirm", "metal2", code=2)
    assert metal.on("metal1", "cat /proc/sys/kernel/random/boot_id") == boot


def test_uefi_http_redfish(metal):
    nodes.stop(metal.lab, "metal1", hard=True)
    metal.scs_rack("node", "install", "metal2", seconds=900)
    record = metal.record("metal2")
    assert (record.state, record.way) == ("installed", "UEFI HTTP boot")
    said = metal.on("metal2", "hostname; findmnt -no UUID /; ls /sys/firmware/efi/efivars | head -n 1")
    assert said.split()[:2] == ["metal2", record.root_uuid]
    assert len(said.split()) == 3
