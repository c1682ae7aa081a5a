#!/usr/bin/python
"""Map compute hosts that have registered to their cell."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nova_hosts
short_description: Map compute hosts that have registered to their cell
description:
  - Waits until nova-compute of each stated host has registered, and lets nova-manage map hosts that are not mapped yet.
  - Whether there is something to do is read from the databases, since nova-manage takes seconds to say so.
  - Runs on the host of the database, as root.
author: the scs-rack founders
options:
  hosts: {description: Hosts that must register., type: list, elements: str, required: true}
  timeout: {description: Seconds to wait for them., type: float, default: 90}
  socket: {description: Unix socket of MariaDB., type: path, default: /run/mysqld/mysqld.sock}
attributes:
  check_mode: {support: full, description: Says which hosts are not mapped.}
"""

EXAMPLES = r"""
- name: Map the hosts
  scs.rack.nova_hosts:
    hosts: "{{ groups['compute'] }}"
"""

RETURN = r"""
mapped:
  description: Hosts that were mapped (in check mode would be mapped).
  type: list
  elements: str
  returned: always
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scs.rack.plugins.module_utils import mariadb
from ansible_collections.scs.rack.plugins.module_utils.commands import Job, run_job

REGISTERED = "SELECT host FROM nova.services WHERE `binary` = 'nova-compute' AND deleted = 0"
MAPPED = "SELECT host FROM nova_api.host_mappings"
DISCOVER = Job("discover", [["nova-manage", "cell_v2", "discover_hosts", "--by-service"]], user="nova")


def names(connection: Any, statement: str) -> set[str]:
    """The first column of what a statement gives."""
    return {str(row[0]) for row in mariadb.query(connection, statement)}


def wait_for(connection: Any, hosts: set[str], timeout: float) -> set[str]:
    """Wait until all hosts have registered; returns those that have not."""
    deadline = time.monotonic() + timeout
    while (missing := hosts - names(connection, REGISTERED)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return missing


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "hosts": {"type": "list", "elements": "str", "required": True},
            "timeout": {"type": "float", "default": 90.0},
            "socket": {"type": "path", "default": mariadb.SOCKET},
        },
        supports_check_mode=True,
    )
    hosts = set(module.params["hosts"])
    try:
        connection = mariadb.connect(module.params["socket"])
        missing = set() if module.check_mode else wait_for(connection, hosts, module.params["timeout"])
        if missing:
            module.fail_json(msg=f"nova-compute has not registered on {', '.join(sorted(missing))}")
        due = sorted((hosts | names(connection, REGISTERED)) - names(connection, MAPPED))
        if due and not module.check_mode:
            outcome = run_job(DISCOVER)
            if outcome.error:
                module.fail_json(msg=outcome.error)
            if left := sorted(set(due) - names(connection, MAPPED)):
                module.fail_json(msg=f"nova-manage did not map {', '.join(left)}")
    except (mariadb.Unusable, mariadb.Error) as error:
        if module.check_mode:
            module.exit_json(changed=True, mapped=sorted(hosts), note=str(error))  # the databases are not there yet
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(due), mapped=due)


if __name__ == "__main__":
    main()
