"""`lab down`: leave nothing of a lab but the cache, the SSH key and the CA. Needs no rack file, only the lab's name."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scs_rack.lab import cgroup, netns, nodes, overlay, preflight
from scs_rack.lab.layout import Lab
from scs_rack.lab.up import lab_lock
from scs_rack.paths import state_root

Progress = Callable[[str], None]

STOP_SECONDS = 20.0
_ORDER = ("server", "switch", "manager")


def down(lab: Lab, progress: Progress, *, now: bool = False, keep_disks: bool = False) -> None:
    """Stop everything and remove it; works on any remains of a lab, also twice.

    Args:
        lab: which one.
        progress: called with each step.
        now: power off at once. Operating systems are asked only where their disks are kept, else there is nothing
            to save.
        keep_disks: leave the files of the servers' disks for the next `lab up`.
    """
    with lab_lock(lab):
        _stop_machines(lab, progress, seconds=0 if now or not keep_disks else STOP_SECONDS)
        whole = cgroup.of(lab.name)
        cgroup.kill(whole)
        namespaces = _namespaces(lab)
        strangers = _end_processes_in(namespaces)
        if strangers:
            progress(f"ended {strangers} processes that were in the lab's namespaces")
        for machine in sorted(path.name for path in lab.home.glob("nodes/*")):
            overlay.remove(lab, machine)
        _unmount_below(lab.home)
        for name in namespaces:
            netns.delete(name)
        cgroup.remove(whole)
        cgroup.remove_shadows(lab.name)
        with contextlib.suppress(OSError):
            whole.parent.rmdir()  # unless another lab is in it
        preflight.restore_inotify(
            lab, others=any(path.parent != lab.home for path in state_root().glob("*/lab/inotify"))
        )
        _remove_files(lab, keep_disks=keep_disks)
        progress(f"{len(namespaces)} namespaces, all mounts and overlays removed")


def _stop_machines(lab: Lab, progress: Progress, *, seconds: float) -> None:
    """Servers first, then what they hang on; all of a kind at the same time."""
    machines = [lab.machine(name) for name in lab.machines()]
    for kind in _ORDER:
        names = [one.name for one in machines if one.kind == kind and nodes.power_state(lab, one.name)]
        if names:
            progress(f"stopping {', '.join(names)}")
            with ThreadPoolExecutor(len(names)) as pool:
                list(pool.map(lambda name: nodes.stop(lab, name, hard=seconds == 0, seconds=seconds), names))


def _namespaces(lab: Lab) -> list[str]:
    record = lab.home / "namespaces"
    names = record.read_text(encoding="utf-8").split() if record.is_file() else []
    return [name for name in names if netns.path(name).exists() or netns.path(f"{name}.old").exists()]


def _ancestors() -> set[int]:
    """This process and those that it was started by."""
    found, pid = set(), os.getpid()
    while pid > 0:
        found.add(pid)
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        pid = int(stat.rpartition(")")[2].split()[1])
    return found


def _in_namespaces(namespaces: list[str]) -> list[int]:
    wanted = {netns.identity(netns.path(name)) for name in namespaces} - {None}
    found = {int(path.name) for path in Path("/proc").glob("[0-9]*") if netns.identity(path / "ns/net") in wanted}
    return sorted(found - _ancestors())


def _end_processes_in(namespaces: list[str]) -> int:
    """End what others started in the lab's namespaces (shells, ssh, a forgotten tcpdump)."""
    first = _in_namespaces(namespaces)
    for number, rounds in ((signal.SIGTERM, 20), (signal.SIGKILL, 20)):
        for pid in _in_namespaces(namespaces):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        for _ in range(rounds):
            if not _in_namespaces(namespaces):
                return len(first)
            time.sleep(0.1)
    return len(first)


def _unmount_below(folder: Path) -> None:
    """Unmount whatever is still mounted below a folder, innermost first."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    points = [line.split()[4].replace("\\040", " ") for line in lines]
    for point in sorted((one for one in points if Path(one).is_relative_to(folder)), reverse=True):
        subprocess.run(["umount", "--lazy", point], check=True)


def _remove_files(lab: Lab, *, keep_disks: bool) -> None:
    for path in lab.home.glob("*"):
        if keep_disks and path.name == "disks":
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    if not keep_disks:
        with contextlib.suppress(FileNotFoundError):
            lab.home.rmdir()
    (lab.home.parent / "ssh/known_hosts").unlink(missing_ok=True)
