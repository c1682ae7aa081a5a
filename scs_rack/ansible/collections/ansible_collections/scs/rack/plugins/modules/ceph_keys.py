#!/usr/bin/python
"""Read a monitor's keys of the cluster, or propose new ones."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_keys
short_description: Read the cluster's first keys on a monitor, or propose new ones
description:
  - Returns the keys of C(mon.) and C(client.admin) of a server whose monitor was made before.
  - On other servers returns fresh keys, which nobody has used yet. Changes nothing.
  - Use it with C(no_log).
author: the scs-rack founders
options:
  mon: {description: Name of the monitor., type: str, required: true}
attributes:
  check_mode: {support: full, description: Reads only.}
"""

EXAMPLES = r"""
- name: Ask for keys
  scs.rack.ceph_keys:
    mon: node1
  no_log: true
  register: ceph_keys
"""

RETURN = r"""
found: {description: Whether the keys are the cluster's., type: bool, returned: always}
mon: {description: Key of C(mon.)., type: str, returned: always}
admin: {description: Key of C(client.admin)., type: str, returned: always}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scs.rack.plugins.module_utils.ceph import ADMIN, ADMIN_KEYRING, DATA, key_in, new_key


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec={"mon": {"type": "str", "required": True}}, supports_check_mode=True)
    folder = DATA / f"mon/ceph-{module.params['mon']}"
    mon = key_in(folder / "keyring", "mon.") if (folder / "done").exists() else None
    admin = key_in(ADMIN_KEYRING, ADMIN)
    if mon and not admin:
        module.fail_json(msg=f"{folder} is there, but {ADMIN_KEYRING} is not: restore it from another monitor")
    module.exit_json(changed=False, found=mon is not None, mon=mon or new_key(), admin=admin or new_key())


if __name__ == "__main__":
    main()
