"""The boot kit: kernel, boot loaders, and a small Debian that the deploy ramdisk takes its tools from.

The small Debian is a node image too (`minimal`): it boots, and Ansible can log in. It is what trials of bare metal
install, since it is written in seconds.
"""

import hashlib
import os
import subprocess
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

from scs_rack.errors import StageFailed, UsageError
from scs_rack.model import ImageOptions
from scs_rack.paths import cache_root
from scs_rack.provision import sources
from scs_rack.provision.image import ISOLATED, ImageMissing, Progress, build_lock
from scs_rack.provision.tools import BUILD_TOOLS, install_command, missing_tools

Kernel = Literal["cloud", "generic"]

PACKAGES = (
    "systemd-sysv", "dbus", "udev", "kmod", "iproute2", "openssh-server", "sudo", "python3", "ca-certificates",
    "busybox-static", "curl", "zstd", "fdisk", "e2fsprogs", "dosfstools", "mtools", "syslinux", "syslinux-common",
    "efibootmgr", "util-linux", "smartmontools", "tcpdump", "mdadm", "cryptsetup-bin", "xorriso",
    "frr", "frr-pythontools", "openvswitch-switch", "lldpd", "chrony", "tzdata", "iputils-ping", "procps",
)  # fmt: skip
"""What the small Debian holds: what a node needs to be reached, what the stage `base` configures, and the ramdisk's
tools."""
TOOLS = ("fio", "iperf3", "stress-ng")
"""What burn-in calls: carried beside the ramdisk, and fetched by it when it is asked to."""
_DPKG = ("path-exclude=/usr/share/man/*", "path-exclude=/usr/share/doc/*", "path-include=/usr/share/doc/*/copyright",
         "path-exclude=/usr/share/locale/*", "path-exclude=/usr/share/info/*", "force-unsafe-io",
         "path-exclude=/usr/share/perl/*", "path-exclude=/usr/lib/x86_64-linux-gnu/perl/*",
         "path-exclude=/usr/lib/udev/hwdb.d/*", "path-exclude=/usr/share/bash-completion/*",
         "path-exclude=/usr/share/lintian/*")  # fmt: skip
"""What the small Debian leaves out: a fifth of it are Perl's modules, which come with lldpd's SNMP (`perl-base` has its
own), and udev's names of hardware."""
_STEP = Path(str(resources.files("scs_rack.provision"))) / "kit.sh"


@dataclass(frozen=True)
class Kit:
    """One definition of the boot kit, built or not."""

    kernel: Kernel
    digest: str

    @property
    def folder(self) -> Path:
        """Folder of this kit in the cache."""
        return cache_root() / "kits" / self.digest

    @property
    def root(self) -> Path:
        """Root folder of the small Debian."""
        return self.folder / "root"

    @property
    def files(self) -> Path:
        """What is carried and not installed, as the packages' own folders."""
        return self.folder / "files"

    @property
    def vmlinuz(self) -> Path:
        """The kernel."""
        return next((self.files / "boot").glob("vmlinuz-*"))

    @property
    def version(self) -> str:
        """Version of the kernel, as its modules' folder is called."""
        return self.vmlinuz.name.removeprefix("vmlinuz-")

    @property
    def modules(self) -> Path:
        """The kernel's modules."""
        return self.files / "usr/lib/modules" / self.version

    @property
    def complete(self) -> bool:
        """True once it was built."""
        return (self.folder / "complete").exists()


def kit_of(options: ImageOptions, kernel: Kernel) -> Kit:
    """The kit of an image definition: its digest covers suite, kernel, packages and steps, not the mirror."""
    digest = hashlib.sha256(repr((options.suite, kernel, PACKAGES, TOOLS, _DPKG)).encode())
    digest.update(_STEP.read_bytes())
    return Kit(kernel, digest.hexdigest()[:16])


def built_kit(options: ImageOptions, kernel: Kernel) -> Kit:
    """The kit, which must have been built.

    Raises:
        ImageMissing: it was not.
    """
    kit = kit_of(options, kernel)
    if not kit.complete:
        raise ImageMissing(f"the boot kit {kit.digest} is not built", "`scs-rack image build -r RACK` makes it")
    return kit


def build(options: ImageOptions, kernel: Kernel, progress: Progress) -> Kit:
    """Build the kit unless it is there already; safe against being killed and against a second build.

    Raises:
        UsageError: tools are missing, or the caller is not root.
        StageFailed: the build failed; its log is named.
    """
    kit = kit_of(options, kernel)
    if kit.complete:
        return kit
    if os.geteuid() != 0:
        raise UsageError("building the boot kit needs root", "run the command with sudo")
    if missing := missing_tools(BUILD_TOOLS):
        raise UsageError(
            f"missing for building the boot kit: {', '.join(missing)}", install_command(missing, BUILD_TOOLS)
        )
    with build_lock(cache_root() / "kits", progress):
        if not kit.complete:
            progress(f"building the boot kit ({kernel} kernel)")
            _build(kit, options, progress)
    return kit


def _build(kit: Kit, options: ImageOptions, progress: Progress) -> None:
    building = kit.folder.parent / f".building-{kit.digest}"
    building.mkdir()
    log = kit.folder.parent / f"{kit.digest}.log"
    package = "linux-image-cloud-amd64" if kit.kernel == "cloud" else "linux-image-amd64"
    command = [
        *ISOLATED,
        "mmdebstrap", "--variant=apt", "--mode=root", "--format=directory", f"--include={','.join(PACKAGES)}",
        *(f"--dpkgopt={option}" for option in _DPKG),
        *(f"--aptopt={option}" for option in ('Apt::Install-Recommends "false"', *sources.apt_options())),
        f'--customize-hook={_STEP} "$1" {package} {" ".join(TOOLS)}',
        options.suite, str(building / "root"), *sources.lines_for(options.suite, options.mirror),
    ]  # fmt: skip
    with log.open("wb") as record:
        done = subprocess.run(
            command, check=False, stdout=record, stderr=record, env={**os.environ, "LC_ALL": "C.UTF-8"}
        )
    if done.returncode:
        last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
        raise StageFailed(f"the boot kit could not be built: {' / '.join(last)}", f"the whole log is {log}")
    (building / "root/kit").replace(building / "files")
    (building / "complete").touch()
    building.replace(kit.folder)
    progress(f"boot kit {kit.digest} built: Linux {kit.version}")
