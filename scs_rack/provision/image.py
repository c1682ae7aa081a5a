"""The node image: one Debian root folder with every package of every role, cached by the hash of its definition."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from scs_rack.errors import ScsRackError, StageFailed, UsageError
from scs_rack.model import ImageOptions
from scs_rack.paths import cache_root
from scs_rack.provision import sources
from scs_rack.provision.tools import BUILD_TOOLS, install_command, missing_tools

Progress = Callable[[str], None]

_HERE = Path(str(resources.files("scs_rack.provision")))
_FILES = ("packages.txt", "units.txt", "image.sh")
_DPKG = ("path-exclude=/usr/share/man/*", "path-exclude=/usr/share/doc/*", "path-include=/usr/share/doc/*/copyright",
         "path-exclude=/usr/share/locale/*", "path-exclude=/usr/bin/qemu-system-*",
         "path-include=/usr/bin/qemu-system-x86_64*", "force-unsafe-io")  # fmt: skip
"""libvirt asks every emulator that it finds what it can do, at its first start on each node; one is used."""
_APT = ('Apt::Install-Recommends "false"', 'Acquire::Languages "none"')
ISOLATED = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private",
            "--pid", "--fork", "--kill-child", "--mount-proc")  # fmt: skip
"""Runs a command that leaves no process and no mount, however it or its parent ends."""
_SKIP = "cleanup/reproducible,download/empty,essential/unlink"


class ImageMissing(ScsRackError):
    """There is no built image for a definition."""

    hint = "`scs-rack image build` makes it"


@dataclass(frozen=True)
class Image:
    """One definition of the node image, built or not."""

    suite: str
    digest: str

    @property
    def folder(self) -> Path:
        """Folder of this image in the cache."""
        return cache_root() / "images" / self.digest

    @property
    def root(self) -> Path:
        """The root folder; nodes are overlays on it, nothing writes into it."""
        return self.folder / "root"

    @property
    def probe_kernel(self) -> Path:
        """A stock Debian kernel, for finding out what KVM is worth."""
        return self.folder / "vmlinuz"

    @property
    def manifest(self) -> Path:
        """What is in the image; written last, so that it marks a whole image."""
        return self.folder / "manifest.json"

    @property
    def complete(self) -> bool:
        """True once it was built and verified."""
        return os.access(self.manifest, os.R_OK)


def packages() -> list[str]:
    """Names of the packages that the image is asked to hold."""
    lines = (line.strip() for line in (_HERE / "packages.txt").read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def image_of(options: ImageOptions) -> Image:
    """The image that a rack's nodes run: its digest covers suite, packages and steps, not the mirror."""
    digest = hashlib.sha256(repr((options.suite, _DPKG, _APT)).encode())
    for name in _FILES:
        digest.update((_HERE / name).read_bytes())
    return Image(options.suite, digest.hexdigest()[:16])


def built(options: ImageOptions) -> Image:
    """The image of a rack, which must have been built.

    Raises:
        ImageMissing: it was not.
    """
    image = image_of(options)
    if not image.complete:
        raise ImageMissing(f"the node image {image.digest} is not built")
    return image


def images() -> list[Image]:
    """All whole images in the cache."""
    found = sorted((cache_root() / "images").glob("*/manifest.json"))
    return [Image(json.loads(path.read_text(encoding="utf-8"))["suite"], path.parent.name) for path in found]


def build(options: ImageOptions, progress: Progress) -> Image:
    """Build the image of a rack unless it is there already; safe against being killed and against a second build.

    Raises:
        UsageError: tools are missing, or the caller is not root.
        StageFailed: a step of the build failed; its log is named.
    """
    image = image_of(options)
    if image.complete:
        return image
    if os.geteuid() != 0:
        raise UsageError("building the node image needs root", "run the command with sudo")
    if missing := missing_tools(BUILD_TOOLS):
        raise UsageError(
            f"missing for building the node image: {', '.join(missing)}", install_command(missing, BUILD_TOOLS)
        )
    with build_lock(cache_root() / "images", progress):
        if not image.complete:
            _build(image, options.mirror, progress)
    return image


@contextmanager
def build_lock(folder: Path, progress: Progress) -> Iterator[None]:
    """Hold the one right to build in a folder of the cache; removes what a killed build left there."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            progress(f"waiting for the build of process {lock.read().strip() or 'unknown'}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        lock.truncate()
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        for leftover in folder.glob(".building-*"):
            progress(f"removing what an interrupted build left ({leftover.name})")
            _unmount_below(leftover)
            shutil.rmtree(leftover)
        yield


def _unmount_below(folder: Path) -> None:
    """Unmount what a killed builder had mounted in its root: this machine's /proc and /sys must not be removed.

    Raises:
        UsageError: something is still mounted there.
    """
    for _ in range(3):
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
        below = sorted((mount for mount in mounts if mount.startswith(f"{folder.resolve()}/")), reverse=True)
        for mount in below:
            subprocess.run(["umount", "--lazy", mount], capture_output=True, check=False)
        if not below:
            return
    raise UsageError(f"{below[0]} is still mounted", f"umount it, then remove {folder}")


def _build(image: Image, mirror: str | None, progress: Progress) -> None:
    building = image.folder.parent / f".building-{image.digest}"
    building.mkdir()
    log = image.folder.parent / f"{image.digest}.log"
    _run_builder(image, building / "root", mirror, log, progress)
    (building / "root/.probe/vmlinuz").replace(building / "vmlinuz")
    (building / "root/.probe").rmdir()
    installed = _verified(building / "root")
    manifest = {"suite": image.suite, "digest": image.digest, "built": int(time.time()), "packages": installed}
    (building / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    if image.folder.exists():
        shutil.rmtree(image.folder)
    building.replace(image.folder)
    progress(f"{len(installed)} packages installed and verified")


def command(image: Image, root: Path, mirror: str | None) -> list[str]:
    """The builder's command line."""
    step = str(_HERE / "image.sh")
    return [
        *ISOLATED,
        "mmdebstrap", "--variant=apt", "--mode=root", "--format=directory", f"--skip={_SKIP}",
        f"--include={','.join(packages())}",
        *(f"--dpkgopt={option}" for option in _DPKG),
        *(f"--aptopt={option}" for option in (*_APT, *sources.apt_options())),
        f'--setup-hook={step} setup "$1"',
        f'--customize-hook={step} finish "$1"',
        image.suite, str(root), *sources.lines_for(image.suite, mirror),
    ]  # fmt: skip


def _run_builder(image: Image, root: Path, mirror: str | None, log: Path, progress: Progress) -> None:
    archives = cache_root() / "apt" / image.suite
    archives.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "APT_CACHE": str(archives), "LC_ALL": "C.UTF-8"}
    with log.open("w", encoding="utf-8") as record:
        process = subprocess.Popen(
            command(image, root, mirror), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        assert process.stdout
        try:
            for line in process.stdout:
                record.write(line)
                if line.startswith("I: "):
                    progress(line[3:].strip().removesuffix("..."))
        except BaseException:
            process.kill()
            raise
        finally:
            process.wait()
    if process.returncode:
        last = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()][-3:]
        raise StageFailed(f"the node image could not be built: {' / '.join(last)}", f"the whole log is {log}")


def _verified(root: Path) -> dict[str, str]:
    """Installed packages and their versions, after making sure that all are installed and none is half configured."""
    query = ["chroot", str(root), "dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Abbrev}\n"]
    lines = subprocess.run(query, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    states = {name: (version, state) for name, version, state in (line.split() for line in lines)}
    absent = [name for name in packages() if name not in states]
    broken = [name for name, (_, state) in states.items() if state != "ii"]
    if absent or broken:
        raise StageFailed(
            f"packages not installed: {', '.join(absent) or 'none'}; broken: {', '.join(broken) or 'none'}"
        )
    return {name: version for name, (version, _) in sorted(states.items())}
