"""A server of the lab as a virtual machine with firmware, disks and network boot of its own (QEMU).

`python -m scs_rack.lab.vm SPEC` is the machine: it runs in the server's network namespace and control group, bridges
each cable to a network card of the guest, and starts the QEMU of the node image. Signal 38 is the power button, as
for the other machines. What the BMC's boot override says counts for the first boot only: once QEMU runs, the cards and
disks get the persistent order, which firmware reads when the guest restarts.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, cast

First = Literal["none", "pxe", "http", "disk", "cd"]
"""What a machine boots from before its own order."""
ORDER = ("disk", "net", "cd")
"""The persistent order of a server as it is delivered."""
LONGEST = 9216
"""Bytes that a frame's content may have on the guest's side of a cable."""
_FIRMWARE = "/usr/share/OVMF"
_ENTER = """
mount --rbind /dev "$1/dev" && mkdir -p "$1/srv/disks" && mount --bind "$2" "$1/srv/disks" && shift 2 &&
exec chroot "$@"
"""


@dataclass(frozen=True)
class Vm:
    """What a virtual machine is made of."""

    name: str
    root: str
    """Root folder whose QEMU runs."""
    disks_folder: str
    """Folder with its disks, and what its firmware remembers."""
    group: str
    """Control group to run in."""
    firmware: Literal["bios", "uefi"] = "bios"
    secure_boot: bool = False
    """UEFI starts what Microsoft's keys have signed only."""
    accel: Literal["kvm", "tcg"] = "tcg"
    cpus: int = 1
    memory_mib: int = 1024
    nics: tuple[tuple[str, str, bool], ...] = ()
    """Port, MAC address, and whether firmware may boot from it."""
    disks: tuple[str, ...] = ()
    """Files in `disks_folder`; their names are the disks' serial numbers."""
    vendor: str = ""
    model: str = ""
    serial: str = ""
    uuid: str = ""
    first: First = "none"
    """What it boots from first, this once."""
    media: str = ""
    """File in `disks_folder` that is in its virtual CD drive."""


def spec(path: Path) -> Vm:
    """Read what `write_spec` wrote."""
    stated: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    stated["nics"] = tuple(tuple(nic) for nic in stated["nics"])
    stated["disks"] = tuple(stated["disks"])
    return Vm(**stated)


def write_spec(vm: Vm, path: Path) -> None:
    """Write what the machine is started from."""
    path.write_text(json.dumps(asdict(vm)), encoding="utf-8")


def choose(path: Path, target: str, media: str = "") -> None:
    """Write what the machine boots from first at its next start; what it can't boot from leaves it to its own order.

    Args:
        path: of its description.
        target: what the override says.
        media: file in its folder of disks that is in its virtual drive.
    """
    first = cast("First", target if target in ("pxe", "http", "disk", "cd") else "none")
    write_spec(replace(spec(path), first=first, media=media), path)


def order(first: First, *, nics: list[str], disks: list[str], cd: bool) -> list[str]:
    """Ids of QEMU's devices as firmware tries them: what the override says, then the persistent order."""
    by_kind = {"net": nics, "disk": disks, "cd": ["cd"] if cd else []}
    kind = {"pxe": "net", "http": "net", "disk": "disk", "cd": "cd"}.get(first)
    kinds = [kind] if kind else []
    return [device for one in (*kinds, *(k for k in ORDER if k not in kinds)) for device in by_kind[one]]


def command(vm: Vm, control: int) -> list[str]:
    """QEMU's command line; `control` is an open socket for its control protocol (QMP)."""
    bootable = [f"net{number}" for number, nic in enumerate(vm.nics) if nic[2]]
    first = order(vm.first, nics=bootable, disks=[f"disk{n}" for n, _ in enumerate(vm.disks)], cd=bool(vm.media))
    at = {device: f",bootindex={place}" for place, device in enumerate(first)}
    smm = "on" if vm.secure_boot else "off"  # keeps the guest away from firmware's variables
    words = [
        "qemu-system-x86_64", "-name", vm.name, "-machine", f"q35,accel={vm.accel},graphics=off,smm={smm}", "-cpu",
        "host" if vm.accel == "kvm" else "max", "-smp", str(vm.cpus), "-m", str(vm.memory_mib),
        "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-device", "virtio-rng-pci",
        "-boot", "strict=on", "-uuid", vm.uuid,
        "-smbios", f"type=1,manufacturer={vm.vendor},product={vm.model},serial={vm.serial}",
        "-chardev", f"socket,id=control,fd={control}", "-mon", "chardev=control,mode=control",
    ]  # fmt: skip
    if vm.firmware == "uefi":
        code = "OVMF_CODE_4M.secboot.fd" if vm.secure_boot else "OVMF_CODE_4M.fd"
        words += ["-drive", f"if=pflash,format=raw,readonly=on,file={_FIRMWARE}/{code}"]
        if vm.secure_boot:
            words += ["-global", "driver=cfi.pflash01,property=secure,value=on", "-global", "ICH9-LPC.disable_s3=1"]
        words += ["-drive", "if=pflash,format=raw,file=/srv/disks/nvram.fd"]
        words += ["-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=n"]
        if vm.first == "http":
            words += ["-fw_cfg", "name=opt/org.tianocore/IPv4PXESupport,string=n"]
    for number, (_, mac, boots) in enumerate(vm.nics):
        words += ["-netdev", f"tap,id=wire{number},ifname=t{number},script=no,downscript=no"]
        rom = "" if boots and vm.firmware == "bios" else ",romfile="
        words += [
            "-device",
            f"virtio-net-pci,id=net{number},netdev=wire{number},mac={mac}{rom}{at.get(f'net{number}', '')}",
        ]
    for number, disk in enumerate(vm.disks):
        words += ["-drive", f"if=none,id=file{number},file=/srv/disks/{disk},format=raw,cache=unsafe,discard=unmap"]
        words += ["-device", f"virtio-blk-pci,id=disk{number},drive=file{number},serial={disk}{at[f'disk{number}']}"]
    if vm.media:
        words += ["-drive", f"if=none,id=media,file=/srv/disks/{vm.media},format=raw,media=cdrom,readonly=on"]
        words += ["-device", f"ide-cd,id=cd,drive=media{at['cd']}"]
    return words


def wires(vm: Vm) -> list[str]:
    """Lines of an ip(8) batch that join each cable with a tap device of the guest.

    The end of the cable gives its MAC address to the guest's card, and passes on what bridges keep to themselves
    (LLDP, IEEE 802.1AB). All that is longer than the cable takes is lost there, as it is on a cable.
    """
    lines = []
    for number, (port, mac, _) in enumerate(vm.nics):
        other = bytes.fromhex(sha256(f"wire {mac}".encode()).hexdigest()[:10]).hex(":")
        lines += [
            f"link set {port} down",
            f"link set {port} address 06:{other}",
            f"link add b{number} type bridge stp_state 0 forward_delay 0 mcast_snooping 0 group_fwd_mask 0x4000",
            f"tuntap add t{number} mode tap",
            f"link set t{number} mtu {LONGEST}",
            f"link set {port} master b{number} up",
            f"link set t{number} master b{number} up",
            f"link set b{number} up",
        ]
    return lines


class Control:
    """QEMU's control protocol (QMP: one JSON object a line)."""

    def __init__(self, line: socket.socket) -> None:
        self._file = line.makefile("rw", encoding="utf-8")
        self._answer()  # the greeting
        self.call("qmp_capabilities")

    def call(self, name: str, **arguments: object) -> dict[str, Any]:
        """Call one function; events in between are left out.

        Raises:
            OSError: QEMU has gone.
        """
        self._file.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self._file.flush()
        while "event" in (answer := self._answer()):
            pass
        return answer

    def _answer(self) -> dict[str, Any]:
        line = self._file.readline()
        if not line:
            raise OSError("QEMU has gone")
        return cast("dict[str, Any]", json.loads(line))


def run(vm: Vm) -> int:
    """Be the machine until it is off; returns QEMU's exit code."""
    group = Path(vm.group)
    for part in ("init.scope", "system"):
        (group / "payload" / part).mkdir(parents=True, exist_ok=True)
    (group / "payload/init.scope/cgroup.procs").write_text("0", encoding="ascii")
    Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1", encoding="ascii")
    subprocess.run(["ip", "-batch", "-"], check=True, input="\n".join(wires(vm)) + "\n", text=True)
    nvram = Path(vm.disks_folder) / "nvram.fd"
    if vm.firmware == "uefi" and not nvram.exists():
        variables = "OVMF_VARS_4M.ms.fd" if vm.secure_boot else "OVMF_VARS_4M.fd"
        nvram.write_bytes((Path(vm.root) / _FIRMWARE[1:] / variables).read_bytes())
    ours, its = socket.socketpair()
    enter = [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        _ENTER,
        "sh",
        vm.root,
        vm.disks_folder,
        vm.root,
    ]

    def own_group() -> None:
        (group / "payload/system/cgroup.procs").write_text("0", encoding="ascii")

    qemu = subprocess.Popen([*enter, *command(vm, its.fileno())], pass_fds=[its.fileno()], preexec_fn=own_group)  # noqa: PLW1509
    its.close()
    with contextlib.suppress(OSError):
        control = Control(ours)
        signal.signal(38, lambda *_: _press(control))
        devices = order("none", nics=[f"net{n}" for n, nic in enumerate(vm.nics) if nic[2]],
                        disks=[f"disk{n}" for n, _ in enumerate(vm.disks)], cd=bool(vm.media))  # fmt: skip
        for place, device in enumerate(devices):  # 100 and more: none is free before all are moved
            path = f"/machine/peripheral/{device}"
            control.call("qom-set", path=path, property="bootindex", value=100 + place)
    return qemu.wait()


def _press(control: Control) -> None:
    with contextlib.suppress(OSError):
        control.call("system_powerdown")


if __name__ == "__main__":
    os.chdir("/")
    sys.exit(run(spec(Path(sys.argv[1]))))
