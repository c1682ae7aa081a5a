#!/usr/bin/python
"""Bring bridges, ports, bonds and settings of Open vSwitch to their stated form in one transaction."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ovs
short_description: Bridges, ports, bonds and settings of Open vSwitch in one transaction
description:
  - Reads the whole configuration by one C(ovs-vsctl), then changes what differs by one more.
  - Only what is stated is touched; bridges and ports that are not named stay as they are, those of others
    (OVN's integration bridge) included. An interface that is in another port or bridge than stated is moved.
  - In check mode on a host where Open vSwitch does not run yet, all that is stated counts as a change.
author: the scs-rack founders
options:
  bridges:
    description: The bridges.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Name of the bridge., type: str, required: true}
      datapath_type:
        description: C(netdev) forwards in userspace.
        type: str
        choices: [system, netdev]
        default: system
      other_config: {description: Settings of the bridge., type: dict, default: {}}
      ports:
        description: Ports; with more than one interface a port is a bond.
        type: list
        elements: dict
        default: []
        suboptions:
          name: {description: Name of the port., type: str, required: true}
          interfaces: {description: Its interfaces; the port's own name when not stated., type: list, elements: str}
          bond_mode:
            description: How a bond spreads traffic.
            type: str
            choices: [active-backup, balance-slb, balance-tcp]
          bond_updelay: {description: Milliseconds that a link of a bond must be up before it is used again., type: int}
          other_config: {description: Settings of the port., type: dict, default: {}}
  external_ids:
    description: Settings for others (OVN) in the table Open_vSwitch.
    type: dict
    default: {}
  other_config:
    description: Settings of Open vSwitch itself.
    type: dict
    default: {}
  timeout:
    description: Seconds to wait for Open vSwitch.
    type: int
    default: 30
attributes:
  check_mode: {support: full, description: Says what would change.}
"""

EXAMPLES = r"""
- name: Wire the node's external network
  scs.rack.ovs:
    bridges:
      - name: br-ex
        datapath_type: netdev
        ports: [{name: bond-ex, interfaces: [ext0, ext1], bond_mode: active-backup}]
    external_ids: {ovn-bridge-mappings: "physnet1:br-ex"}
"""

RETURN = r"""
commands:
  description: Commands of the transaction, in the words of ovs-vsctl.
  type: list
  elements: str
  returned: always
"""

import json
import subprocess
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

SOCKET = Path("/run/openvswitch/db.sock")
COLUMNS = {
    "Open_vSwitch": "external_ids,other_config",
    "Bridge": "name,datapath_type,ports,other_config",
    "Port": "_uuid,name,interfaces,bond_mode,bond_updelay,other_config",
    "Interface": "_uuid,name",
}


class Failed(Exception):
    """Open vSwitch did not do what it was asked; says what it answered."""


def vsctl(timeout: int, *arguments: str) -> str:
    """Call ovs-vsctl.

    Raises:
        Failed: with the error that it printed.
    """
    argv = ["ovs-vsctl", f"--timeout={timeout}", *arguments]
    seen = subprocess.run(argv, capture_output=True, text=True, check=False)
    if seen.returncode:
        raise Failed(f"ovs-vsctl: {seen.stderr.strip() or f'ended with {seen.returncode}'}")
    return seen.stdout


def value(atom: Any) -> Any:
    """A value of OVSDB's JSON (RFC 7047, section 5.1): maps become dicts, sets become lists, UUIDs strings."""
    if isinstance(atom, list) and len(atom) == 2:
        kind, content = atom
        if kind == "map":
            return {value(key): value(one) for key, one in content}
        if kind == "set":
            return [value(one) for one in content]
        if kind == "uuid":
            return content
    return atom


def rows(text: str) -> list[dict[str, Any]]:
    """Rows of a table that ovs-vsctl printed as JSON."""
    table = json.loads(text)
    return [dict(zip(table["headings"], map(value, row), strict=True)) for row in table["data"]]


def as_list(found: Any) -> list[Any]:
    """A set of OVSDB; one with a single element is printed without its braces."""
    return found if isinstance(found, list) else [found]


def as_state(tables: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """What `plan` compares with: settings, bridges, ports with the names of their interfaces and of their bridge."""
    names = {row["_uuid"]: row["name"] for row in tables["Interface"]}
    bridge_of = {port: row["name"] for row in tables["Bridge"] for port in as_list(row["ports"])}
    top = tables["Open_vSwitch"][0] if tables["Open_vSwitch"] else {"external_ids": {}, "other_config": {}}
    return {
        **top,
        "bridges": {row["name"]: row for row in tables["Bridge"]},
        "ports": {
            row["name"]: {
                "bridge": bridge_of.get(row["_uuid"]),
                "interfaces": sorted(names[uuid] for uuid in as_list(row["interfaces"]) if uuid in names),
                "bond_mode": row["bond_mode"] or None,
                "bond_updelay": row["bond_updelay"],
                "other_config": row["other_config"],
            }
            for row in tables["Port"]
        },
    }


def read(timeout: int) -> dict[str, Any]:
    """The configuration that Open vSwitch has now."""
    arguments: list[str] = ["--format=json"]
    for table, columns in COLUMNS.items():
        arguments += ["--", f"--columns={columns}", "list", table]
    arguments.remove("--")
    lines = [line for line in vsctl(timeout, *arguments).splitlines() if line.strip()]
    return as_state({table: rows(line) for table, line in zip(COLUMNS, lines, strict=True)})


EMPTY: dict[str, Any] = {"external_ids": {}, "other_config": {}, "bridges": {}, "ports": {}}
"""The configuration before Open vSwitch has run for the first time."""


def quoted(text: Any) -> str:
    """A key or value as ovs-vsctl takes it whatever characters it has."""
    return json.dumps(str(text).lower() if isinstance(text, bool) else str(text))


def settings(table: str, record: str, column: str, wanted: dict[str, Any], seen: dict[str, str]) -> list[list[str]]:
    """The command that sets those keys of a map that differ."""
    texts = {key: str(one).lower() if isinstance(one, bool) else str(one) for key, one in wanted.items()}
    differ = [f"{column}:{quoted(key)}={quoted(text)}" for key, text in texts.items() if seen.get(key) != text]
    return [["set", table, record, *differ]] if differ else []


def plan_port(bridge: str, port: dict[str, Any], ports: dict[str, Any]) -> list[list[str]]:
    """Commands for one port of a bridge."""
    name = port["name"]
    interfaces = sorted(port["interfaces"] or [name])
    seen = ports.get(name)
    commands: list[list[str]] = []
    if not seen or seen["bridge"] != bridge or seen["interfaces"] != interfaces:
        in_the_way = {name} & set(ports) | {
            other for other, found in ports.items() if set(found["interfaces"]) & set(interfaces)
        }
        commands += [["del-port", other] for other in sorted(in_the_way)]
        verb = ["add-bond", bridge, name, *interfaces] if len(interfaces) > 1 else ["add-port", bridge, name]
        commands.append(verb)
        seen = {"bond_mode": None, "bond_updelay": 0, "other_config": {}}
    if len(interfaces) > 1:
        columns = ("bond_mode", "bond_updelay")
        differ = [f"{one}={port[one]}" for one in columns if port[one] is not None and port[one] != seen[one]]
        commands += [["set", "Port", name, *differ]] if differ else []
    return commands + settings("Port", name, "other_config", port["other_config"], seen["other_config"])


def plan(wanted: dict[str, Any], state: dict[str, Any]) -> list[list[str]]:
    """Commands that lead from the state to what is wanted."""
    commands: list[list[str]] = []
    for bridge in wanted["bridges"]:
        name = bridge["name"]
        seen = state["bridges"].get(name)
        if not seen:
            commands.append(["add-br", name])
            seen = {"datapath_type": "", "other_config": {}}
        if (seen["datapath_type"] or "system") != bridge["datapath_type"]:
            commands.append(["set", "Bridge", name, f"datapath_type={bridge['datapath_type']}"])
        commands += settings("Bridge", name, "other_config", bridge["other_config"], seen["other_config"])
        for port in bridge["ports"]:
            commands += plan_port(name, port, state["ports"])
    for column in ("external_ids", "other_config"):
        commands += settings("Open_vSwitch", ".", column, wanted[column], state[column])
    return commands


def main() -> None:
    """Entry point."""
    port_options = {
        "name": {"type": "str", "required": True},
        "interfaces": {"type": "list", "elements": "str"},
        "bond_mode": {"type": "str", "choices": ["active-backup", "balance-slb", "balance-tcp"]},
        "bond_updelay": {"type": "int"},
        "other_config": {"type": "dict", "default": {}},
    }
    bridge_options = {
        "name": {"type": "str", "required": True},
        "datapath_type": {"type": "str", "choices": ["system", "netdev"], "default": "system"},
        "other_config": {"type": "dict", "default": {}},
        "ports": {"type": "list", "elements": "dict", "default": [], "options": port_options},
    }
    module = AnsibleModule(
        argument_spec={
            "bridges": {"type": "list", "elements": "dict", "default": [], "options": bridge_options},
            "external_ids": {"type": "dict", "default": {}},
            "other_config": {"type": "dict", "default": {}},
            "timeout": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    timeout = module.params["timeout"]
    try:
        state = EMPTY if module.check_mode and not SOCKET.exists() else read(timeout)
        commands = plan(module.params, state)
        if commands and not module.check_mode:
            arguments: list[str] = []
            for command in commands:
                arguments += ["--", *command]
            vsctl(timeout, *arguments)
    except (Failed, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(commands), commands=[" ".join(command) for command in commands])


if __name__ == "__main__":
    main()
