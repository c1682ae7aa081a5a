"""Build the guest image: a small Debian that boots under emulation in seconds.

A raw disk of two partitions: FAT with SYSLINUX, kernel and initramfs, and ext4 with the root file system. It is made
from Debian's packages alone, without loop devices or mounts, so it builds in containers too. The files that are ours
lie in the folder `guest` beside this file.
"""

import gzip
import lzma
import os
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

from scs_rack.errors import UsageError
from scs_rack.provision.tools import GUEST_TOOLS, PATH, install_command, missing_tools

FILES = Path(__file__).parent / "guest"
PACKAGES = (
    "busybox-static",
    "dropbear-bin",
    "rng-tools5",
    "python3-minimal",
    "python3-yaml",
    "iproute2",
    "kmod",
    "sudo",
)
MODULES = ("virtio_pci", "virtio_blk", "virtio_scsi", "sd_mod", "ext4", "virtio_net", "virtio_rng", "virtio_balloon")
KERNEL_COMMAND_LINE = "console=tty0 console=ttyS0,115200 quiet loglevel=4 mitigations=off nokaslr"
USER = {
    "passwd": "debian:x:1000:1000::/home/debian:/bin/bash",
    "group": "debian:x:1000:",
    "shadow": "debian:*:20000:0:99999:7:::",
}
"""The guest's user: the line to add to each file in /etc (passwd(5), group(5), shadow(5)); no password opens it."""
BOOT_MIB = 40
MIB = 1024 * 1024
_HOOK = (
    'cd "$1/tmp" && kernel=$(chroot "$1" apt-cache depends --important linux-image-cloud-amd64'
    " | sed -n 's/.*Depends: \\(linux-image-[0-9].*\\)/\\1/p' | head -n1)"
    ' && chroot "$1" sh -c "cd /tmp && apt-get download $kernel" && mkdir "$1/kernel"'
    ' && dpkg-deb -x "$1"/tmp/linux-image-*.deb "$1/kernel" && rm "$1"/tmp/*.deb'
)


def _run(*argv: str | Path, cwd: Path | None = None, data: bytes | None = None) -> bytes:
    env = os.environ | {"PATH": f"{os.environ.get('PATH', '')}:{PATH}"}
    done = subprocess.run([str(word) for word in argv], cwd=cwd, env=env, input=data, capture_output=True, check=False)
    if done.returncode:
        raise UsageError(
            f"{argv[0]} failed while building the guest image", done.stderr.decode(errors="replace")[-800:]
        )
    return done.stdout


def _bootstrap(root: Path, sources: list[str]) -> None:
    excludes = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*", "/usr/share/info/*")
    _run(
        "mmdebstrap",
        "--mode=root",
        "--variant=apt",
        "--components=main",
        f"--include={','.join(PACKAGES)}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in excludes),
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        '--aptopt=Apt::Install-Recommends "false"',
        f"--customize-hook={_HOOK}",
        "trixie",
        root,
        *sources,
    )


def _own_files(root: Path) -> None:
    place = root / "usr/lib/scs-guest"
    place.mkdir(parents=True)
    for name in ("init", "dhcp", "userdata.py"):
        shutil.copy(FILES / name, place / name)
        (place / name).chmod(0o755)
    shutil.copy(FILES / "inittab", root / "etc/inittab")
    present = {path.name for folder in ("bin", "sbin") for path in (root / "usr" / folder).iterdir()}
    for applet in _run(root / "usr/bin/busybox", "--list").decode().split():
        if applet not in present:  # what Debian's own small packages don't bring
            (root / "usr/sbin" / applet).symlink_to("/bin/busybox")
    (root / "etc/hostname").write_text("guest\n")
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/resolv.conf").write_text("")
    (root / "etc/dropbear").mkdir(exist_ok=True)
    for name, line in USER.items():
        with (root / "etc" / name).open("a") as file:
            file.write(line + "\n")
    (root / "home/debian").mkdir(mode=0o755)
    (root / "etc/sudoers.d/debian").write_text("debian ALL=(ALL) NOPASSWD: ALL\n")
    _run("chroot", root, "python3", "-m", "compileall", "-q", "/usr/lib/python3/dist-packages/yaml")
    for rubbish in ("var/lib/apt/lists", "var/cache/apt", "var/log"):
        shutil.rmtree(root / rubbish, ignore_errors=True)
        (root / rubbish).mkdir(parents=True)


def _closure(modules: Path, names: tuple[str, ...]) -> list[str]:
    """Paths of modules and of all that they depend on, by modules.dep (kmod's format)."""
    needs: dict[str, list[str]] = {}
    for line in (modules / "modules.dep").read_text().splitlines():
        path, _, rest = line.partition(":")
        needs[path] = rest.split()
    by_name = {Path(path).name.split(".ko")[0].replace("-", "_"): path for path in needs}
    found: list[str] = []
    for name in names:
        if name in by_name:  # else built into the kernel
            found += [path for path in (*needs[by_name[name]], by_name[name]) if path not in found]
    return found


def _kernel(root: Path, work: Path) -> tuple[Path, Path]:
    """Take the kernel out of the root, keep only the modules that are needed; returns kernel and initramfs."""
    staged = root / "kernel"
    vmlinuz = shutil.copy(next((staged / "boot").glob("vmlinuz-*")), work / "vmlinuz")
    version = next((staged / "usr/lib/modules").iterdir()).name
    modules = staged / "usr/lib/modules" / version
    _run("depmod", "-b", staged / "usr", version)
    initramfs = work / "initramfs"
    targets = [root / "usr/lib/modules" / version, initramfs / "lib/modules" / version]
    for target in targets:
        for path in _closure(modules, MODULES):
            unpacked = target / path.removesuffix(".xz")  # busybox loads plain modules only
            unpacked.parent.mkdir(parents=True, exist_ok=True)
            data = (modules / path).read_bytes()
            unpacked.write_bytes(lzma.decompress(data) if path.endswith(".xz") else data)
        for meta in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
            shutil.copy(modules / meta, target / meta)
    _run("depmod", "-b", root / "usr", version)
    _run("depmod", "-b", initramfs, version)
    (initramfs / "bin").mkdir()
    shutil.copy(root / "usr/bin/busybox", initramfs / "bin/busybox")
    shutil.copy(FILES / "initramfs", initramfs / "init")
    (initramfs / "init").chmod(0o755)
    names = "\n".join(sorted(str(path.relative_to(initramfs)) for path in initramfs.rglob("*"))).encode()
    archive = _run("cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0", cwd=initramfs, data=names)
    packed = work / "initramfs.gz"
    packed.write_bytes(gzip.compress(archive, 6, mtime=0))
    shutil.rmtree(staged)
    return Path(vmlinuz), packed


def _boot_partition(work: Path, kernel: Path, initramfs: Path) -> Path:
    image = work / "boot.fat"
    with image.open("wb") as file:
        file.truncate(BOOT_MIB * MIB)
    _run("mkfs.vfat", "-n", "SCSBOOT", image)
    config = work / "syslinux.cfg"
    config.write_text(
        f"default guest\nprompt 0\nlabel guest\n kernel vmlinuz\n initrd initramfs.gz\n append {KERNEL_COMMAND_LINE}\n"
    )
    _run("syslinux", "--install", image)
    _run("mcopy", "-i", image, kernel, initramfs, config, "::/")
    return image


def _root_partition(work: Path, root: Path) -> Path:
    used = sum(path.lstat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    size = (used * 13 // 10 // MIB + 48) * MIB
    image = work / "root.ext4"
    with image.open("wb") as file:
        file.truncate(size)
    _run("mke2fs", "-q", "-t", "ext4", "-L", "scs-guest", "-m", "0", "-O", "^has_journal", "-d", root, image)
    return image


def _disk(target: Path, boot: Path, root: Path) -> None:
    """Join the partitions behind an MBR whose code is SYSLINUX's."""
    sectors = [path.stat().st_size // 512 for path in (boot, root)]
    table = (
        f"label: dos\nstart=2048,size={sectors[0]},type=c,bootable\n"
        f"start={2048 + sectors[0]},size={sectors[1]},type=83\n"
    )
    with target.open("wb") as file:
        file.truncate((2048 + sum(sectors)) * 512)
    _run("sfdisk", "-q", target, data=table.encode())
    code = next(
        path for path in map(Path, ("/usr/lib/syslinux/mbr/mbr.bin", "/usr/lib/SYSLINUX/mbr.bin")) if path.exists()
    )
    with target.open("r+b") as file:
        file.write(code.read_bytes()[:440])
    _run("dd", f"if={boot}", f"of={target}", "bs=1M", "seek=1", "conv=notrunc,sparse")
    _run("dd", f"if={root}", f"of={target}", "bs=1M", f"seek={1 + BOOT_MIB}", "conv=notrunc,sparse")
    with target.open("rb") as file:
        if struct.unpack_from("<H", file.read(512), 510)[0] != 0xAA55:
            raise UsageError(f"{target} has no boot signature after the build")


def build_guest(target: Path, sources: list[str]) -> None:
    """Build the guest image.

    Args:
        target: raw disk image to write.
        sources: what mmdebstrap takes packages from (mirror addresses or source lines); its default when empty.

    Raises:
        UsageError: a tool is missing or failed; the message holds the end of its output.
    """
    if missing := missing_tools(GUEST_TOOLS):
        raise UsageError(f"the guest image needs {', '.join(missing)}", install_command(missing, GUEST_TOOLS))
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="guest-") as folder:
        work = Path(folder)
        root = work / "root"
        _bootstrap(root, sources)
        kernel, initramfs = _kernel(root, work)
        _own_files(root)
        unfinished = work / "guest.raw"
        _disk(unfinished, _boot_partition(work, kernel, initramfs), _root_partition(work, root))
        unfinished.rename(target)
