#!/usr/bin/python
"""Run commands side by side on one host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: run_together
short_description: Run commands side by side on one host
description:
  - Runs independent commands concurrently; each only if its own condition says that it has not been done yet.
  - In check mode the conditions are evaluated and nothing else runs; C(unless) must therefore change nothing.
  - Shows output of failed commands only.
author: the scs-rack founders
options:
  commands:
    description: What to run.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: Name in results., type: str, required: true}
      argv: {description: Program and arguments; no shell., type: list, elements: str}
      steps: {description: Several commands that run one after the other; instead of argv., type: list, elements: list}
      user: {description: Who runs it., type: str, default: root}
      unless: {description: Command that succeeds when there is nothing to do., type: list, elements: str}
      creates: {description: Path that exists when there is nothing to do., type: path}
      environment: {description: Added to a minimal environment., type: dict, default: {}}
      stdin: {description: Standard input; the place for secrets., type: str, default: ""}
      chdir: {description: Working folder., type: path, default: /}
      timeout: {description: Seconds for each command., type: float, default: 600}
  at_once:
    description: How many run at the same time; 0 means all.
    type: int
    default: 0
attributes:
  check_mode: {support: full, description: Evaluates conditions only.}
"""

EXAMPLES = r"""
- name: Write the schemas
  scs.rack.run_together:
    commands:
      - {name: glance, argv: [glance-manage, db_sync], user: glance, creates: /var/lib/glance/.schema}
      - {name: placement, argv: [placement-manage, db, sync], user: placement, creates: /var/lib/placement/.schema}
"""

RETURN = r"""
ran:
  description: Names of commands that ran (in check mode that would run).
  type: list
  elements: str
  returned: always
seconds:
  description: How long each took.
  type: dict
  returned: when something ran
"""

from pathlib import Path
from typing import Any

from ansible_collections.scs.rack.plugins.module_utils.commands import Job, failures, run_job, run_jobs
from ansible_collections.scs.rack.plugins.module_utils.quiet import QuietModule


def to_job(entry: dict[str, Any]) -> Job:
    """The job that an entry states."""
    return Job(
        name=entry["name"],
        steps=entry["steps"] or [entry["argv"]],
        user=entry["user"],
        environment={name: str(value) for name, value in entry["environment"].items()},
        stdin=entry["stdin"],
        chdir=entry["chdir"],
        timeout=entry["timeout"],
    )


def is_done(entry: dict[str, Any]) -> bool:
    """True if the entry's condition says that there is nothing to do."""
    if entry["creates"] and Path(entry["creates"]).exists():
        return True
    if not entry["unless"]:
        return False
    probe = Job(f"{entry['name']} unless", [entry["unless"]], user=entry["user"], timeout=60)
    return not run_job(probe).error


def main() -> None:
    """Entry point."""
    module = QuietModule(
        argument_spec={
            "commands": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "argv": {"type": "list", "elements": "str"},
                    "steps": {"type": "list", "elements": "list"},
                    "user": {"type": "str", "default": "root"},
                    "unless": {"type": "list", "elements": "str"},
                    "creates": {"type": "path"},
                    "environment": {"type": "dict", "default": {}},
                    "stdin": {"type": "str", "default": ""},
                    "chdir": {"type": "path", "default": "/"},
                    "timeout": {"type": "float", "default": 600.0},
                },
                "required_one_of": [("argv", "steps")],
                "mutually_exclusive": [("argv", "steps")],
            },
            "at_once": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    due = [entry for entry in module.params["commands"] if not is_done(entry)]
    ran = [entry["name"] for entry in due]
    if module.check_mode or not due:
        module.exit_json(changed=bool(due), ran=ran)
    outcomes = run_jobs([to_job(entry) for entry in due], module.params["at_once"])
    seconds = {outcome.name: outcome.seconds for outcome in outcomes}
    error = failures(outcomes)
    if error:
        module.fail_json(msg=error, ran=ran, seconds=seconds)
    module.exit_json(changed=True, ran=ran, seconds=seconds)


if __name__ == "__main__":
    main()
