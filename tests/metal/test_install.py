"""Dark servers become nodes: BIOS, PXE and IPMI once, on a mirror; UEFI, HTTP and Redfish once, encrypted.

A third server boots by virtual media with Secure Boot, and is only looked at. The order counts: each test goes on with
what the one before left, since a boot under emulation takes a minute.
"""

import json

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
    assert command.wait() == 1, said
    assert "lost its power" in said
    assert metal.record("metal1").state == "installing"


def test_bios_pxe_ipmi_from_dark_to_a_node_on_a_mirror(metal):
    metal.scs_rack("up", "--limit", "oob1,leaf1,leaf2", "--to", "switches")
    assert "install" in metal.scs_rack("plan", "--limit", "metal1", "--to", "base")
    metal.scs_rack("up", "--limit", "metal1", "--to", "base", seconds=1800)  # its gate has seen BGP with both leaves
    record = metal.record("metal1")
    assert (record.state, record.way) == ("installed", "PXE")
    said = metal.on("metal1", "hostname; findmnt -no SOURCE,UUID /; cat /etc/machine-id; ls /sys/class/net")
    assert "metal1" in said
    assert f"/dev/md0 {record.root_uuid}" in " ".join(said.split())
    assert {"mgmt0", "up0", "up1", "ext0", "br-up0", "br-up1"} <= set(said.split())
    mirror = metal.on("metal1", "cat /proc/mdstat; systemctl is-active frr scs-underlay lldpd ssh")
    assert "raid1 vd" in mirror
    assert "[2/2] [UU]" in mirror or "resync" in mirror
    assert mirror.split()[-4:] == ["active"] * 4


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


def test_a_mirror_boots_without_its_first_disk(metal):
    metal.on("metal1", "while grep -q resync /proc/mdstat; do sleep 1; done; sync")
    nodes.stop(metal.lab, "metal1", hard=True)
    metal.unplug("metal1", "root")
    metal.scs_rack("power", "on", "metal1", "--yes")
    assert metal.answers_within("metal1", 900), metal.console("metal1")
    said = metal.on("metal1", "findmnt -no SOURCE /; cat /proc/mdstat").split()
    assert said[0] == "/dev/md0"
    assert "[2/1]" in said
    nodes.stop(metal.lab, "metal1", hard=True)


def test_uefi_http_redfish_on_an_encrypted_root(metal):
    metal.scs_rack("node", "install", "metal2", seconds=1800)
    record = metal.record("metal2")
    assert (record.state, record.way) == ("installed", "UEFI HTTP boot")
    assert record.boot_order.startswith("scs-rack")
    said = metal.on("metal2", "hostname; lsblk -no NAME,TYPE $(findmnt -no SOURCE /); findmnt -no UUID /; sync")
    assert said.split() == ["metal2", "scs-root", "crypt", record.root_uuid]
    nodes.stop(metal.lab, "metal2", hard=True)
    words = b"rack metal\nimage "  # of /etc/scs-rack/server
    assert metal.holds("metal1", "root2", words)
    assert not metal.holds("metal2", "root", words)


def test_secure_boot_by_virtual_media_to_look_only(metal):
    said = metal.scs_rack("node", "inspect", "metal3", "--json", seconds=900)
    seen = json.loads(said[said.index("{") : said.rindex("}") + 1])["metal3"]
    assert (seen["firmware"], seen["words"]["secure_boot"]) == ("uefi", "1")
    assert {nic["mac"] for nic in seen["nics"]} == set(metal.design.nodes["metal3"].macs.values())
    assert "its ramdisk is up, by virtual media" in said
    assert start_of(metal.lab.disk("metal3", "root")) == bytes(1 << 20)
    assert metal.record("metal3").state == "called"
    assert ".iso" not in metal.scs_rack("bmc", "media", "metal3")


def test_what_is_odd_is_told_of_servers_that_were_seen(metal):
    said = metal.scs_rack("node", "compare", "metal1", "metal2", "metal3", code=1)
    assert "metal1: boot mode: bios, where 2 of the others have uefi" in said
