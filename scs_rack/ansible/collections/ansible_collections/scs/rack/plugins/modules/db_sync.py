#!/usr/bin/python
"""Bring the database schemas of many services up to date, side by side."""

from __future__ import annotations

DOCUMENTATION = r"""
module: db_sync
short_description: Bring the database schemas of many services up to date, side by side
description:
  - Runs the migrations of services concurrently; they don't depend on each other.
  - Starting a service's tool only to hear that there is nothing to do takes seconds. So a sync leaves a note of the
    package's version, the commands and the revision that Alembic left in the database, and is skipped as long as all
    of them are seen again. A database that was lost, restored or upgraded is noticed, since its revision is read.
  - Runs on the host of the database, as root.
author: the scs-rack founders
options:
  schemas:
    description: The services.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: Name of the service., type: str, required: true}
      packages: {description: Debian packages that carry the migrations., type: list, elements: str, required: true}
      databases: {description: Databases whose Alembic revision is read., type: list, elements: str, required: true}
      steps: {description: Commands that run one after the other., type: list, elements: list, required: true}
      user: {description: Who runs them., type: str, default: root}
      environment: {description: Added to a minimal environment; the place for secrets., type: dict, default: {}}
      timeout: {description: Seconds for each command., type: float, default: 900}
  socket:
    description: Unix socket of MariaDB.
    type: path
    default: /run/mysqld/mysqld.sock
  notes:
    description: Folder of the notes.
    type: path
    default: /var/lib/scs-rack/db
attributes:
  check_mode: {support: full, description: Says which services would be synced.}
"""

EXAMPLES = r"""
- name: Bring the schemas up to date
  scs.rack.db_sync:
    schemas:
      - {name: glance, packages: [glance-common], databases: [glance], user: glance, steps: [[glance-manage, db_sync]]}
      - {name: placement, packages: [python3-placement], databases: [placement], user: placement,
         steps: [[placement-manage, db, sync]]}
"""

RETURN = r"""
synced:
  description: Services whose migrations ran (in check mode would run).
  type: list
  elements: str
  returned: always
seconds:
  description: How long each took.
  type: dict
  returned: when something ran
"""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

from ansible_collections.scs.rack.plugins.module_utils import mariadb
from ansible_collections.scs.rack.plugins.module_utils.commands import Job, failures, run_jobs
from ansible_collections.scs.rack.plugins.module_utils.quiet import QuietModule

Note = dict[str, Any]


def package_versions(packages: list[str]) -> dict[str, str]:
    """Versions of installed packages by name."""
    seen = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Package} ${Version}\n", *packages],
        capture_output=True,
        text=True,
        check=False,  # it fails when one of them is not installed, and tells of the others all the same
    )
    return dict(line.split(" ", 1) for line in seen.stdout.splitlines())


def note_of(schema: dict[str, Any], versions: dict[str, str], revisions: dict[str, list[str]]) -> Note:
    """What is true of a schema now, in the form that is written down after a sync."""
    return {
        "packages": {name: versions.get(name, "") for name in schema["packages"]},
        "steps": hashlib.sha256(json.dumps(schema["steps"]).encode()).hexdigest(),
        "revisions": {name: revisions.get(name, []) for name in schema["databases"]},
    }


def read_note(path: Path) -> Note | None:
    """What the last sync wrote down; None when there was none."""
    try:
        note = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return note if isinstance(note, dict) else None


def observe(schemas: list[dict[str, Any]], socket: str) -> dict[str, Note]:
    """The note of each schema as it would be written now.

    Raises:
        Unusable: MariaDB can't be talked to.
    """
    versions = package_versions(sorted({name for schema in schemas for name in schema["packages"]}))
    connection = mariadb.connect(socket)
    try:
        revisions = mariadb.revisions(connection, [name for schema in schemas for name in schema["databases"]])
    finally:
        connection.close()
    return {schema["name"]: note_of(schema, versions, revisions) for schema in schemas}


def to_job(schema: dict[str, Any]) -> Job:
    """The job that runs a service's migrations."""
    return Job(
        name=schema["name"],
        steps=[[str(word) for word in step] for step in schema["steps"]],
        user=schema["user"],
        environment={name: str(value) for name, value in schema["environment"].items()},
        timeout=schema["timeout"],
    )


def main() -> None:
    """Entry point."""
    module = QuietModule(
        argument_spec={
            "schemas": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "packages": {"type": "list", "elements": "str", "required": True},
                    "databases": {"type": "list", "elements": "str", "required": True},
                    "steps": {"type": "list", "elements": "list", "required": True},
                    "user": {"type": "str", "default": "root"},
                    "environment": {"type": "dict", "default": {}},
                    "timeout": {"type": "float", "default": 900.0},
                },
            },
            "socket": {"type": "path", "default": mariadb.SOCKET},
            "notes": {"type": "path", "default": "/var/lib/scs-rack/db"},
        },
        supports_check_mode=True,
    )
    schemas, socket, folder = module.params["schemas"], module.params["socket"], Path(module.params["notes"])
    try:
        before = observe(schemas, socket)
        due = [s for s in schemas if read_note(folder / f"{s['name']}.json") != before[s["name"]]]
        names = [schema["name"] for schema in due]
        if module.check_mode or not due:
            module.exit_json(changed=bool(due), synced=names)
        outcomes = run_jobs([to_job(schema) for schema in due])
        after = observe(due, socket)
    except mariadb.Unusable as error:
        if module.check_mode:
            module.exit_json(changed=True, synced=[s["name"] for s in schemas], note=str(error))
        module.fail_json(msg=str(error))
    seconds = {outcome.name: outcome.seconds for outcome in outcomes}
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    errors = [failures(outcomes)] if failures(outcomes) else []
    for outcome in outcomes:
        empty = [name for name, seen in after[outcome.name]["revisions"].items() if not seen]
        if outcome.error:
            continue
        if empty:
            errors.append(f"{outcome.name}: no schema in {', '.join(empty)} although its commands succeeded")
        else:
            (folder / f"{outcome.name}.json").write_text(json.dumps(after[outcome.name], indent=1) + "\n")
    if errors:
        module.fail_json(msg="\n".join(errors), synced=names, seconds=seconds)
    module.exit_json(changed=True, synced=names, seconds=seconds)


if __name__ == "__main__":
    main()
