"""Programs of the host that building an image or running the lab needs, and the Debian packages that have them."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

BUILD_TOOLS: Mapping[str, str] = {
    "mmdebstrap": "mmdebstrap",
    "setpriv": "util-linux",
    "unshare": "util-linux",
    "apt-config": "apt",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
}
"""What building the node image calls or reads, and the package of each."""

GUEST_TOOLS: Mapping[str, str] = {
    "mmdebstrap": "mmdebstrap",
    "depmod": "kmod",
    "mke2fs": "e2fsprogs",
    "mkfs.vfat": "dosfstools",
    "mcopy": "mtools",
    "syslinux": "syslinux",
    "/usr/lib/syslinux/mbr/mbr.bin": "syslinux-common",
    "sfdisk": "fdisk",
    "cpio": "cpio",
}
"""What building the guest image calls or reads, and the package of each."""

LAB_TOOLS: Mapping[str, str] = {
    "systemd-nspawn": "systemd-container",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "setsid": "util-linux",
    "ip": "iproute2",
    "mount": "mount",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
}
"""What `scs-rack lab up` calls, and the package of each."""


PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs of the host are; an ordinary user's PATH lacks some of it."""


def missing_tools(tools: Mapping[str, str]) -> list[str]:
    """Names of programs and files that the host lacks."""
    return [
        name
        for name in tools
        if not (Path(name).exists() if name.startswith("/") else shutil.which(name) or shutil.which(name, path=PATH))
    ]


def install_command(missing: Iterable[str], tools: Mapping[str, str]) -> str:
    """The command that installs the packages of missing tools."""
    return "apt-get install --no-install-recommends -y " + " ".join(sorted({tools[name] for name in missing}))
