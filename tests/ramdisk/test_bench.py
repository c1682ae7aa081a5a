"""The ramdisk's agent against the manager, both whole, on loop devices: what goes wrong, ends clearly."""

import hashlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from scs_rack.model.load import load_rack

pytestmark = pytest.mark.root
NOTHING = bytes(8 << 20)


def words(path):
    """Words of a command line in /proc."""
    try:
        return path.read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def kinds(told):
    return {(one["type"], one["severity"]) for one in told["findings"]}


def installed(bench, *names):
    """Each runs its own installation, whole."""
    for name in names:
        assert bench.record(name).state == "installed"
        machine = bench.machines[name]
        payload, host, key = machine.mounted(
            2,
            lambda folder: (
                hashlib.sha256((folder / "payload").read_bytes()).hexdigest(),
                (folder / "etc/hostname").read_text().strip(),
                (folder / "etc/ssh/ssh_host_ed25519_key.pub").read_text().split()[1],
            ),
        )
        assert payload == hashlib.sha256((bench.folder / "small/payload").read_bytes()).hexdigest()
        assert host == name
        assert key in (bench.folder / "state/ssh/known_hosts").read_text()
        assert machine.start_of("vda")[:440] != bytes(440)  # SYSLINUX' first stage


def test_a_server_is_installed_and_then_left_alone(bench):
    told, _ = bench.run("metal1")
    assert told["errors"] == {"metal1": None}
    installed(bench, "metal1")
    machine = bench.machines["metal1"]
    before = machine.start_of("vda")
    machine.off()
    told, _ = bench.run("metal1")
    assert "metal1 was not touched" in told["errors"]["metal1"]
    assert ("already-installed", "error") in kinds(told)
    assert machine.start_of("vda") == before
    machine.off()
    told, _ = bench.run("metal1", wish={"reinstall": ["metal1"]})
    assert told["errors"] == {"metal1": None}
    assert machine.start_of("vda") != before
    installed(bench, "metal1")


def test_a_manager_that_is_killed_while_it_writes(bench):
    machine = bench.machines["metal1"]
    machine.slow("60mbit")
    process = bench.start("metal1")
    bench.until(process, "write: ")
    process.kill()
    process.wait()
    assert bench.record("metal1").state == "installing"
    conf = f"--conf-file={bench.folder}/state/netboot/dnsmasq.conf"
    end = time.monotonic() + 5
    while left := [path for path in Path("/proc").glob("[0-9]*/cmdline") if conf in words(path)]:
        assert time.monotonic() < end, left
    machine.slow(None)
    told, _ = bench.run("metal1")  # at once: no DHCP server and no port of the dead one is in its way
    assert told["errors"] == {"metal1": None}
    installed(bench, "metal1")


def test_ctrl_c_while_it_writes(bench):
    bench.machines["metal1"].slow("60mbit")
    process = bench.start("metal1")
    bench.until(process, "write: ")
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert "can be installed again" in said
    assert bench.record("metal1").state == "installing"


def test_power_lost_while_it_is_written(bench):
    machine = bench.machines["metal1"]
    machine.slow("60mbit")
    process = bench.start("metal1", look=2)
    bench.until(process, "write: ")
    machine.off()
    said, _ = process.communicate(timeout=60)
    assert "metal1 lost its power in the middle of its installation" in said
    machine.slow(None)
    told, _ = bench.run("metal1")
    assert told["errors"] == {"metal1": None}
    installed(bench, "metal1")


def test_an_image_that_is_spoilt_on_the_wire(bench):
    data = bytearray(bench.image())
    data[len(data) // 2] ^= 1
    bench.serve(data)
    told, _ = bench.run("metal1")
    assert "the image " in told["errors"]["metal1"]
    assert bench.machines["metal1"].start_of("vda")[:440] == bytes(440)  # nothing boots from it
    bench.serve(bench.image())
    told, _ = bench.run("metal1")
    assert told["errors"] == {"metal1": None}
    installed(bench, "metal1")


def test_a_disk_that_is_full(bench, tmp_path):
    bench.serve(bench.image(), unpacked=2 * 10**9)
    told, _ = bench.run("metal1")
    assert "a root disk of 2.5 GB at least expected" in told["errors"]["metal1"]
    assert bench.machines["metal1"].start_of("vda") == NOTHING
    with (tmp_path / "zeros").open("wb") as file:
        file.truncate(600 << 20)
    packed = subprocess.Popen(["tar", "-c", "-C", tmp_path, "zeros"], stdout=subprocess.PIPE)
    large = subprocess.run(["zstd", "-q", "-1", "-c"], stdin=packed.stdout, capture_output=True, check=True).stdout
    bench.serve(large, unpacked=60 << 20)
    told, _ = bench.run("metal1")
    assert "/dev/vda2 is full" in told["errors"]["metal1"]
    bench.serve(bench.image())
    told, _ = bench.run("metal1")
    assert told["errors"] == {"metal1": None}
    installed(bench, "metal1")


def test_a_wrong_mac_address_and_foreign_data(bench):
    machine = bench.machines["metal1"]
    bench.edit("up0: 02:5c:05:95:01:02", "up0: 02:5c:05:95:01:99")
    with machine.disk("vda").open("r+b") as file:
        file.seek(1 << 16)
        file.write(b"what nobody knows is somebody's")
    before = machine.start_of("vda")
    told, _ = bench.run("metal1")
    assert kinds(told) == {("mac-missing", "error"), ("disk-holds-data", "error")}
    assert "metal1 was not touched" in told["errors"]["metal1"]
    assert machine.start_of("vda") == before
    assert machine.is_off_within(30)
    bench.edit("up0: 02:5c:05:95:01:99", "up0: 02:5c:05:95:01:02")
    told, _ = bench.run("metal1", wish={"wipe": ["serial-metal1-vda"]})
    assert told["errors"] == {"metal1": None}
    installed(bench, "metal1")


def test_two_servers_whose_bmcs_are_swapped(bench):
    swapped = {"metal1": "metal2", "metal2": "metal1"}
    told, _ = bench.run("metal1", swapped=swapped, boot_limit=5)
    assert "mgmt0 of metal2 asked by DHCP: are their BMCs swapped?" in told["errors"]["metal1"]
    assert ("network-boot-failed", "error") in kinds(told)
    bench.machines["metal2"].off()
    told, _ = bench.run("metal1", "metal2", swapped=swapped)
    assert kinds(told) == {("bmc-of-another", "error")}
    assert all("its BMC is in another server" in error for error in told["errors"].values())
    assert [one.start_of("vda") for one in bench.machines.values()] == [NOTHING] * 3


def test_a_bmc_that_says_yes_and_does_nothing(bench):
    told, _ = bench.run("metal1", "metal2", lies=["metal1"], boot_limit=8)
    assert kinds(told) == {("bmc-did-nothing", "error")}
    assert "nothing at all" in told["errors"]["metal1"]
    assert told["errors"]["metal2"] is None
    installed(bench, "metal2")


def test_looking_finds_swapped_cables_and_writes_nothing(bench):
    recabled = {"metal1:up0": "leaf2:Ethernet0", "metal1:up1": "leaf1:Ethernet0"}
    told, _ = bench.run("metal1", "metal2", wish={"only_look": True}, recabled=recabled)
    assert told["errors"] == {"metal1": None, "metal2": None}
    assert sorted(told["neighbours"]["metal2"]) == [
        ["eth0", "oob1", "Ethernet5"], ["eth1", "leaf1", "Ethernet1"], ["eth2", "leaf2", "Ethernet1"],
        ["eth3", "leaf1", "Ethernet9"],
    ]  # fmt: skip
    wrong = {one["where"]: one for one in told["findings"] if one["type"] == "cable-elsewhere"}
    assert set(wrong) == {"metal1 up0", "metal1 up1"}
    assert wrong["metal1 up0"]["hint"] == "leaf2:Ethernet0 belongs to metal1:up1: are two cables swapped?"
    for name in ("metal1", "metal2"):
        assert bench.machines[name].start_of("vda") == NOTHING
        assert bench.machines[name].is_off_within(30)
        assert bench.record(name).state == "called"


def test_servers_form_a_chain_and_one_that_dies_breaks_nobody_else_s(bench):
    names = ("metal1", "metal2", "metal3")
    before, size = bench.sent(), len(bench.image())
    told, _ = bench.run(*names)
    assert told["errors"] == dict.fromkeys(names)
    installed(bench, *names)
    others = 3 * sum((bench.folder / "image" / name).stat().st_size for name in ("initrd", "boot.tar"))
    assert bench.sent() - before < others + 2 * size  # one image, not three
    bench.fresh()
    for one in bench.machines.values():
        one.slow("60mbit")
    process = bench.start(*names, look=2)
    said = bench.until(process, "MiB from http://")
    middle = next(line for line in said.splitlines() if "MiB from http://" in line)
    said += bench.until(process, "write: 1")
    os.kill(bench.machines["metal1"].pid, 0)
    bench.machines["metal1"].off()
    said += process.communicate(timeout=120)[0]
    assert "metal1 lost its power" in said, middle
    installed(bench, "metal2", "metal3")
    assert bench.record("metal1").state == "installing"


def test_a_server_that_nobody_stated_is_looked_at_and_its_lines_make_it_one_of_the_rack(bench, tmp_path):
    path = bench.folder / "rack/rack.yml"
    whole = yaml.safe_load(path.read_text())
    cables = {cable[0]: cable[1] for cable in whole["cables"] if cable[0].startswith("metal3:")}
    del whole["servers"]["metal3"]
    whole["cables"] = [cable for cable in whole["cables"] if cable[0] not in cables]
    path.write_text(yaml.safe_dump(whole, sort_keys=False))
    told, said = bench.run(discover=["metal3", "metal2"], seconds=25, recabled=cables)
    machine = bench.machines["metal3"]
    assert list(told) == [machine.nics[0][1]]  # metal2 is stated: it got no answer
    assert "metal2" not in said
    assert machine.is_off_within(30)
    assert machine.start_of("vda") == NOTHING
    lines = yaml.safe_load(told[machine.nics[0][1]])
    assert list(lines["servers"]) == ["server-serial-metal3"]
    assert lines["servers"]["server-serial-metal3"]["model"] == "legacy"
    assert lines["servers"]["server-serial-metal3"]["macs"] == dict(machine.nics)
    assert len(lines["cables"]) == 4
    whole["servers"] |= lines["servers"]
    whole["cables"] += lines["cables"] + [["server-serial-metal3:bmc", cables["metal3:bmc"]]]
    path.write_text(yaml.safe_dump(whole, sort_keys=False))
    assert "server-serial-metal3" in load_rack(bench.folder / "rack").servers


def test_burn_in_leaves_disks_with_data_alone_and_the_others_empty(bench):
    machine = bench.machines["metal1"]
    with machine.disk("vdb").open("r+b") as file:
        file.write(b"precious")
    before = machine.start_of("vdb")
    told, _ = bench.run("metal1", "metal2", wish={"burn_s": 2})
    assert told["errors"] == {"metal1": None, "metal2": None}
    burnt = told["burnt"]
    assert set(burnt["metal1"]) | set(burnt["metal2"]) >= {"cpu", "memory", "disk vda", "disk vdb"}
    assert "disk vdb" not in burnt["metal1"]
    network = [words for one in burnt.values() for what, (_, words) in one.items() if what.startswith("network")]
    assert len(network) == 1
    assert "Mbits/sec" in network[0]
    assert ("disk-not-burnt", "info") in kinds(told)
    assert machine.start_of("vdb") == before
    assert machine.start_of("vda") == NOTHING
