"""Which disk is written, and whether it may be: pure functions from what was stated and seen."""

from collections.abc import Collection, Mapping

from scs_rack.model import Disk
from scs_rack.provision.facts import SeenDisk
from scs_rack.results import Finding

TOLERANCE = 0.05
"""Part by which a disk's size may differ from what its vendor says."""
UNFINISHED = "scs-new-"
"""How the names of partitions begin until a server is installed."""
OURS = ("scs-esp", "scs-root")


def fits(stated: Disk, seen: SeenDisk) -> bool:
    """True if this can be the disk that is stated: by its path if that is stated, by size and kind."""
    size = stated.use == "key" or abs(seen.size - stated.size_gb * 10**9) <= TOLERANCE * stated.size_gb * 10**9
    kind = seen.kind in (stated.kind, "virtual")
    removable = seen.removable and stated.use != "key"
    return size and kind and not removable and (stated.path is None or at(stated.path, seen))


def at(path: str, seen: SeenDisk) -> bool:
    """True if a stable path (/dev/disk/by-id/…) means this disk: it ends with the serial number, or holds the WWID.

    The ramdisk has no udev that would make these paths.
    """
    name = path.rsplit("/", 1)[-1]
    wwid = seen.wwid.split(".")[-1].removeprefix("0x").lower()
    return bool(seen.serial and name.endswith(seen.serial)) or bool(len(wwid) >= 8 and wwid in name.lower())


def compare(server: str, stated: Mapping[str, Disk], seen: Collection[SeenDisk]) -> list[Finding]:
    """Disks that are stated and not there."""
    left = [disk for disk in seen if not disk.removable]
    found: list[Finding] = []
    # those with a path first, so that no other entry of the same size takes their disk
    for name, disk in sorted(stated.items(), key=lambda item: (item[1].path is None, item[1].use == "key")):
        match = next((one for one in left if fits(disk, one)), None)
        if match:
            left.remove(match)
            continue
        there = ", ".join(describe(one) for one in left) or "no other disk"
        what = f"{disk.kind} of {disk.size_gb} GB" + (f" at {disk.path}" if disk.path else "")
        hint = "is a disk missing or dead, or the rack file wrong?"
        found.append(Finding("disk-missing", "error", f"{server} {name}", what, there, hint))
    return found


def describe(disk: SeenDisk) -> str:
    """A disk in words."""
    serial = f", serial {disk.serial}" if disk.serial else ""
    return f"{disk.name} ({disk.kind}, {disk.size / 10**9:.1f} GB{serial})"


def choose(
    server: str, roots: Collection[Disk], rule: str, seen: Collection[SeenDisk]
) -> tuple[tuple[SeenDisk, ...], list[Finding]]:
    """The disks that the system is written to.

    Args:
        server: name of the server.
        roots: the disks whose use is `root`: one, or two that mirror each other.
        rule: `only`: exactly as many disks must fit; `smallest`: the smallest of those that fit, by serial number.
        seen: what is there.

    Returns:
        The disks, one for each that is stated, or none and why.
    """
    chosen: list[SeenDisk] = []
    for root in sorted(roots, key=lambda one: one.path is None):
        fitting = sorted(
            (disk for disk in seen if fits(root, disk) and disk not in chosen),
            key=lambda disk: (disk.size, disk.serial, disk.name),
        )
        if not fitting:
            return (), []  # `compare` says so
        meant = 1 if root.path else len(roots) - len(chosen)
        if len(fitting) > meant and rule == "only":
            hint = "state the root disk's `path`, or `provision: {disk: smallest}` in the server's model"
            names = ", ".join(describe(disk) for disk in fitting)
            what = f"{'one disk' if meant == 1 else f'{meant} disks'} that can be the root disk"
            return (), [Finding("root-disk-unclear", "error", server, what, names, hint)]
        chosen.append(fitting[0])
    return tuple(chosen), []


def too_small(server: str, disk: SeenDisk, needed: int) -> list[Finding]:
    """A disk that can't hold the image, with its EFI system partition (bytes)."""
    if disk.size >= needed:
        return []
    hint = "state a larger root disk, or an image with less in it"
    expected = f"a root disk of {needed / 10**9:.1f} GB at least"
    return [Finding("disk-too-small", "error", server, expected, describe(disk), hint)]


def key_disk(server: str, disk: SeenDisk, *, wipe: Collection[str]) -> list[Finding]:
    """Why a key must not be written to a disk: it holds something else than this server's own key."""
    if not disk.holds or (disk.serial and disk.serial in wipe):
        return []
    names = {what for _, what in disk.holds if what.startswith("name:")}
    if names == {f"name:scs-key-{server}"}:
        return []
    held = "; ".join(f"{part}: {what}" for part, what in disk.holds)
    hint = f"if all of it may be lost: `scs-rack node reinstall {server} --wipe {disk.serial or '(no serial number)'}`"
    return [
        Finding("disk-holds-data", "error", server, "an empty disk for the key", f"{describe(disk)} holds {held}", hint)
    ]


def refusals(server: str, disk: SeenDisk, *, reinstall: bool, wipe: Collection[str]) -> list[Finding]:
    """Why a disk must not be written.

    Args:
        server: name of the server that is installed.
        disk: the disk that was chosen.
        reinstall: the operator typed this server's name: its own installation may be replaced.
        wipe: serial numbers of disks that the operator named: whatever they hold may be lost.
    """
    if not disk.holds or (disk.serial and disk.serial in wipe):
        return []
    names = {what.removeprefix("name:") for _, what in disk.holds if what.startswith("name:")}
    owner = next((what.removeprefix("server:") for _, what in disk.holds if what.startswith("server:")), "")
    osd = any(what in ("ceph-osd", "ceph_bluestore") for _, what in disk.holds)
    half = bool(names) and names <= {*OURS, *(UNFINISHED + one.removeprefix("scs-") for one in OURS)}
    if half and any(name.startswith(UNFINISHED) for name in names) and not osd:
        return []  # begun by us, and never finished
    if owner == server and not osd:
        if reinstall:
            return []
        hint = f"`scs-rack node reinstall {server}` replaces it; it asks for the server's name"
        return [Finding("already-installed", "error", server, "an empty root disk", f"{server} is installed", hint)]
    held = "; ".join(f"{part}: {what}" for part, what in disk.holds)
    kind = "disk-holds-osd" if osd else "disk-holds-data"
    which = disk.serial or "(it has no serial number: empty it by hand)"
    hint = f"if all of it may be lost: `scs-rack node reinstall {server} --wipe {which}`"
    seen = f"{describe(disk)} holds {held}" + (f", installed as {owner}" if owner else "")
    return [Finding(kind, "error", server, "an empty root disk", seen, hint)]
