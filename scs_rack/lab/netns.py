"""Named network namespaces. Links are created inside of them; the host's own namespace never sees one."""

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from scs_rack.errors import StageFailed

FOLDER = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_OLD = ".old"


def path(name: str) -> Path:
    """File by which a namespace is entered."""
    return FOLDER / name


def identity(where: Path) -> tuple[int, int] | None:
    """What tells the namespace of a file from all others; None if the file is no namespace."""
    try:
        status = where.stat()
    except OSError:
        return None
    found = (status.st_dev, status.st_ino)
    return found if status.st_dev == Path("/proc/self/ns/net").stat().st_dev else None


def exists(name: str) -> bool:
    """True if the namespace is there and alive (a file that a reboot left is not)."""
    return identity(path(name)) is not None


def holds(name: str, pid: int) -> bool:
    """True if a process is in the namespace that has this name now."""
    mine = identity(path(name))
    return mine is not None and mine == identity(Path(f"/proc/{pid}/ns/net"))


def ip(*arguments: str, lines: Iterable[str] = ()) -> str:
    """Call the program of that name (iproute2), with lines of a batch if there are any.

    Raises:
        StageFailed: it failed; its own message is in the error.
    """
    batch = "\n".join(lines)
    if batch:
        arguments = (*arguments, "-batch", "-")
    done = subprocess.run(["ip", *arguments], check=False, input=batch + "\n", capture_output=True, text=True)
    if done.returncode:
        raise StageFailed(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def create(name: str) -> bool:
    """Make a namespace with its loopback up; False if it is there already."""
    if exists(name):
        return False
    path(name).unlink(missing_ok=True)
    ip("netns", "add", name)
    ip("-n", name, "link", "set", "lo", "up")
    return True


def delete(name: str) -> None:
    """Remove a namespace; the ends of veth pairs in it vanish with their other ends."""
    for one in (name, name + _OLD):
        if exists(one):
            ip("netns", "del", one)
        path(one).unlink(missing_ok=True)


def links(name: str) -> set[str]:
    """Names of the links in a namespace, without loopback."""
    lines = ip("-n", name, "-o", "link").splitlines()
    return {line.split(": ")[1].partition("@")[0] for line in lines} - {"lo"}


def refresh(name: str, ports: Iterable[str]) -> None:
    """Replace a namespace by a fresh one with the same ports, all down: what losing power leaves of a network.

    The ports move, so that their other ends only lose the carrier. An interrupted refresh is finished by the next one.

    Raises:
        StageFailed: there is no such namespace.
    """
    old = name + _OLD
    if not exists(name) and not exists(old):
        raise StageFailed(f"there is no network namespace {name}", "`scs-rack lab up` makes it")
    if not exists(old):
        path(old).touch()
        subprocess.run(["mount", "--bind", path(name), path(old)], check=True)
        subprocess.run(["umount", path(name)], check=True)
        path(name).unlink()
    create(name)
    present = links(old)
    if moving := [f"link set {port} netns {name}" for port in ports if port in present]:
        ip("-n", old, lines=moving)
    ip("netns", "del", old)


def half_refreshed(name: str) -> bool:
    """True if a refresh of the namespace was interrupted."""
    return exists(name + _OLD)


@contextlib.contextmanager
def inside(name: str) -> Iterator[None]:
    """Put this thread into a namespace for a while."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        switch(path(name))
        try:
            yield
        finally:
            _setns(home)
    finally:
        os.close(home)


def switch(where: Path) -> None:
    """Put this thread (and what it starts) into the namespace of a file for good."""
    there = os.open(where, os.O_RDONLY)
    try:
        _setns(there)
    finally:
        os.close(there)


def _setns(descriptor: int) -> None:
    """setns(2); Python has it from 3.12 on."""
    if hasattr(os, "setns"):
        os.setns(descriptor, _CLONE_NEWNET)
    elif ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
