"""The ramdisk: one initramfs that installs a server, looks at one, or finds the root disk of an installed one.

Made from the boot kit: its kernel's modules, its BusyBox, and a few of its programs with their libraries. Nothing of
it knows a rack; what a server is told stands on its kernel's command line, and the CA in a second archive.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from scs_rack.errors import StageFailed
from scs_rack.provision.kit import Kit
from scs_rack.provision.tools import PATH

FILES = Path(__file__).parent / "ramdisk"
PROGRAMS = (
    "curl", "zstd", "tar", "sfdisk", "wipefs", "blkid", "lsblk", "mke2fs", "mkfs.vfat", "syslinux", "efibootmgr",
    "modprobe", "smartctl", "mcopy", "mattrib", "mtype", "tee", "dd", "tcpdump", "mdadm", "cryptsetup",
)  # fmt: skip
"""Programs of the kit that the agent calls and BusyBox lacks (or has in a weaker form); SYSLINUX calls mtools."""
MODULES = (
    "kernel/drivers/ata/", "kernel/drivers/scsi/", "kernel/drivers/nvme/host/", "kernel/drivers/virtio/",
    "kernel/drivers/block/virtio_blk", "kernel/drivers/message/fusion/", "kernel/drivers/net/ethernet/",
    "kernel/drivers/net/virtio_net", "kernel/drivers/char/hw_random/virtio-rng", "kernel/drivers/net/phy/",
    "kernel/drivers/md/raid1", "kernel/drivers/md/dm-crypt", "kernel/crypto/", "kernel/arch/x86/crypto/",
    "kernel/lib/crypto/", "kernel/drivers/cdrom/", "kernel/drivers/usb/host/",
    "kernel/drivers/usb/storage/usb-storage", "kernel/fs/ext4/", "kernel/fs/fat/", "kernel/fs/nls/",
    "kernel/fs/isofs/", "kernel/fs/efivarfs/",
)  # fmt: skip
"""Beginnings of the modules' paths: what disks and network ports of servers need, and file systems."""


def make(kit: Kit, target: Path) -> None:
    """Write the initramfs (cpio in the format `newc`, compressed by zstd): the same kit gives the same bytes.

    Raises:
        StageFailed: a tool failed, or the kit lacks a program.
    """
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="ramdisk-") as folder:
        root = Path(folder) / "root"
        for name in ("bin", "usr/bin", "usr/lib", "etc/ssl", "proc", "sys", "dev", "run", "tmp", "target"):
            (root / name).mkdir(parents=True)
        for name in ("sbin", "lib64", "usr/sbin", "lib"):
            (root / name).symlink_to("bin" if name == "sbin" else "/usr/bin" if name == "usr/sbin" else "usr/lib")
        shutil.copy(kit.root / "usr/bin/busybox", root / "bin/busybox")
        for path in closure(kit.root, PROGRAMS):
            place = root / ("usr/lib" if ".so" in path.name else "usr/bin") / path.name
            shutil.copy(kit.root / str(path).lstrip("/"), place)
        for name in ("init", "agent"):
            shutil.copy(FILES / name, root / name)
            (root / name).chmod(0o755)
        shutil.copytree(FILES / "lib", root / "usr/lib/scs-rack")
        (root / "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\n", encoding="ascii")
        shutil.copy(kit.root / "usr/lib/SYSLINUX/gptmbr.bin", root / "usr/lib/gptmbr.bin")
        codepages = "usr/lib/x86_64-linux-gnu/gconv"
        shutil.copytree(kit.root / codepages / "gconv-modules.d", root / codepages / "gconv-modules.d")
        for name in ("gconv-modules", "IBM850.so"):  # names on FAT are written in code page 850
            shutil.copy(kit.root / codepages / name, root / codepages / name)
        _modules(kit, root / "usr/lib/modules" / kit.version)
        _run("depmod", "-b", root / "usr", kit.version)
        unfinished = target.with_suffix(".new")
        unfinished.write_bytes(_compressed(kit, _packed(root)))
        unfinished.replace(target)


def trust(ca: str) -> bytes:
    """A second archive to be loaded after the ramdisk: the CA (PEM) that the manager's certificate is verified by."""
    return archive({"scs-rack-ca.crt": ca.encode()})


def archive(files: dict[str, bytes]) -> bytes:
    """Files as an initramfs: cpio in the format `newc` (Linux, early-userspace/buffer-format)."""
    out = b""
    for number, (name, data) in enumerate([*files.items(), ("TRAILER!!!", b"")], start=1):
        fields = (number, 0o100644 if data else 0, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        out += b"070701" + b"".join(b"%08x" % field for field in fields) + os.fsencode(name) + b"\0"
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return out


def closure(root: Path, programs: Iterable[str]) -> list[Path]:
    """Paths (in the root) of programs and of all libraries that they load, by the root's own ldd(1).

    Raises:
        StageFailed: a program or a library is not there.
    """
    found: dict[Path, None] = {}
    for name in programs:
        path = next(
            (Path("/usr") / place / name for place in ("bin", "sbin") if (root / "usr" / place / name).exists()), None
        )
        if path is None:
            raise StageFailed(f"the boot kit has no {name}")
        found[path] = None
        said = _run("chroot", root, "ldd", path).decode()
        if "not found" in said:
            raise StageFailed(f"{name} of the boot kit lacks libraries: {said}")
        for library in re.findall(r"(/\S+\.so\S*)", said):
            found[Path(library)] = None
    return list(found)


def _modules(kit: Kit, target: Path) -> None:
    """The modules that count, and all that they depend on (modules.dep, depmod(8))."""
    needs: dict[str, list[str]] = {}
    for line in (kit.modules / "modules.dep").read_text(encoding="utf-8").splitlines():
        path, _, rest = line.partition(":")
        needs[path] = rest.split()
    wanted = {path for path in needs if path.startswith(MODULES)}
    for path in sorted(wanted | {need for one in wanted for need in needs[one]}):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(kit.modules / path, target / path)
    for meta in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(kit.modules / meta, target / meta)


def _packed(root: Path) -> bytes:
    for path in (root, *root.rglob("*")):
        os.utime(path, (0, 0), follow_symlinks=False)
    names = "\0".join(sorted(str(path.relative_to(root)) for path in root.rglob("*"))).encode()
    return _run("cpio", "--quiet", "-0", "-o", "-H", "newc", "-R", "0:0", "--reproducible", cwd=root, data=names)


def _compressed(kit: Kit, data: bytes) -> bytes:
    return _run("chroot", kit.root, "zstd", "-q", "-T2", "-6", "-c", data=data)


def _run(*argv: str | Path, cwd: Path | None = None, data: bytes | None = None) -> bytes:
    env = os.environ | {"PATH": f"{os.environ.get('PATH', '')}:{PATH}"}
    done = subprocess.run([str(word) for word in argv], cwd=cwd, env=env, input=data, capture_output=True, check=False)
    if done.returncode:
        raise StageFailed(f"{argv[0]} failed while making the ramdisk: {done.stderr.decode(errors='replace')[-400:]}")
    return done.stdout
