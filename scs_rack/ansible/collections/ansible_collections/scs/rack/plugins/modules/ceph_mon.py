#!/usr/bin/python
"""Make and run a Ceph monitor."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_mon
short_description: Make and run a Ceph monitor
description:
  - Makes the monitor's store once, with the cluster's keys and the first monitor map, and runs it.
  - Writes the keyring of C(client.admin), readable by root only.
  - A store that exists is never touched.
author: the scs-rack founders
options:
  mon: {description: Name of the monitor., type: str, required: true}
  fsid: {description: UUID of the cluster., type: str, required: true}
  mons:
    description: All monitors.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: Name of the monitor., type: str, required: true}
      address: {description: IPv4 address., type: str, required: true}
  mon_key: {description: Key of C(mon.)., type: str, required: true}
  admin_key: {description: Key of C(client.admin)., type: str, required: true}
  may_create:
    description: False refuses to make a store; for runs that did not ask all monitors whether there is a cluster.
    type: bool
    default: true
attributes:
  check_mode: {support: full, description: Says what would change.}
"""

EXAMPLES = r"""
- name: Run the monitor
  scs.rack.ceph_mon:
    mon: node1
    fsid: 11111111-2222-4333-8444-555555555555
    mons: [{name: node1, address: 10.91.0.1}]
    mon_key: "{{ ceph_keys.mon }}"
    admin_key: "{{ ceph_keys.admin }}"
"""

RETURN = r"""
changes: {description: What was done (in check mode would be done)., type: list, elements: str, returned: always}
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scs.rack.plugins.module_utils.ceph import (
    ADMIN,
    ADMIN_CAPS,
    ADMIN_KEYRING,
    DATA,
    CephError,
    key_in,
    keyring,
    make_folder,
    run,
    run_daemons,
    write_private,
)


def addresses(address: str) -> str:
    """Where a monitor speaks messenger 2; the older one can't encrypt."""
    return f"[v2:{address}:3300]"


def make_store(params: dict[str, Any], folder: Path) -> None:
    """Make the monitor's store; a half-made one is made again.

    Raises:
        CephError: a tool failed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    make_folder(folder)
    with tempfile.TemporaryDirectory(prefix="scs-rack-mon-", dir="/run") as scratch:
        shutil.chown(scratch, "ceph", "ceph")
        keys, monmap = Path(scratch, "keyring"), Path(scratch, "monmap")
        text = keyring("mon.", params["mon_key"], {"mon": "allow *"})
        write_private(keys, text + keyring(ADMIN, params["admin_key"], ADMIN_CAPS), "ceph")
        named = [part for mon in params["mons"] for part in ("--addv", mon["name"], addresses(mon["address"]))]
        run(["monmaptool", "--create", "--fsid", params["fsid"], *named, str(monmap)])
        made_by = ["--setuser", "ceph", "--setgroup", "ceph"]
        run(["ceph-mon", "--mkfs", "-i", params["mon"], "--monmap", str(monmap), "--keyring", str(keys), *made_by])
    (folder / "done").touch()


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "mon": {"type": "str", "required": True},
            "fsid": {"type": "str", "required": True},
            "mons": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "address": {"type": "str", "required": True},
                },
            },
            "mon_key": {"type": "str", "required": True, "no_log": True},
            "admin_key": {"type": "str", "required": True, "no_log": True},
            "may_create": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    params, check = module.params, module.check_mode
    folder = DATA / f"mon/ceph-{params['mon']}"
    changes = []
    try:
        if not (folder / "done").exists():
            if not params["may_create"]:
                raise CephError("there may be a cluster on monitors outside of the limit; run without --limit")
            changes.append(f"make the store of mon.{params['mon']}")
            if not check:
                make_store(params, folder)
        if key_in(ADMIN_KEYRING, ADMIN) != params["admin_key"]:
            changes.append(f"write {ADMIN_KEYRING}")
            if not check:
                write_private(ADMIN_KEYRING, keyring(ADMIN, params["admin_key"], ADMIN_CAPS))
        daemons = [f"ceph-mon@{params['mon']}.service"]
        changes += run_daemons(daemons, ["ceph-mon.target", "ceph.target"], check=check)
    except (CephError, OSError) as error:
        module.fail_json(msg=str(error), changes=changes)
    module.exit_json(changed=bool(changes), changes=changes)


if __name__ == "__main__":
    main()
