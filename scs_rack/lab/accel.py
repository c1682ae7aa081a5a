"""Does KVM truly work here? `/dev/kvm` may be there and still not run a stock kernel: only a booted guest tells."""

import contextlib
import json
import os
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Literal

from scs_rack.errors import UsageError
from scs_rack.paths import cache_root
from scs_rack.provision.image import Image

Accel = Literal["kvm", "tcg"]

KVM = Path("/dev/kvm")
PROBE_SECONDS = 12.0
"""Under emulation the same guest takes 3 s on a busy machine; KVM that needs longer is none."""
_MARKER = b"scs-rack: guest is up\n"
_BASE = 0x400000


def resolve(stated: Literal["auto", "kvm", "tcg"], image: Image) -> Accel:
    """What guests run with: as the rack file states, or KVM where a guest was seen to boot with it.

    Raises:
        UsageError: the rack file asks for KVM, and it does not work here.
    """
    if stated == "tcg":
        return "tcg"
    works = kvm_works(image)
    if stated == "kvm" and not works:
        raise UsageError("lab.guest_accel is kvm, but no guest boots with KVM here", "say auto or tcg in the rack file")
    return "kvm" if works else "tcg"


def kvm_works(image: Image) -> bool:
    """True if a guest boots with KVM; asked once for each boot of this machine and each image."""
    if not KVM.exists():
        return False
    key = f"{Path('/proc/sys/kernel/random/boot_id').read_text(encoding='ascii').strip()}/{image.digest}"
    record = cache_root() / "kvm.json"
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(record.read_text(encoding="utf-8"))
        if known["key"] == key:
            return bool(known["works"])
    works = boots(image, "kvm")
    record.write_text(json.dumps({"key": key, "works": works}), encoding="utf-8")
    return works


def boots(image: Image, accel: Accel, seconds: float = PROBE_SECONDS) -> bool:
    """Boot a stock kernel with a one-line init in the image's own QEMU; True if the init was seen to run."""
    with tempfile.TemporaryDirectory(prefix="scs-rack-probe-") as folder:
        (Path(folder) / "initrd").write_bytes(archive({"init": program(_MARKER)}))
        (Path(folder) / "vmlinuz").write_bytes(image.probe_kernel.read_bytes())
        cpu = "host" if accel == "kvm" else "max"
        script = f"""
            mount --bind "$1" "$1/mnt" 2>/dev/null; mount --bind "$2" "$1/mnt" && mount --rbind /dev "$1/dev" &&
            exec chroot "$1" qemu-system-x86_64 -accel {accel} -cpu {cpu} -machine q35 -m 256 -nodefaults \
                -no-user-config -display none -no-reboot -serial stdio -kernel /mnt/vmlinuz -initrd /mnt/initrd \
                -append 'console=ttyS0 panic=-1 quiet'
        """
        command = ["unshare", "--mount", "--propagation", "private", "--net", "--pid", "--fork", "--kill-child"]
        command += ["sh", "-c", script, "sh", str(image.root), folder]
        try:
            done = subprocess.run(
                command, check=False, timeout=seconds, capture_output=True, stdin=subprocess.DEVNULL, cwd="/"
            )
        except subprocess.TimeoutExpired as expired:
            return _MARKER.strip() in (expired.stdout or b"")
    return _MARKER.strip() in done.stdout


def program(message: bytes) -> bytes:
    """A static x86-64 program (ELF64, System V ABI) that prints a message and restarts the machine."""
    code = b"".join((
        b"\xb8\x01\x00\x00\x00",  # mov eax, 1 (write)
        b"\xbf\x01\x00\x00\x00",  # mov edi, 1
        b"\x48\x8d\x35\x00\x00\x00\x00",  # lea rsi, [rip + ...]: the message, see below
        b"\xba" + struct.pack("<I", len(message)),  # mov edx, length
        b"\x0f\x05",  # syscall
        b"\xb8\xa9\x00\x00\x00",  # mov eax, 169 (reboot)
        b"\xbf\xad\xde\xe1\xfe",  # mov edi, LINUX_REBOOT_MAGIC1
        b"\xbe\x69\x19\x12\x28",  # mov esi, LINUX_REBOOT_MAGIC2
        b"\xba\x67\x45\x23\x01",  # mov edx, LINUX_REBOOT_CMD_RESTART
        b"\x0f\x05",  # syscall
        b"\xeb\xfe",  # jmp to itself
    ))  # fmt: skip
    lea_end = 17
    code = code[:13] + struct.pack("<i", len(code) - lea_end) + code[lea_end:] + message
    size = 64 + 56 + len(code)
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack(
        "<HHIQQQIHHHHHH", 2, 62, 1, _BASE + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )  # fmt: skip
    return header + struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000) + code


def archive(files: dict[str, bytes]) -> bytes:
    """Files as an initramfs: cpio in the format `newc` (Linux, early-userspace/buffer-format)."""
    out = b""
    for number, (name, data) in enumerate([*files.items(), ("TRAILER!!!", b"")], start=1):
        mode = 0o100755 if data else 0
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        out += b"070701" + b"".join(b"%08x" % field for field in fields) + os.fsencode(name) + b"\0"
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return out
