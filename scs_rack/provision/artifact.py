"""What servers are installed from: root file system, kernel, ramdisk, boot files, bill of materials, signed manifest.

All of it lies in one folder of the cache, made once from a node image and the boot kit. The archive of the root file
system is made with fixed order, times and owners, so that the same root gives the same bytes.
"""

import hashlib
import io
import json
import os
import subprocess
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from scs_rack.errors import StageFailed, UsageError
from scs_rack.model import ImageOptions
from scs_rack.paths import cache_root
from scs_rack.provision import image, kit, ramdisk, sbom, signature
from scs_rack.provision.image import ImageMissing, Progress, build_lock

Flavour = Literal["node", "minimal"]

CONSOLE = "console=tty0 console=ttyS0,115200"
KERNEL_WORDS = f"root=@ROOT@ ro {CONSOLE} quiet"
"""What an installed server's kernel is told; the agent puts the root's UUID in."""
SYSLINUX = f"default scs\nprompt 0\ntimeout 10\nlabel scs\n linux /vmlinuz\n initrd /initrd\n append {KERNEL_WORDS}\n"
GRUB = f"""set timeout=0
search --no-floppy --set=root --file /scs-rack/boot
linux /vmlinuz {KERNEL_WORDS}
initrd /initrd
boot
"""
FORMAT = 3
"""Grows when what lies in an artefact changes."""


@dataclass(frozen=True)
class Artifact:
    """One set of files, made or not."""

    flavour: Flavour
    digest: str

    @property
    def folder(self) -> Path:
        """Folder in the cache."""
        return cache_root() / "artifacts" / self.digest

    def path(self, name: str) -> Path:
        """A file of it: root.tar.zst, boot.tar, tools.tar.zst, vmlinuz, initrd, sbom.cdx.json, manifest.json."""
        return self.folder / name

    @property
    def manifest(self) -> dict[str, Any]:
        """Digests and sizes of all files, and what they were made from."""
        found: dict[str, Any] = json.loads(self.path("manifest.json").read_text(encoding="utf-8"))
        return found

    @property
    def complete(self) -> bool:
        """True once it was made."""
        return self.path("manifest.json.sig").exists()


def artifact_of(options: ImageOptions, flavour: Flavour) -> Artifact:
    """The artefact of a definition."""
    base = kit.kit_of(options, options.kernel)
    digest = hashlib.sha256(repr((FORMAT, flavour, base.digest, SYSLINUX, GRUB)).encode())
    for path in sorted(path for path in ramdisk.FILES.rglob("*") if path.is_file()):
        digest.update(path.read_bytes())
    digest.update(Path(ramdisk.__file__).read_bytes())
    if flavour == "node":
        digest.update(image.image_of(options).digest.encode())
    return Artifact(flavour, digest.hexdigest()[:16])


def built(options: ImageOptions, flavour: Flavour) -> Artifact:
    """The artefact, which must have been made and be as it was signed.

    Raises:
        ImageMissing: it was not made.
        UsageError: a file of it has changed, or the signature is not ours.
    """
    found = artifact_of(options, flavour)
    if not found.complete:
        raise ImageMissing(f"the files to install from ({flavour}, {found.digest}) are not made",
                           "`scs-rack image build -r RACK` makes them")  # fmt: skip
    verify(found)
    return found


def verify(artifact: Artifact) -> None:
    """Check the signature of the manifest and the digest of each file.

    Raises:
        UsageError: something differs.
    """
    manifest = artifact.path("manifest.json").read_bytes()
    signature.verify(manifest, artifact.path("manifest.json.sig").read_bytes())
    for name, stated in json.loads(manifest)["files"].items():
        with artifact.path(name).open("rb") as file:
            seen = hashlib.file_digest(file, "sha256").hexdigest()
        if seen != stated["sha256"]:
            hint = f"remove {artifact.folder} and build it again"
            raise UsageError(f"{artifact.path(name)} is not what was signed: sha256 {seen}", hint)


def build(options: ImageOptions, flavour: Flavour, progress: Progress) -> Artifact:
    """Make the artefact unless it is there.

    Raises:
        UsageError: tools are missing, or the caller is not root.
        StageFailed: a step failed.
    """
    found = artifact_of(options, flavour)
    if found.complete:
        return found
    base = kit.build(options, options.kernel, progress)
    root = base.root if flavour == "minimal" else image.build(options, progress).root
    with build_lock(cache_root() / "artifacts", progress):
        if not found.complete:
            _build(found, base, root, progress)
    return found


def _build(found: Artifact, base: kit.Kit, root: Path, progress: Progress) -> None:
    building = found.folder.parent / f".building-{found.digest}"
    building.mkdir()
    ramdisk.make(base, building / "initrd")
    (building / "vmlinuz").write_bytes(base.vmlinuz.read_bytes())
    progress("kernel and ramdisk made")
    (building / "boot.tar").write_bytes(boot_files(base, building))
    started = time.monotonic()
    _archive(base, root, building / "root.tar.zst")
    size = (building / "root.tar.zst").stat().st_size
    progress(f"root file system packed: {size / 2**20:.0f} MiB in {time.monotonic() - started:.0f} s")
    _compressed(base, ["--mtime=@0", "-C", str(base.files / "tools"), "."], building / "tools.tar.zst")
    (building / "sbom.cdx.json").write_text(sbom.of(root, found.digest, base.files / "packages.txt"), encoding="utf-8")
    files = {path.name: _digest(path) for path in sorted(building.iterdir()) if path.name != "manifest.json"}
    manifest = {
        "flavour": found.flavour,
        "digest": found.digest,
        "kernel": base.version,
        "unpacked": unpacked(root) + unpacked(base.modules),
        "files": files,
    }
    data = (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode()
    (building / "manifest.json").write_bytes(data)
    (building / "manifest.json.sig").write_bytes(signature.sign(data))
    building.replace(found.folder)
    progress(f"files to install from: {found.folder}")


def _digest(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "bytes": path.stat().st_size}


def boot_files(base: kit.Kit, folder: Path) -> bytes:
    """What lies on the EFI system partition, as a tar: for UEFI shim and GRUB as Debian signed them, for BIOS SYSLINUX.

    Both read the same kernel and ramdisk. The folder EFI/BOOT needs no boot entry in the firmware.
    """
    signed = base.files / "usr/lib"
    grub = signed / "grub/x86_64-efi-signed/grubx64.efi.signed"
    files = {
        "EFI/BOOT/BOOTX64.EFI": (signed / "shim/shimx64.efi.signed").read_bytes(),
        "EFI/BOOT/grubx64.efi": grub.read_bytes(),
        "EFI/BOOT/mmx64.efi": (signed / "shim/mmx64.efi.signed").read_bytes(),
        "EFI/debian/grub.cfg": GRUB.encode(),
        "scs-rack/boot": b"",
        "syslinux.cfg": SYSLINUX.encode(),
        "vmlinuz": (folder / "vmlinuz").read_bytes(),
        "initrd": (folder / "initrd").read_bytes(),
    }
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def epoch(root: Path) -> int:
    """Time of the newest file that a package brought, in seconds since 1970: what is newer is from the build itself.

    Times of packages' own files are kept, since Python's byte code names those of its sources.
    """
    times = [int(path.stat().st_mtime) for path in (root / "usr/share/doc").glob("*/copyright") if path.is_file()]
    return max(times, default=0)


def unpacked(folder: Path) -> int:
    """Bytes that a folder takes on a disk of blocks of 4 KiB: files, folders, and their inodes (256 bytes each)."""
    blocks, entries = 0, 0
    for path, _, names in os.walk(folder):
        entries += 1 + len(names)
        blocks += 1
        for name in names:
            blocks += -(-(Path(path) / name).lstat().st_size // 4096)
    return blocks * 4096 + entries * 256


def _archive(base: kit.Kit, root: Path, target: Path) -> None:
    """Pack the root and the kernel's modules."""
    words = [
        f"--mtime=@{epoch(root)}", "--clamp-mtime", "--xattrs", "--acls", "--one-file-system",
        "--exclude=./proc/*", "--exclude=./sys/*", "--exclude=./dev/*", "--exclude=./run/*", "--exclude=./kit",
        "-C", str(root), ".", "-C", str(base.files), f"usr/lib/modules/{base.version}",
    ]  # fmt: skip
    _compressed(base, words, target)


def _compressed(base: kit.Kit, words: list[str], target: Path) -> None:
    """A tar of fixed order without access times, compressed by the kit's zstd."""
    tar = [
        "tar", "-c", "--sort=name", "--numeric-owner", "--format=posix",
        "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime", *words,
    ]  # fmt: skip
    with target.open("wb") as file, subprocess.Popen(tar, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as packing:
        zstd = ["chroot", str(base.root), "zstd", "-q", "-T2", "-9", "-c"]
        done = subprocess.run(zstd, check=False, stdin=packing.stdout, stdout=file, stderr=subprocess.PIPE)
        said = packing.stderr.read() if packing.stderr else b""
    if packing.returncode or done.returncode:
        raise StageFailed(f"the root file system could not be packed: {(said + done.stderr).decode()[-400:]}")
