"""Control groups (version 2) are how the lab knows which processes are its own.

Every machine and BMC lives in a group of its own below `scs-rack/<lab>`, made directly in the unified tree. A process
can't leave it unnoticed, no process id can be mistaken for another's, and one write ends all of a group.
On hosts with the hybrid layout the unified tree has no controllers, which is fine: only membership is used.
"""

import contextlib
import os
import time
from pathlib import Path

from scs_rack.errors import UsageError


def unified(mounts: Path = Path("/proc/self/mounts")) -> Path:
    """Where the unified tree is mounted.

    Raises:
        UsageError: nowhere.
    """
    for line in mounts.read_text(encoding="utf-8").splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(where)
    raise UsageError(
        "cgroup version 2 is not mounted",
        "mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified",
    )


def of(lab: str, *parts: str) -> Path:
    """Group of a lab, or of one of its parts."""
    return unified().joinpath("scs-rack", lab, *parts)


def create(group: Path) -> None:
    """Make a fresh group without processes, with all controllers that its parents can hand down.

    A group that was killed is never used again: Linux 6.18 kills every process that is cloned into it (the kill count
    of the parent's group is compared with that of the new one), which hits the units of a machine that is started
    again in its old groups.
    """
    if not populated(group):
        remove(group)
    group.mkdir(parents=True, exist_ok=True)
    top = unified()
    for parent in reversed(group.relative_to(top).parents):
        folder = top / parent
        for controller in (folder / "cgroup.controllers").read_text(encoding="ascii").split():
            with contextlib.suppress(OSError):  # busy with processes of its own, or not to be shared
                (folder / "cgroup.subtree_control").write_text(f"+{controller}", encoding="ascii")


def populated(group: Path) -> bool:
    """True while any process is in a group or below it."""
    try:
        return "populated 1" in (group / "cgroup.events").read_text(encoding="ascii")
    except OSError:
        return False


def processes(group: Path) -> list[int]:
    """Ids of all processes in a group and below it."""
    found: list[int] = []
    for path in [group / "cgroup.procs", *group.glob("**/cgroup.procs")]:
        with contextlib.suppress(OSError):
            found += [int(line) for line in path.read_text(encoding="ascii").split()]
    return sorted({pid for pid in found if pid})


def wait_empty(group: Path, seconds: float) -> bool:
    """Wait until a group has no process left; False when the time is over."""
    end = time.monotonic() + seconds
    while populated(group):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def kill(group: Path) -> None:
    """End all processes of a group and below it, at once (cgroup.kill, Linux 5.14)."""
    if populated(group):
        with contextlib.suppress(FileNotFoundError):
            (group / "cgroup.kill").write_text("1", encoding="ascii")
    if not wait_empty(group, 20):
        names = " ".join(str(pid) for pid in processes(group))
        raise UsageError(f"processes {names} in {group} can't be killed", "they wait for the kernel; see dmesg")


def remove(group: Path) -> None:
    """Remove a group that has no process, and all below it."""
    for folder, _, _ in os.walk(group, topdown=False):
        with contextlib.suppress(FileNotFoundError):
            Path(folder).rmdir()


def remove_shadows(lab: str, mounts: Path = Path("/proc/self/mounts")) -> None:
    """Remove the groups of a lab that nspawn makes beside ours in trees of version 1 (hybrid layout).

    systemd(1) of a machine keeps its own tree `name=systemd` there; nothing of it has a process once ours has none.
    """
    for line in mounts.read_text(encoding="utf-8").splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup" and (shadow := Path(where) / "scs-rack" / lab).is_dir():
            remove(shadow)
            with contextlib.suppress(OSError):
                shadow.parent.rmdir()  # unless another lab is in it
