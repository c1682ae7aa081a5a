"""A bootable ISO for virtual drives: it boots one server's ramdisk, by BIOS and by UEFI, with Secure Boot too.

BIOS starts ISOLINUX, UEFI a FAT image with shim and the GRUB for discs that Debian signed (El Torito 1.0; UEFI 2.10,
13.3.2). The server's words with the manager, its token among them, stand on it, so each medium is for one boot.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from scs_rack.errors import StageFailed
from scs_rack.provision.artifact import Artifact
from scs_rack.provision.kit import Kit

LABEL = "SCS-RACK"
_ESP_KIB = 8192


def make(kit: Kit, made: Artifact, trust: bytes, words: str, target: Path) -> None:
    """Write the medium.

    Args:
        kit: boot loaders, and the tools that write it.
        made: kernel and ramdisk.
        trust: the second archive of the ramdisk (`ramdisk.trust`).
        words: the kernel's command line.
        target: the file; nobody else may read it, since a token stands in it.

    Raises:
        StageFailed: a tool failed.
    """
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="medium-") as folder:
        disc, files = Path(folder) / "disc", kit.files / "usr/lib"
        for name in ("isolinux", "boot/grub", ".disk"):
            (disc / name).mkdir(parents=True)
        for name in ("vmlinuz", "initrd"):
            shutil.copy(made.path(name), disc / name)
        (disc / "trust").write_bytes(trust)
        (disc / ".disk/info").write_text("scs-rack\n", encoding="ascii")  # by which that GRUB finds the disc
        shutil.copy(files / "ISOLINUX/isolinux.bin", disc / "isolinux/isolinux.bin")
        shutil.copy(kit.root / "usr/lib/syslinux/modules/bios/ldlinux.c32", disc / "isolinux/ldlinux.c32")
        (disc / "isolinux/isolinux.cfg").write_text(
            "default scs\nprompt 0\ntimeout 1\nlabel scs\n linux /vmlinuz\n initrd /initrd,/trust\n"
            f" append {words}\n", encoding="ascii",
        )  # fmt: skip
        (disc / "boot/grub/grub.cfg").write_text(
            f"set timeout=0\nlinux /vmlinuz {words}\ninitrd /initrd /trust\nboot\n", encoding="ascii"
        )
        _esp(kit, files, Path(folder))
        shutil.move(Path(folder) / "esp.img", disc / "boot/esp.img")
        said = _tool(
            kit, Path(folder), "xorriso", "-as", "mkisofs", "-quiet", "-V", LABEL, "-J", "-r",
            "-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat", "-no-emul-boot", "-boot-load-size", "4",
            "-boot-info-table", "-eltorito-alt-boot", "-e", "boot/esp.img", "-no-emul-boot", "-o", "/mnt/medium.iso",
            "/mnt/disc",
        )  # fmt: skip
        made_iso = Path(folder) / "medium.iso"
        if not made_iso.is_file():
            raise StageFailed(f"no medium was made: {said}")
        made_iso.chmod(0o600)
        made_iso.replace(target)


def _esp(kit: Kit, files: Path, folder: Path) -> None:
    """A FAT file system with the boot loaders of UEFI."""
    loaders = folder / "efi"
    loaders.mkdir()
    shutil.copy(files / "shim/shimx64.efi.signed", loaders / "BOOTX64.EFI")
    shutil.copy(files / "grub/x86_64-efi-signed/gcdx64.efi.signed", loaders / "grubx64.efi")
    shutil.copy(files / "shim/mmx64.efi.signed", loaders / "mmx64.efi")
    _tool(kit, folder, "mkfs.vfat", "-C", "-n", "SCS-BOOT", "/mnt/esp.img", str(_ESP_KIB))
    _tool(kit, folder, "mmd", "-i", "/mnt/esp.img", "::/EFI", "::/EFI/BOOT")
    names = [f"/mnt/efi/{path.name}" for path in sorted(loaders.iterdir())]
    _tool(kit, folder, "mcopy", "-i", "/mnt/esp.img", *names, "::/EFI/BOOT")


def _tool(kit: Kit, folder: Path, *words: str) -> str:
    """Run a tool of the kit with a folder at its /mnt; returns what it said.

    Raises:
        StageFailed: it failed.
    """
    bind = 'mount --bind "$1" "$2/mnt" && shift && exec chroot "$@"'
    alone = ["unshare", "--mount", "--propagation", "private", "sh", "-c", bind, "sh"]
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [*alone, str(folder), str(kit.root), *words], check=False, capture_output=True, text=True, env=env
    )
    if done.returncode:
        raise StageFailed(f"{words[0]} failed while making a medium: {(done.stdout + done.stderr)[-400:]}")
    return done.stdout + done.stderr
