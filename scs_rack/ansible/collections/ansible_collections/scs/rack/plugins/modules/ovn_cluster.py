#!/usr/bin/python
"""Make the clusters of OVN's two databases, let servers join them, and see that they did."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ovn_cluster
short_description: Raft clusters of OVN's two databases
description:
  - C(seen) tells which databases this server has, and what their clusters look like from here.
  - C(present) needs what all servers have told. Where no server has a database, the first of the members makes the
    cluster and the others join it; a server that lost its database joins it anew. Before that the leader removes
    members that are no longer stated, and those that lost their database.
  - C(ready) waits until this server's databases are in clusters of all members, with a leader; on the first
    member it brings the schema up to date and sets options of OVN.
author: the scs-rack founders
options:
  state: {description: What to do., type: str, required: true, choices: [seen, present, ready]}
  address: {description: IPv4 address of this server., type: str, required: true}
  members:
    description: Addresses of all servers, the same list on each.
    type: list
    elements: str
    required: true
  seen:
    description: What C(seen) returned on each server.
    type: list
    elements: dict
    default: []
  election_timer: {description: Milliseconds without a leader's word until an election., type: int, default: 1000}
  options:
    description: Settings in C(options) of the northbound database's table C(NB_Global).
    type: dict
    default: {}
  timeout: {description: Seconds to wait for the clusters., type: float, default: 90}
attributes:
  check_mode: {support: full, description: Says what would change.}
"""

EXAMPLES = r"""
- name: Look
  scs.rack.ovn_cluster: {state: seen, address: 192.0.2.1, members: [192.0.2.1, 192.0.2.2, 192.0.2.3]}
  register: ovn_seen

- name: Make databases
  scs.rack.ovn_cluster:
    state: present
    address: 192.0.2.1
    members: [192.0.2.1, 192.0.2.2, 192.0.2.3]
    seen: "{{ ansible_play_hosts | map('extract', hostvars, 'ovn_seen') | list }}"
"""

RETURN = r"""
address: {description: Address of this server., type: str, returned: always}
missing: {description: Databases that are in no cluster here., type: list, elements: str, returned: always}
leads: {description: Databases whose leader it is., type: list, elements: str, returned: always}
changes: {description: What was done (in check mode would be done)., type: list, elements: str, returned: always}
"""

import re
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

STATE, RUN, SCHEMAS = Path("/var/lib/ovn"), Path("/run/ovn"), Path("/usr/share/ovn")
SERVER = re.compile(r"^\s+(\w+) \(\w+ at (\w+:[^)]+)\)")


class Failed(Exception):
    """OVN did not do what it was asked; says what it answered."""


@dataclass(frozen=True)
class Database:
    """One of the two; `port` is that of the cluster's own wire."""

    name: str
    schema: str
    port: int

    def file(self) -> Path:
        """Its file."""
        return STATE / f"ovn{self.name}_db.db"

    def socket(self) -> Path:
        """Where clients on this server reach it."""
        return RUN / f"ovn{self.name}_db.sock"

    def schema_file(self) -> Path:
        """The schema of the installed version."""
        return SCHEMAS / f"ovn-{self.name}.ovsschema"

    def wire(self, address: str) -> str:
        """Where a member of the cluster is reached by the others."""
        return f"ssl:{address}:{self.port}"


DATABASES = (Database("nb", "OVN_Northbound", 6643), Database("sb", "OVN_Southbound", 6644))


@dataclass(frozen=True)
class Status:
    """A cluster as one of its members sees it."""

    member: bool = False
    role: str = ""
    led: bool = False
    servers: dict[str, str] = field(default_factory=dict)
    """Where each server is reached, by its short ID."""


def parse_status(text: str) -> Status:
    """What `cluster/status` prints (ovsdb-server(1), section Cluster Management)."""
    rows = dict(re.findall(r"^([A-Z][A-Za-z ]*): (.*)$", text, re.MULTILINE))
    found = (SERVER.match(line) for line in text.splitlines())
    servers = {one[1]: one[2] for one in found if one}
    return Status(
        member=rows.get("Status") == "cluster member",
        role=rows.get("Role", ""),
        led=rows.get("Leader", "unknown") != "unknown",
        servers=servers,
    )


def call(*argv: str, timeout: float = 30) -> str:
    """Run a tool.

    Raises:
        Failed: with what it printed.
    """
    try:
        seen = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{argv[0]}: no answer after {timeout:.0f} s") from error
    if seen.returncode:
        raise Failed(f"{argv[0]}: {seen.stderr.strip() or seen.stdout.strip() or f'ended with {seen.returncode}'}")
    return seen.stdout


def appctl(database: Database, command: str, *arguments: str) -> str:
    """Ask the database's server."""
    target = RUN / f"ovn{database.name}_db.ctl"
    return call("ovn-appctl", "--timeout=10", "-t", str(target), command, database.schema, *arguments)


def status(database: Database) -> Status:
    """The cluster as this server sees it; nothing is seen while it does not run."""
    try:
        return parse_status(appctl(database, "cluster/status"))
    except Failed:
        return Status()


def belongs(database: Database) -> bool:
    """True if this server's database is in a cluster; not if there is none, or it has not joined yet."""
    if not database.file().exists():
        return False
    try:
        return bool(call("ovsdb-tool", "db-cid", str(database.file())).strip())
    except Failed:
        return False


def outsiders(database: Database, seen: Status, stay: set[str]) -> list[str]:
    """Short IDs of members that are not at one of these addresses."""
    wires = {database.wire(address) for address in stay}
    return [sid for sid, wire in seen.servers.items() if wire not in wires]


def joins(database: Database, address: str, members: list[str], seen: list[dict[str, Any]]) -> list[str]:
    """Addresses of the members by which a new server joins; none if it has to make the cluster.

    Raises:
        Failed: it is not sure that there is no cluster.
    """
    owners = [one["address"] for one in seen if database.name not in one["missing"] and one["address"] in members]
    others = [one for one in owners if one != address]
    if others:
        return others
    if unknown := set(members) - {one["address"] for one in seen}:
        raise Failed(
            f"{address} has no {database.schema}, and nobody knows whether {', '.join(sorted(unknown))} "
            "has: run with all controllers"
        )
    return [] if address == members[0] else [members[0]]


def kick(database: Database, seen: list[dict[str, Any]], members: list[str], *, check: bool) -> list[str]:
    """If this server leads: remove members that are not wanted any more, or that start anew."""
    lost = {one["address"] for one in seen if database.name in one["missing"]}
    if lost and belongs(database) and database.socket().exists() and not check:
        await_status(database, lambda found: found.led, 20, "a leader; have most of its servers lost their database?")
    now = status(database)
    if now.role != "leader":
        return []
    gone = outsiders(database, now, set(members) - lost)
    for sid in gone:
        if not check:
            appctl(database, "cluster/kick", sid)
    if gone and not check:
        await_status(database, lambda found: not set(gone) & set(found.servers), 20, f"{', '.join(gone)} to leave")
    return [f"remove {now.servers[sid]} from {database.schema}" for sid in gone]


def make(database: Database, address: str, remotes: list[str], timer: int) -> str:
    """Make the file of a database that founds a cluster, or joins one."""
    file, own = database.file(), database.wire(address)
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists():  # that of a server that waits for a cluster that nobody made
        call("systemctl", "stop", f"ovn-ovsdb-server-{database.name}")
        file.unlink()
    if remotes:
        wires = [database.wire(one) for one in remotes]
        call("ovsdb-tool", "join-cluster", str(file), database.schema, own, *wires)
        return f"join {database.schema} at {', '.join(remotes)}"
    call("ovsdb-tool", f"--election-timer={timer}", "create-cluster", str(file), str(database.schema_file()), own)
    return f"make the cluster of {database.schema}"


def await_status(database: Database, good: Any, timeout: float, what: str) -> None:
    """Wait until a cluster's state is good.

    Raises:
        Failed: it is not, in this time.
    """
    deadline = time.monotonic() + timeout
    while not good(now := status(database)):
        if time.monotonic() > deadline:
            raise Failed(f"{database.schema}: waited {timeout:.0f} s for {what}; this server sees {now}")
        time.sleep(0.25)


def complete(database: Database, members: list[str]) -> Any:
    """A test: this server is in a cluster with a leader, of exactly these members."""
    wires = sorted(database.wire(one) for one in members)
    return lambda now: now.member and now.led and sorted(now.servers.values()) == wires


def convert(database: Database, *, check: bool) -> list[str]:
    """Bring the schema to that of the installed version."""
    server, schema = f"unix:{database.socket()}", str(database.schema_file())
    if call("ovsdb-client", "needs-conversion", server, schema).strip() != "yes":
        return []
    if not check:
        call("ovsdb-client", "convert", server, schema, timeout=120)
    return [f"convert {database.schema}"]


def set_options(wanted: dict[str, str], *, check: bool) -> list[str]:
    """Settings of OVN as a whole."""
    nbctl = ["ovn-nbctl", "--timeout=20", "--no-leader-only", f"--db=unix:{DATABASES[0].socket()}"]
    call(*nbctl, "init")
    now = dict(re.findall(r'"?([\w-]+)"?="?([^,"}]*)"?', call(*nbctl, "get", "NB_Global", ".", "options")))
    due = [f"options:{name}={value}" for name, value in wanted.items() if now.get(name) != value]
    if due and not check:
        call(*nbctl, "set", "NB_Global", ".", *due)
    return [f"set {one}" for one in due]


def act(wanted: dict[str, Any], *, check: bool) -> list[str]:
    """Do what is asked; what changed."""
    address, members = wanted["address"], wanted["members"]
    changes = []
    for database in DATABASES:
        if wanted["state"] == "present":
            changes += kick(database, wanted["seen"], members, check=check)
            if not belongs(database):
                remotes = joins(database, address, members, wanted["seen"])
                if remotes and database.file().exists():
                    continue  # it is about to join
                changes.append(
                    f"make {database.schema}" if check else make(database, address, remotes, wanted["election_timer"])
                )
        elif wanted["state"] == "ready" and (database.socket().exists() or not check):
            await_status(database, complete(database, members), wanted["timeout"], f"a cluster of {', '.join(members)}")
            if address == members[0]:
                changes += convert(database, check=check)
    if wanted["state"] == "ready" and address == members[0] and (DATABASES[0].socket().exists() or not check):
        changes += set_options({name: str(value) for name, value in wanted["options"].items()}, check=check)
    return changes


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "required": True, "choices": ["seen", "present", "ready"]},
            "address": {"type": "str", "required": True},
            "members": {"type": "list", "elements": "str", "required": True},
            "seen": {"type": "list", "elements": "dict", "default": []},
            "election_timer": {"type": "int", "default": 1000},
            "options": {"type": "dict", "default": {}},
            "timeout": {"type": "float", "default": 90.0},
        },
        supports_check_mode=True,
    )
    try:
        changes = act(module.params, check=module.check_mode)
    except (Failed, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(changes),
        changes=changes,
        address=module.params["address"],
        missing=[one.name for one in DATABASES if not belongs(one)],
        leads=[one.name for one in DATABASES if status(one).role == "leader"],
    )


if __name__ == "__main__":
    main()
