#!/usr/bin/python
"""Wait for OSDs and make pools ready for block devices."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_ready
short_description: Wait for OSDs, then make pools ready for block devices
description:
  - Waits until so many OSDs are up, then initialises pools for RBD that are not initialised.
author: the scs-rack founders
options:
  mon: {description: Name of the monitor on this host., type: str, required: true}
  osds: {description: Number of OSDs that must be up., type: int, required: true}
  pools: {description: Names of the pools., type: list, elements: str, default: []}
  timeout: {description: Seconds to wait., type: int, default: 90}
attributes:
  check_mode: {support: full, description: Says what would change; does not wait.}
"""

EXAMPLES = r"""
- name: Make pools ready
  scs.rack.ceph_ready:
    mon: node1
    osds: 3
    pools: [images, volumes]
"""

RETURN = r"""
changes:
  description: What was done (in check mode would be done).
  type: list
  elements: str
  returned: always
"""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scs.rack.plugins.module_utils.ceph import DATA, CephError, Cluster

MARK = "rbd_info"
"""Object that initialising a pool leaves in it (`RBD_INFO` in librbd)."""


def await_osds(cluster: Cluster, wanted: int, timeout: float) -> None:
    """Wait until so many OSDs are up.

    Raises:
        CephError: they are not within the time limit.
    """
    deadline = time.monotonic() + timeout
    while (stat := cluster.ask("osd stat"))["num_up_osds"] < wanted:
        if time.monotonic() > deadline:
            raise CephError(f"{stat['num_up_osds']} of {wanted} OSDs are up after {timeout:.0f} s")
        time.sleep(0.2)


def is_initialised(cluster: Cluster, pool: str) -> bool:
    """True if the pool is ready for block devices."""
    import rados

    with cluster.rados.open_ioctx(pool) as ioctx:
        try:
            ioctx.stat(MARK)
        except rados.ObjectNotFound:
            return False
    return True


def initialise(cluster: Cluster, pool: str) -> None:
    """Make a pool ready for block devices."""
    import rbd

    with cluster.rados.open_ioctx(pool) as ioctx:
        rbd.RBD().pool_init(ioctx, False)


def missing(cluster: Cluster, pools: list[str]) -> list[str]:
    """Pools that are not initialised yet; those that don't exist, too."""
    there = [pool for pool in pools if cluster.rados.pool_exists(pool)]
    return [pool for pool in pools if pool not in there or not is_initialised(cluster, pool)]


def work(params: dict[str, Any], *, check: bool) -> list[str]:
    """Wait and initialise; returns what was (or would be) done."""
    with Cluster(params["timeout"]) as cluster:
        if not check:
            await_osds(cluster, params["osds"], params["timeout"])
        due = missing(cluster, params["pools"])
        if due and not check:
            with ThreadPoolExecutor(max_workers=len(due)) as pool:
                list(pool.map(lambda name: initialise(cluster, name), due))
    return [f"initialise pool {name}" for name in due]


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "mon": {"type": "str", "required": True},
            "osds": {"type": "int", "required": True},
            "pools": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 90},
        },
        supports_check_mode=True,
    )
    if module.check_mode and not (DATA / f"mon/ceph-{module.params['mon']}/done").exists():
        module.exit_json(changed=True, changes=[f"initialise pool {name}" for name in module.params["pools"]])
    try:
        changes = work(module.params, check=module.check_mode)
    except (CephError, OSError) as error:  # librados' errors are OSErrors
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(changes), changes=changes)


if __name__ == "__main__":
    main()
