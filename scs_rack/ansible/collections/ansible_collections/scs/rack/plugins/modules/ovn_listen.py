#!/usr/bin/python
"""Say where OVN's databases listen."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ovn_listen
short_description: Say where OVN's databases listen
description:
  - Makes the stated target the only one of each database, with its inactivity probe.
  - In check mode on a host where a database does not run yet, its target counts as a change.
author: the scs-rack founders
options:
  northbound:
    description: Target of the northbound database such as C(ptcp:6641:192.0.2.1).
    type: str
    required: true
  southbound:
    description: Target of the southbound database.
    type: str
    required: true
  inactivity_probe:
    description: Milliseconds without a word from a client after which it is asked whether it lives.
    type: int
    default: 60000
  timeout: {description: Seconds to wait for each database., type: int, default: 30}
attributes:
  check_mode: {support: full, description: Says what would change.}
"""

EXAMPLES = r"""
- name: Listen on the loopback address
  scs.rack.ovn_listen:
    northbound: ptcp:6641:192.0.2.1
    southbound: ptcp:6642:192.0.2.1
"""

RETURN = r"""
databases:
  description: Databases whose target changed.
  type: list
  elements: str
  returned: always
"""

import json
import subprocess
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

TOOLS = {"northbound": "ovn-nbctl", "southbound": "ovn-sbctl"}
SOCKETS = {"northbound": Path("/run/ovn/ovnnb_db.sock"), "southbound": Path("/run/ovn/ovnsb_db.sock")}


class Failed(Exception):
    """OVN did not do what it was asked; says what it answered."""


def ctl(database: str, timeout: int, *arguments: str) -> str:
    """Call ovn-nbctl or ovn-sbctl.

    Raises:
        Failed: with the error that it printed.
    """
    tool = TOOLS[database]
    argv = [tool, f"--timeout={timeout}", f"--db=unix:{SOCKETS[database]}", *arguments]
    seen = subprocess.run(argv, capture_output=True, text=True, check=False)
    if seen.returncode:
        raise Failed(f"{tool}: {seen.stderr.strip() or f'ended with {seen.returncode}'}")
    return seen.stdout


def connections(text: str) -> list[tuple[str, int | None]]:
    """Targets and inactivity probes in what `list Connection` printed as JSON (RFC 7047, section 5.1)."""
    table = json.loads(text)
    found = []
    for row in table["data"]:
        cells = dict(zip(table["headings"], row, strict=True))
        probe = cells["inactivity_probe"]
        found.append((cells["target"], probe if isinstance(probe, int) else None))
    return found


def listen(database: str, target: str, probe: int, *, timeout: int, check: bool) -> bool:
    """Bring one database's target to what is wanted; True if it differed."""
    if check and not SOCKETS[database].exists():
        return True
    seen = connections(
        ctl(database, timeout, "--format=json", "--columns=target,inactivity_probe", "list", "Connection")
    )
    if seen == [(target, probe)]:
        return False
    if not check:
        ctl(database, timeout, "set-connection", target, "--", "set", "Connection", target, f"inactivity_probe={probe}")
    return True


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "northbound": {"type": "str", "required": True},
            "southbound": {"type": "str", "required": True},
            "inactivity_probe": {"type": "int", "default": 60000},
            "timeout": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    try:
        changed = [
            database
            for database in TOOLS
            if listen(
                database,
                wanted[database],
                wanted["inactivity_probe"],
                timeout=wanted["timeout"],
                check=module.check_mode,
            )
        ]
    except (Failed, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(changed), databases=changed)


if __name__ == "__main__":
    main()
