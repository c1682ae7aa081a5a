#!/usr/bin/python
"""Wait for OSDs, then make the pools of a Ceph cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_pools
short_description: CRUSH rule and pools of a Ceph cluster, once its OSDs are up
description:
  - Waits until so many OSDs are up, since monitors refuse pools that are too large for the OSDs that they know.
  - Makes a rule that puts each copy into another host or rack, and the pools with it; pools that are there are brought
    to the rule, the number of copies and of placement groups.
  - A pool does not lose placement groups unless their number is C(exact), since a disk that is out of service for a
    while is no reason to move data.
  - Initialises pools for RBD that are not initialised.
author: the scs-rack founders
options:
  mon: {description: Name of the monitor on this host., type: str, required: true}
  osds: {description: Number of OSDs that must be up., type: int, required: true}
  failure_domain:
    description: Each copy lies in another one of these.
    type: str
    choices: [host, rack]
    default: host
  pools:
    description: Pools.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Name of the pool., type: str, required: true}
      pg_num: {description: Placement groups., type: int, required: true}
      exact: {description: The pool may lose placement groups too., type: bool, default: false}
      size: {description: Copies., type: int, required: true}
      application: {description: Who uses it., type: str, default: rbd}
  timeout: {description: Seconds to wait., type: int, default: 90}
attributes:
  check_mode: {support: full, description: Says what would change; does not wait.}
"""

EXAMPLES = r"""
- name: Make the pools
  scs.rack.ceph_pools:
    mon: node1
    osds: 3
    pools:
      - {name: images, pg_num: 8, size: 3}
      - {name: default.rgw.buckets.data, pg_num: 32, size: 3, application: rgw}
"""

RETURN = r"""
changes: {description: What was done (in check mode would be done)., type: list, elements: str, returned: always}
"""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scs.rack.plugins.module_utils.ceph import DATA, CephError, Cluster

MARK = "rbd_info"
"""Object that initialising a pool leaves in it (`RBD_INFO` in librbd)."""
ROOT = "default"
Entry = dict[str, Any]
Command = tuple[str, Entry]
"""What it does, and how it is asked for."""


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


def rule_name(failure_domain: str) -> str:
    """Name of our CRUSH rule."""
    return f"scs-rack-{failure_domain}"


def chooses(rule: Entry) -> list[str]:
    """What a rule puts each copy into, step by step."""
    return [step["type"] for step in rule["steps"] if step["op"].startswith("choose")]


def rule_commands(rules: list[Entry], failure_domain: str) -> list[Command]:
    """Make the rule that is missing.

    Raises:
        CephError: there is a rule of that name that does something else.
    """
    name = rule_name(failure_domain)
    found = next((rule for rule in rules if rule["rule_name"] == name), None)
    if found is None:
        create = {"prefix": "osd crush rule create-replicated", "name": name, "root": ROOT, "type": failure_domain}
        return [(f"create rule {name}", create)]
    if chooses(found) != [failure_domain]:
        raise CephError(f"rule {name} chooses {chooses(found)}, not {failure_domain}s: rename it, it is not ours")
    return []


def pool_commands(seen: dict[str, Entry], pools: list[Entry], rule: str, number: int | None) -> list[Command]:
    """Make pools that are missing, and mend those that differ.

    Args:
        seen: pools of the OSD map by name.
        pools: as stated.
        rule: name of the rule.
        number: its number; None before it was made.
    """
    commands: list[Command] = []
    for pool in pools:
        name, pg_num, size = pool["name"], pool["pg_num"], pool["size"]
        # without it a name that begins with a point is passed over, and that is called a success
        sure = {"yes_i_really_mean_it": True} if size == 1 or name.startswith(".") else {}
        if name not in seen:
            command = {"prefix": "osd pool create", "pool": name, "pg_num": pg_num, "pgp_num": pg_num, "size": size}
            more = {"pool_type": "replicated", "rule": rule, "autoscale_mode": "off", **sure}
            commands.append((f"create pool {name}", {**command, **more}))
            continue
        now = seen[name]
        if not pool["exact"]:
            pg_num = max(pg_num, now["pg_num_target"])
        for variable, value, differs in (
            ("crush_rule", rule, now["crush_rule"] != number),
            ("size", size, now["size"] != size),
            ("pg_num", pg_num, now["pg_num_target"] != pg_num),
        ):
            if differs:
                command = {"prefix": "osd pool set", "pool": name, "var": variable, "val": str(value), **sure}
                commands.append((f"{variable} of pool {name}", command))
    return commands


def application_commands(seen: dict[str, Entry], pools: list[Entry]) -> list[Command]:
    """Note the user of pools that have none."""
    return [
        (
            f"application of pool {pool['name']}",
            {"prefix": "osd pool application enable", "pool": pool["name"], "app": pool["application"]},
        )
        for pool in pools
        if pool["application"] not in seen.get(pool["name"], {}).get("application_metadata", {})
    ]


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


def pools_of(cluster: Cluster) -> dict[str, Entry]:
    """Pools of the OSD map by name."""
    return {pool["pool_name"]: pool for pool in cluster.ask("osd dump")["pools"]}


def number_of(rules: list[Entry], name: str) -> int | None:
    """Number of a rule; None where it is not there."""
    return next((int(rule["rule_id"]) for rule in rules if rule["rule_name"] == name), None)


def work(params: Entry, *, check: bool) -> list[str]:
    """Wait, make rule and pools, initialise; returns what was (or would be) done."""
    changes: list[str] = []
    pools, domain = params["pools"], params["failure_domain"]
    block = [pool["name"] for pool in pools if pool["application"] == "rbd"]
    with Cluster(params["timeout"]) as cluster:

        def mend(commands: list[Command]) -> bool:
            """Note the changes and, unless only checking, make them all at once."""
            changes.extend(summary for summary, _ in commands)
            if not check:
                cluster.ask_all(command for _, command in commands)
            return bool(commands) and not check

        if not check:
            await_osds(cluster, params["osds"], params["timeout"])
        rules = cluster.ask("osd crush rule dump")
        if mend(rule_commands(rules, domain)):
            rules = cluster.ask("osd crush rule dump")
        seen = pools_of(cluster)
        rule = rule_name(domain)
        if mend(pool_commands(seen, pools, rule, number_of(rules, rule))):
            seen = pools_of(cluster)
            if absent := [pool["name"] for pool in pools if pool["name"] not in seen]:
                raise CephError(f"the monitors did not make {', '.join(absent)}, and did not say why")
        mend(application_commands(seen, pools))
        due = missing(cluster, block)
        changes += [f"initialise pool {name}" for name in due]
        if due and not check:
            with ThreadPoolExecutor(max_workers=len(due)) as pool:
                list(pool.map(lambda name: initialise(cluster, name), due))
    return changes


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "mon": {"type": "str", "required": True},
            "osds": {"type": "int", "required": True},
            "failure_domain": {"type": "str", "choices": ["host", "rack"], "default": "host"},
            "pools": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "pg_num": {"type": "int", "required": True},
                    "exact": {"type": "bool", "default": False},
                    "size": {"type": "int", "required": True},
                    "application": {"type": "str", "default": "rbd"},
                },
            },
            "timeout": {"type": "int", "default": 90},
        },
        supports_check_mode=True,
    )
    if module.check_mode and not (DATA / f"mon/ceph-{module.params['mon']}/done").exists():
        module.exit_json(changed=True, changes=[f"create pool {pool['name']}" for pool in module.params["pools"]])
    try:
        changes = work(module.params, check=module.check_mode)
    except (CephError, OSError) as error:  # librados' errors are OSErrors
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(changes), changes=changes)


if __name__ == "__main__":
    main()
