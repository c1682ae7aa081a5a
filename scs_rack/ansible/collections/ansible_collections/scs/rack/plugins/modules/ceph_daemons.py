#!/usr/bin/python
"""Make and run a host's Ceph manager and OSDs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_daemons
short_description: Make and run the Ceph manager and the OSDs of a host
description:
  - Formats the disks of new OSDs side by side, and runs all daemons of the host.
  - Formats a disk only if its OSD has never run and the disk is blank; a disk with anything on it is refused.
  - A disk that carries its OSD's data is put to use again on a host that was installed anew.
  - Daemons that run are not touched.
author: the scs-rack founders
options:
  manager: {description: Name of the manager; none runs here when not stated., type: str}
  manager_key: {description: Key of the manager., type: str}
  osds:
    description: The OSDs.
    type: list
    elements: dict
    default: []
    suboptions:
      id: {description: Number of the OSD., type: int, required: true}
      uuid: {description: UUID of the OSD., type: str, required: true}
      key: {description: Key of the OSD., type: str, required: true}
      path: {description: Path of the disk; in the lab a file., type: path, required: true}
      fresh: {description: The OSD has never run., type: bool, required: true}
attributes:
  check_mode: {support: full, description: Says what would change.}
"""

EXAMPLES = r"""
- name: Run the OSD
  scs.rack.ceph_daemons:
    osds:
      - id: 0
        uuid: 8d8a3b1e-1c7e-5f0e-9a94-3f7d3a3a0001
        key: "{{ key }}"
        path: /dev/disk/by-path/pci-0000:01:00.0-nvme-1
        fresh: true
  no_log: true
"""

RETURN = r"""
changes: {description: What was done (in check mode would be done)., type: list, elements: str, returned: always}
"""

import json
import shutil
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scs.rack.plugins.module_utils.ceph import (
    DATA,
    CephError,
    key_in,
    keyring,
    make_folder,
    run,
    run_daemons,
    write_private,
)

MAGIC = b"bluestore block device"
"""First bytes of a disk that BlueStore has formatted."""


def folder_of(osd: dict[str, Any]) -> Path:
    """Folder of an OSD."""
    return Path(DATA, f"osd/ceph-{osd['id']}")


def is_made(osd: dict[str, Any]) -> bool:
    """True if the OSD's folder is complete and belongs to this OSD."""
    fsid = folder_of(osd) / "fsid"
    return (folder_of(osd) / "ready").exists() and fsid.is_file() and fsid.read_text().strip() == osd["uuid"]


def label_of(path: Path) -> dict[str, str]:
    """BlueStore's label of a disk; empty when it can't be read."""
    seen = subprocess.run(
        ["ceph-bluestore-tool", "show-label", "--dev", str(path)], capture_output=True, text=True, check=False
    )
    try:
        labels: dict[str, dict[str, str]] = json.loads(seen.stdout)
    except ValueError:
        return {}
    return next(iter(labels.values()), {})


def content_of(path: Path) -> str:
    """What is on a disk: empty, `osd <uuid>`, `unfinished osd <uuid>`, or what blkid(8) finds.

    Raises:
        CephError: there is no such disk.
    """
    if not path.exists():
        raise CephError(f"there is no disk {path}")
    with path.open("rb") as disk:
        if disk.read(len(MAGIC)) == MAGIC:
            label = label_of(path)
            done = "" if label.get("mkfs_done") == "yes" else "unfinished "
            return f"{done}osd {label.get('osd_uuid', 'unknown')}"
    seen = subprocess.run(
        ["blkid", "--probe", "--output", "export", str(path)], capture_output=True, text=True, check=False
    )
    words = dict(line.split("=", 1) for line in seen.stdout.splitlines() if "=" in line)
    return words.get("TYPE") or words.get("PTTYPE") or ("" if seen.returncode == 2 else "something unknown")


def own(path: Path) -> None:
    """Give a disk to the user ceph."""
    target = path.resolve()
    mode = target.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
        raise CephError(f"{path} is neither a block device nor a file")
    shutil.chown(target, "ceph", "ceph")


def how_to_make(osd: dict[str, Any]) -> str:
    """`format` or `adopt`.

    Raises:
        CephError: the disk must not be touched; says why.
    """
    content = content_of(Path(osd["path"]))
    if content == f"osd {osd['uuid']}":
        return "adopt"
    if not osd["fresh"]:
        raise CephError(
            f"osd.{osd['id']} has run before, but {osd['path']} does not carry its data"
            f" (found: {content or 'nothing'}); if the disk was replaced,"
            f" `ceph osd purge {osd['id']} --yes-i-really-mean-it` first"
        )
    if content not in ("", f"unfinished osd {osd['uuid']}"):
        raise CephError(f"{osd['path']} is not blank (found: {content}); `wipefs --all` it if nobody needs it")
    return "format"


def make(osd: dict[str, Any], how: str) -> None:
    """Make the OSD's folder and, to format, its store.

    Raises:
        CephError: a tool failed.
    """
    folder, path = folder_of(osd), osd["path"]
    shutil.rmtree(folder, ignore_errors=True)
    make_folder(folder)
    own(Path(path))
    if how == "adopt":
        run(["ceph-bluestore-tool", "prime-osd-dir", "--dev", path, "--path", str(folder), "--no-mon-config"])
    (folder / "block").unlink(missing_ok=True)
    (folder / "block").symlink_to(path)
    write_private(folder / "keyring", keyring(f"osd.{osd['id']}", osd["key"]), "ceph")
    if how == "format":
        made_by = ["--setuser", "ceph", "--setgroup", "ceph"]
        run(["ceph-osd", "--mkfs", "-i", str(osd["id"]), "--osd-uuid", osd["uuid"], *made_by])
    for file in folder.iterdir():
        if not file.is_symlink():
            shutil.chown(file, "ceph", "ceph")


def make_osds(osds: list[dict[str, Any]], *, check: bool) -> list[str]:
    """Make those OSDs that are not made yet; returns what was (or would be) done.

    Raises:
        CephError: a disk must not be touched, or a tool failed.
    """
    due = [(osd, how_to_make(osd)) for osd in osds if not is_made(osd)]
    if due and not check:
        with ThreadPoolExecutor(max_workers=4) as pool:
            list(pool.map(lambda pair: make(*pair), due))
    return [f"{how} {osd['path']} as osd.{osd['id']}" for osd, how in due]


def make_manager(name: str, key: str, *, check: bool) -> list[str]:
    """Write the manager's keyring."""
    path = DATA / f"mgr/ceph-{name}/keyring"
    if key_in(path, f"mgr.{name}") == key:
        return []
    if not check:
        make_folder(path.parent)
        write_private(path, keyring(f"mgr.{name}", key), "ceph")
    return [f"make mgr.{name}"]


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "manager": {"type": "str"},
            "manager_key": {"type": "str", "no_log": True},
            "osds": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "id": {"type": "int", "required": True},
                    "uuid": {"type": "str", "required": True},
                    "key": {"type": "str", "required": True, "no_log": True},
                    "path": {"type": "path", "required": True},
                    "fresh": {"type": "bool", "required": True},
                },
            },
        },
        supports_check_mode=True,
    )
    params, check = module.params, module.check_mode
    changes: list[str] = []
    daemons, targets = [], []
    try:
        if params["manager"]:
            changes += make_manager(params["manager"], params["manager_key"], check=check)
            daemons.append(f"ceph-mgr@{params['manager']}.service")
            targets += ["ceph-mgr.target", "ceph.target"]
        changes += make_osds(params["osds"], check=check)
        daemons += [f"ceph-osd@{osd['id']}.service" for osd in params["osds"]]
        targets += ["ceph-osd.target", "ceph.target"] if params["osds"] else []
        changes += run_daemons(daemons, sorted(set(targets)), check=check)
    except (CephError, OSError) as error:
        module.fail_json(msg=str(error), changes=changes)
    module.exit_json(changed=bool(changes), changes=changes)


if __name__ == "__main__":
    main()
