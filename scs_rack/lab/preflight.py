"""Does this machine have what a lab needs? All that is missing at once, each with the command that mends it."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from scs_rack.design import Design
from scs_rack.errors import UsageError
from scs_rack.lab import cgroup
from scs_rack.lab.layout import Lab
from scs_rack.model import ImageOptions
from scs_rack.paths import cache_root, state_root
from scs_rack.provision.image import image_of
from scs_rack.provision.tools import BUILD_TOOLS, LAB_TOOLS, install_command, missing_tools
from scs_rack.results import Finding

CORES = 2
MEMORY_GIB = 22
"""What a machine sold with 24 GiB shows."""
DISK_GIB = 30
INOTIFY_INSTANCES = 1024
_INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
KERNEL = (5, 14)
"""The first that has cgroup.kill."""
_LINKS = {"veth": "ip link add name v0 type veth peer name v1", "bridge": "ip link add name b0 type bridge"}
_OVERLAY = """
folder=$(mktemp -d {where}/.scs-rack-check-XXXXXX)
trap 'umount $folder/root 2>/dev/null; rm -rf $folder' EXIT
mkdir $folder/lower $folder/upper $folder/work $folder/root
mount -t overlay overlay -o lowerdir=$folder/lower,upperdir=$folder/upper,workdir=$folder/work $folder/root
"""
_DEVICES = {"/dev/net/tun": "modprobe tun", "/dev/fuse": "modprobe fuse"}


def _finding(kind: str, expected: str, seen: str, hint: str, severity: str = "error") -> Finding:
    return Finding(kind, severity, "this machine", expected, seen, hint)  # type: ignore[arg-type]


def _existing(where: Path) -> Path:
    return where if where.exists() else _existing(where.parent)


def _free_gib(where: Path) -> float:
    return shutil.disk_usage(_existing(where)).free / 2**30


def _size() -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0))
    if cores < CORES:
        yield _finding("too-few-cores", f"{CORES} or more", str(cores), "use a larger machine")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    if memory < MEMORY_GIB:
        yield _finding(
            "too-little-memory",
            "24 GiB",
            f"{memory:.1f} GiB",
            "use a larger machine, or fewer servers in the rack file",
        )
    for what, where in (("node image", cache_root()), ("lab", state_root())):
        free = _free_gib(where)
        if free < DISK_GIB / 2:
            yield _finding(
                "too-little-disk",
                f"{DISK_GIB // 2} GiB free for the {what} in {where}",
                f"{free:.1f} GiB",
                "free some, or point SCS_RACK_CACHE or SCS_RACK_STATE to a larger disk",
            )


def _works(script: str) -> bool:
    """True if a script succeeds in mount and network namespaces of its own, which it can fill with anything."""
    command = ["unshare", "--mount", "--propagation", "private", "--net", "sh", "-ec", script]
    return not subprocess.run(command, check=False, capture_output=True).returncode


def _kernel() -> Iterator[Finding]:
    """Features of the kernel, tried out where they can be: a module that loads by itself is not missing."""
    seen = platform.release()
    if platform.machine() != "x86_64":
        yield _finding("wrong-architecture", "x86_64", platform.machine(), "use another machine")
    if not _works("true"):
        yield _finding("no-namespaces", "unshare --mount --net works", "it fails", "a container needs --privileged")
        return
    if not _works(_OVERLAY.format(where=_existing(state_root()))):
        hint = (
            f"modprobe overlay; if {state_root()} is on an overlay itself, point SCS_RACK_STATE to ext4, xfs or btrfs"
        )
        yield _finding("no-overlay", f"overlay mounts below {state_root()}", "refused", hint)
    for kind, command in _LINKS.items():
        if not _works(command):
            yield _finding(f"no-{kind}", f"network links of type {kind}", "refused", f"modprobe {kind}")
    try:
        cgroup.unified()
    except UsageError as error:
        yield _finding("no-cgroup2", "cgroup version 2 is mounted", "it is not", error.hint)
    if tuple(int(part) for part in re.findall(r"\d+", seen)[:2]) < KERNEL:
        wanted = ".".join(str(part) for part in KERNEL)
        yield _finding("old-kernel", f"Linux {wanted} or later", seen, "use the kernel of Debian 12 or later")
    for device, hint in _DEVICES.items():
        if not Path(device).exists():
            yield _finding("no-device", device, "none", hint)


def check(options: ImageOptions) -> list[Finding]:
    """Everything that is missing on this machine; what builds the node image counts only until it is built."""
    found: list[Finding] = []
    if os.geteuid() != 0:
        found.append(_finding("not-root", "uid 0", f"uid {os.geteuid()}", "run the command with sudo"))
    tools = LAB_TOOLS if image_of(options).complete else {**BUILD_TOOLS, **LAB_TOOLS}
    if missing := missing_tools(tools):
        found.append(
            _finding("no-tools", "all tools", f"missing: {', '.join(missing)}", install_command(missing, tools))
        )
        return [*found, *_size()]  # the kernel is tried out with these tools, by root
    return [*found, *_size(), *([] if found else _kernel())]


def require(design: Design) -> None:
    """Stop with all faults at once.

    Raises:
        UsageError: something is missing.
    """
    faults = [fault for fault in check(design.rack.image) if fault.severity == "error"]
    if faults:
        lines = "".join(
            f"\n  {fault.type}: expected {fault.expected}, seen {fault.seen}; {fault.hint}" for fault in faults
        )
        raise UsageError(f"this machine can't run the lab:{lines}", "")


def raise_inotify(lab: Lab) -> None:
    """Raise the limit of inotify instances, which all machines share as uid 0; `lab down` puts it back."""
    now = int(_INOTIFY.read_text(encoding="ascii"))
    record = lab.home / "inotify"
    if now < INOTIFY_INSTANCES:
        record.write_text(f"{now}\n", encoding="ascii")
        _INOTIFY.write_text(f"{INOTIFY_INSTANCES}\n", encoding="ascii")


def restore_inotify(lab: Lab, *, others: bool) -> None:
    """Put the limit back to what it was before the lab, unless other labs still need it."""
    record = lab.home / "inotify"
    if record.is_file() and not others:
        _INOTIFY.write_text(record.read_text(encoding="ascii"), encoding="ascii")
    record.unlink(missing_ok=True)
