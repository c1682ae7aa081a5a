"""The root folder of a machine: an overlay on the node image."""

import contextlib
import shutil
import subprocess
from pathlib import Path

from scs_rack.errors import StageFailed
from scs_rack.lab.layout import Lab

_NSPAWN = Path("/run/systemd/nspawn")


def root(lab: Lab, machine: str) -> Path:
    """Mounted root folder of a machine."""
    return lab.folder(machine) / "root"


def mounted(where: Path) -> bool:
    """True if something is mounted there."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return any(line.split()[4].replace("\\040", " ") == str(where) for line in lines)


def mount(lab: Lab, machine: str) -> Path:
    """Mount a machine's root folder if it is not."""
    folder = lab.folder(machine)
    for name in ("upper", "work", "root"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    where = root(lab, machine)
    if not mounted(where):
        options = f"lowerdir={lab.image.resolve()},upperdir={folder / 'upper'},workdir={folder / 'work'}"
        done = subprocess.run(
            ["mount", "-t", "overlay", f"{lab.name}-{machine}", "-o", options, where],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise StageFailed(
                f"{where}: {done.stderr.strip()}", "overlay mounts need a local file system (ext4, xfs, btrfs)"
            )
    return where


def discard(lab: Lab, machine: str) -> None:
    """Lose all that a machine that is off has written; the next `mount` gives it the node image as it is.

    Raises:
        StageFailed: something holds the folder still.
    """
    where = root(lab, machine)
    while mounted(where):
        done = subprocess.run(["umount", where], check=False, capture_output=True, text=True)
        if done.returncode:
            raise StageFailed(f"{where}: {done.stderr.strip()}", "who has a file open there? `fuser -m` tells")
    for name in ("upper", "work"):
        shutil.rmtree(lab.folder(machine) / name, ignore_errors=True)


def forget(lab: Lab, machine: str) -> None:
    """Remove what the systemd-nspawn of a machine that is off left in /run; version 256 and later trip over it."""
    for kind in ("unix-export", "propagate"):
        where = _NSPAWN / kind / f"{lab.name}-{machine}"
        while mounted(where):
            subprocess.run(["umount", "--lazy", where], check=True)
        with contextlib.suppress(OSError):
            where.rmdir()
    if mounted(root(lab, machine)):
        status = root(lab, machine).stat()
        (_NSPAWN / f"locks/inode-{status.st_dev}:{status.st_ino}").unlink(missing_ok=True)


def unmount(lab: Lab, machine: str) -> None:
    """Unmount the root folder of a machine that is off."""
    forget(lab, machine)
    where = root(lab, machine)
    while mounted(where):
        done = subprocess.run(["umount", where], check=False, capture_output=True, text=True)
        if done.returncode:
            subprocess.run(["umount", "--lazy", where], check=True)


def remove(lab: Lab, machine: str) -> None:
    """Unmount a machine's root folder and remove all that it wrote."""
    unmount(lab, machine)
    shutil.rmtree(lab.folder(machine), ignore_errors=False)
