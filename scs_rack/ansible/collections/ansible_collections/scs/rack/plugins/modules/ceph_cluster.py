#!/usr/bin/python
"""Bring settings, keys, OSD numbers and places of a Ceph cluster to their stated form."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_cluster
short_description: Settings, keys, OSD numbers, places and clients of a Ceph cluster in one call
description:
  - Speaks to the monitors through librados in one process, with many commands at once.
  - Gives every OSD a number. Its UUID follows from the cluster, the host and the disk's name, so that a disk is never
    counted twice.
  - Returns keys; use it with C(no_log). In check mode before there is a cluster it returns none.
author: the scs-rack founders
options:
  fsid: {description: UUID of the cluster., type: str, required: true}
  mon: {description: Name of the monitor on this host., type: str, required: true}
  config:
    description: Settings by who they are for (C(global), C(mon), C(osd), …) in the monitors' database.
    type: dict
    default: {}
  managers: {description: Names of the managers., type: list, elements: str, default: []}
  disks:
    description: Disks that are or become OSDs.
    type: list
    elements: dict
    default: []
    suboptions:
      host: {description: Name of the server., type: str, required: true}
      name: {description: Name of the disk., type: str, required: true}
  places:
    description: Racks by the host that stands in them, for the CRUSH map; hosts that are not named stay where they are.
    type: dict
    default: {}
  clients:
    description: Clients and what they may do.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Name without C(client.)., type: str, required: true}
      caps: {description: Capabilities by daemon type., type: dict, required: true}
  stepwise:
    description:
      - New OSDs start with a CRUSH weight of 0, which somebody raises in steps, where a cluster is in service and all
        copies are there. They are marked by C(osd_crush_initial_weight) in the monitors' database.
    type: bool
    default: false
  timeout: {description: Seconds to wait for a quorum., type: int, default: 90}
attributes:
  check_mode: {support: full, description: Says what would change.}
"""

EXAMPLES = r"""
- name: Set the cluster up
  scs.rack.ceph_cluster:
    fsid: 11111111-2222-4333-8444-555555555555
    mon: node1
    managers: [node1, node2]
    disks: [{host: node1, name: osd0}]
    places: {node1: r1, node2: r2, node3: r3}
    clients: [{name: glance, caps: {mon: profile rbd, osd: profile rbd pool=images}}]
  no_log: true
"""

RETURN = r"""
changes: {description: What was done (in check mode would be done)., type: list, elements: str, returned: always}
managers: {description: Keys of the managers by name., type: dict, returned: always}
osds:
  description: By host, a list of C(id), C(uuid), C(key), C(disk) and C(fresh) (never ran before, may be formatted).
  type: dict
  returned: always
clients: {description: Texts of the clients' keyrings by name., type: dict, returned: always}
"""

import json
import uuid
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scs.rack.plugins.module_utils.ceph import DATA, CephError, Cluster, keyring, new_key

Command = dict[str, Any]
ROOT = "default"
"""Top of the CRUSH map."""
ENTERING = "osd_crush_initial_weight"
"""Read by an OSD when it puts itself into the CRUSH map for the first time (`OSD::update_crush_location`)."""
MANAGER_CAPS = {"mon": "allow profile mgr", "osd": "allow *", "mds": "allow *"}


def caps_list(caps: dict[str, str]) -> list[str]:
    """Capabilities as the monitors' commands take them."""
    return [part for pair in sorted(caps.items()) for part in pair]


def bucket(name: str, kind: str, where: str) -> Command:
    """The command that makes a bucket of the CRUSH map."""
    return {"prefix": "osd crush add-bucket", "name": name, "type": kind, "args": [where]}


def disk_uuid(fsid: str, host: str, disk: str) -> str:
    """UUID of the OSD on a disk (RFC 9562, version 5)."""
    return str(uuid.uuid5(uuid.UUID(fsid), f"{host}/{disk}"))


def in_service(status: Command) -> bool:
    """True for a cluster with data, all of whose copies are there: what is added to it may take its time."""
    groups = status["pgmap"]
    states = {part for row in groups.get("pgs_by_state", []) for part in row["state_name"].split("+")}
    incomplete = {"undersized", "degraded", "unknown", "down", "incomplete", "peering", "creating"}
    return bool(groups["num_pgs"]) and status["osdmap"]["num_up_osds"] > 0 and not states & incomplete


class Setup:
    """What differs from what is stated, as commands that mend it."""

    def __init__(self, cluster: Cluster, params: dict[str, Any], *, check: bool) -> None:
        self.cluster = cluster
        self.params = params
        self.check = check
        self.changes: list[str] = []

    def mend(self, commands: list[tuple[str, Command]]) -> None:
        """Note the changes and, unless only checking, make them all at once."""
        self.changes += [summary for summary, _ in commands]
        if not self.check:
            self.cluster.ask_all(command for _, command in commands)

    def settings(self) -> list[tuple[str, Command]]:
        """Settings in the monitors' database that differ."""
        seen = {(row["section"], row["name"]): row["value"] for row in self.cluster.ask("config dump") or []}
        return [
            (f"set {name} of {who}", {"prefix": "config set", "who": who, "name": name, "value": str(value)})
            for who, settings in self.params["config"].items()
            for name, value in settings.items()
            if seen.get((who, name)) != str(value)
        ]

    def entities(self, keys: dict[str, Command]) -> list[tuple[str, Command]]:
        """Managers and clients that are missing or have other capabilities."""
        wanted = {f"mgr.{name}": MANAGER_CAPS for name in self.params["managers"]}
        wanted |= {f"client.{client['name']}": client["caps"] for client in self.params["clients"]}
        commands = []
        for entity, caps in wanted.items():
            if entity not in keys:
                command = {"prefix": "auth get-or-create", "entity": entity, "caps": caps_list(caps)}
                commands.append((f"create {entity}", command))
            elif keys[entity]["caps"] != caps:
                command = {"prefix": "auth caps", "entity": entity, "caps": caps_list(caps)}
                commands.append((f"capabilities of {entity}", command))
        return commands

    def disks(self, osds: dict[str, Command]) -> list[tuple[str, Command]]:
        """Disks without a number."""
        commands = []
        for disk in self.params["disks"]:
            identity = disk_uuid(self.params["fsid"], disk["host"], disk["name"])
            if identity not in osds:
                secret = json.dumps({"cephx_secret": new_key()}).encode()
                command = {"prefix": "osd new", "uuid": identity, "inbuf": secret}
                commands.append((f"new OSD {disk['host']} {disk['name']}", command))
        return commands

    def entering(self) -> list[tuple[str, Command]]:
        """OSDs that shall start with nothing to hold: those that never ran, of a cluster that misses nothing."""
        if not self.params["stepwise"]:
            return []
        ours = {disk_uuid(self.params["fsid"], disk["host"], disk["name"]) for disk in self.params["disks"]}
        fresh = [one["osd"] for one in self.osd_map()["osds"] if one["uuid"] in ours and "new" in one["state"]]
        if not fresh or not in_service(self.cluster.ask("status")):
            return []
        marked = {row["section"] for row in self.cluster.ask("config dump") or [] if row["name"] == ENTERING}
        return [
            (
                f"osd.{number} enters in steps",
                {"prefix": "config set", "who": f"osd.{number}", "name": ENTERING, "value": "0"},
            )
            for number in fresh
            if f"osd.{number}" not in marked
        ]

    def places(self) -> None:
        """Put hosts into their racks; a host is there before its first OSD, which then finds its place."""
        wanted = self.params["places"]
        if not wanted:
            return
        nodes = self.cluster.ask("osd tree")["nodes"]
        names = {node["id"]: node["name"] for node in nodes}
        parents = {names[child]: node["name"] for node in nodes for child in node.get("children", []) if child in names}
        racks = sorted(set(wanted.values()) - set(names.values()))
        self.mend([(f"new rack {rack}", bucket(rack, "rack", f"root={ROOT}")) for rack in racks])
        commands = []
        for host, rack in wanted.items():
            if host not in names.values():
                commands.append((f"new host {host}", bucket(host, "host", f"rack={rack}")))
            elif parents.get(host) != rack:
                move = {"prefix": "osd crush move", "name": host, "args": [f"root={ROOT}", f"rack={rack}"]}
                commands.append((f"move {host} to rack {rack}", move))
        self.mend(commands)

    def osd_map(self) -> Command:
        """The OSD map."""
        answer: Command = self.cluster.ask("osd dump")
        return answer

    def bring_about(self) -> Command:
        """Mend all that differs; returns keys and numbers."""
        before = self.osd_map()
        osds = {osd["uuid"]: osd for osd in before["osds"]}
        commands = self.settings() + self.entities(self.cluster.keys()) + self.disks(osds)
        self.mend(commands)
        self.mend(self.entering())
        self.places()
        return self.answer(self.osd_map() if commands and not self.check else before)

    def answer(self, osd_map: Command) -> Command:
        """Keys and numbers for the hosts."""
        keys = self.cluster.keys()
        osds = {osd["uuid"]: osd for osd in osd_map["osds"]}
        by_host: dict[str, list[Command]] = {}
        for disk in self.params["disks"]:
            identity = disk_uuid(self.params["fsid"], disk["host"], disk["name"])
            osd = osds.get(identity)
            if osd is None:
                continue
            number = osd["osd"]
            key = keys.get(f"osd.{number}", {}).get("key", "")
            fresh = "new" in osd["state"]  # no daemon has used this number yet
            entry = {"id": number, "uuid": identity, "key": key, "disk": disk["name"], "fresh": fresh}
            by_host.setdefault(disk["host"], []).append(entry)
        names = [client["name"] for client in self.params["clients"] if f"client.{client['name']}" in keys]
        return {
            "managers": {name: keys[f"mgr.{name}"]["key"] for name in self.params["managers"] if f"mgr.{name}" in keys},
            "osds": by_host,
            "clients": {name: keyring(f"client.{name}", keys[f"client.{name}"]["key"]) for name in names},
        }


def main() -> None:
    """Entry point."""
    text = {"type": "str", "required": True}
    module = AnsibleModule(
        argument_spec={
            "fsid": text,
            "mon": text,
            "config": {"type": "dict", "default": {}},
            "managers": {"type": "list", "elements": "str", "default": []},
            "disks": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"host": text, "name": text},
            },
            "places": {"type": "dict", "default": {}},
            "clients": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"name": text, "caps": {"type": "dict", "required": True}},
            },
            "stepwise": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 90},
        },
        supports_check_mode=True,
    )
    params = module.params
    if module.check_mode and not (DATA / f"mon/ceph-{params['mon']}/done").exists():
        module.exit_json(changed=True, changes=["set up a new cluster"], managers={}, osds={}, clients={})
    try:
        with Cluster(params["timeout"]) as cluster:
            setup = Setup(cluster, params, check=module.check_mode)
            answer = setup.bring_about()
    except CephError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(setup.changes), changes=setup.changes, **answer)


if __name__ == "__main__":
    main()
