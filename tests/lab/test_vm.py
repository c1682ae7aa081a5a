"""Virtual machines of the lab: what QEMU is told, without a QEMU."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scs_rack.lab import vm
from scs_rack.lab.bmc.boot import BootOverride
from scs_rack.lab.bmc.config import BmcConfig
from scs_rack.lab.bmc.power import LabPower
from scs_rack.lab.layout import Lab

MACHINE = vm.Vm(
    name="lab-metal1", root="/root", disks_folder="/disks", group="/group", uuid="u",
    nics=(("mgmt0", "02:00:00:00:00:01", True), ("up0", "02:00:00:00:00:02", False)), disks=("root", "osd0"),
)  # fmt: skip


def told(machine):
    """Boot indexes of devices, and all words."""
    words = vm.command(machine, 7)
    devices = [dict(part.partition("=")[::2] for part in word.split(",")) for word in words if ",id=" in word]
    return {one["id"]: one.get("bootindex") for one in devices if "bootindex" in one}, " ".join(words)


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ("none", {"disk0": "0", "disk1": "1", "net0": "2"}),
        ("pxe", {"net0": "0", "disk0": "1", "disk1": "2"}),
        ("disk", {"disk0": "0", "disk1": "1", "net0": "2"}),
    ],
)
def test_the_override_comes_first_and_only_the_boot_port_boots(first, expected):
    assert told(vm.replace(MACHINE, first=first))[0] == expected


def test_http_boot_keeps_pxe_out_of_the_way():
    assert "IPv4PXESupport" not in told(vm.replace(MACHINE, firmware="uefi", first="pxe"))[1]
    assert "IPv4PXESupport,string=n" in told(vm.replace(MACHINE, firmware="uefi", first="http"))[1]


def test_what_a_machine_is_made_of_is_read_as_it_was_written(tmp_path):
    vm.write_spec(MACHINE, tmp_path / "vm.json")
    assert vm.spec(tmp_path / "vm.json") == MACHINE


@pytest.mark.parametrize(("target", "expected"), [("pxe", "pxe"), ("http", "http"), ("none", "none"), ("bios", "none")])
def test_the_bmc_chooses_what_is_booted(tmp_path, monkeypatch, target, expected):
    monkeypatch.setenv("SCS_RACK_STATE", str(tmp_path))
    (tmp_path / "rack.yml").write_text("name: test\n")
    lab = Lab("test")
    lab.folder("metal1").mkdir(parents=True)
    config = BmcConfig(
        rack="test", rack_dir=tmp_path, server="metal1", address="127.0.0.1", protocol="ipmi", user="admin",
        password="secret", mac="02:00:00:00:00:09", serial="s",
    )  # fmt: skip
    power = LabPower(config)
    power.boot(BootOverride("pxe"))  # a machine that is none of ours has nothing to choose from
    assert not lab.vm("metal1").exists()
    vm.write_spec(vm.replace(MACHINE, first="disk"), lab.vm("metal1"))
    power.boot(BootOverride(target))
    assert vm.spec(lab.vm("metal1")).first == expected


def test_each_cable_gives_its_address_to_the_guest():
    lines = vm.wires(MACHINE)
    assert sum("link set up0 address" in line and "02:00:00:00:00:02" not in line for line in lines) == 1
    assert sum("tuntap add" in line for line in lines) == 2


def test_firmware_with_secure_boot_keeps_its_variables_to_itself():
    words = told(vm.replace(MACHINE, firmware="uefi", secure_boot=True))[1]
    assert "smm=on" in words
    assert "OVMF_CODE_4M.secboot.fd" in words
    assert "property=secure,value=on" in words
    assert "secboot" not in told(vm.replace(MACHINE, firmware="uefi"))[1]


@pytest.mark.parametrize("served", [True, False])
def test_the_bmc_fetches_what_is_in_its_drive(tmp_path, monkeypatch, served):
    monkeypatch.setenv("SCS_RACK_STATE", str(tmp_path))
    (tmp_path / "rack.yml").write_text("name: test\n")
    (tmp_path / "some.iso").write_bytes(b"disc")
    lab = Lab("test")
    lab.folder("metal1").mkdir(parents=True)
    config = BmcConfig(
        rack="test", rack_dir=tmp_path, server="metal1", address="127.0.0.1", protocol="redfish", user="admin",
        password="secret", mac="02:00:00:00:00:09", serial="s",
    )  # fmt: skip
    vm.write_spec(vm.replace(MACHINE, disks_folder=str(tmp_path)), lab.vm("metal1"))
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path if served else tmp_path / "elsewhere")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        LabPower(config).boot(BootOverride("cd"), f"http://127.0.0.1:{server.server_port}/some.iso")
        server.shutdown()
    drive = vm.spec(lab.vm("metal1"))
    assert (drive.first, drive.media) == ("cd", "medium.iso" if served else "")
    assert ("cd" in told(drive)[0]) is served
    LabPower(config).boot(BootOverride("none"))
    assert vm.spec(lab.vm("metal1")).media == ""  # it was taken out
