"""What the scripts bring to the nodes beside the roles' files, derived from what the roles' modules were asked.

Everything lies below /run/bench on a node: one folder a stage, which its owner alone may read.
"""

import json
import shlex
import sys
import uuid
from pathlib import Path
from typing import Any

from rendered import Entry, Rendered, file_entry, folder_entry

from scs_rack.ansible.run import COLLECTIONS
from scs_rack.design import Design

ON_NODE = Path(__file__).parent / "shell/on_node"
"""Programs that run on a node."""
TOP = "/run/bench"
MANAGER_CAPS = {"mds": "allow *", "mon": "allow profile mgr", "osd": "allow *"}
sys.path.append(str(COLLECTIONS))  # for raw commands that the modules would give to an empty rack


def extra_files(design: Design, rendered: Rendered) -> dict[str, dict[str, list[Entry]]]:
    """Files by stage and node; secrets are among them."""
    first = design.groups["controller"][0]
    found: dict[str, dict[str, list[Entry]]] = {"base": {}, "ceph": _ceph(rendered, first)}
    found["platform"] = {
        first: [
            *_folder("platform"),
            _private("platform/databases.sql", databases(rendered.calls_of(first, "mariadb")[0])),
            *_schemas(rendered, first, "platform", "keystone"),
        ]
    }
    found["cloud"] = {node: [*_folder("cloud"), *_wires(rendered, node)] for node in design.in_service}
    found["cloud"][first] += _schemas(rendered, first, "cloud", "cloud")
    return found


def databases(asked: dict[str, Any]) -> str:
    """SQL that makes databases and users, who must come by TLS."""
    lines = [f"CREATE DATABASE `{name}` CHARACTER SET utf8mb3;" for name in asked["databases"]]
    for user in asked["users"]:
        lines.append(f"CREATE USER '{user['name']}'@'%' IDENTIFIED BY '{user['password']}' REQUIRE SSL;")
        for name in user["databases"]:
            pattern = name.replace("_", r"\_")
            lines.append(f"GRANT ALL PRIVILEGES ON `{pattern}`.* TO '{user['name']}'@'%';")
    return "".join(f"{line}\n" for line in lines)


def schema(asked: dict[str, Any]) -> str:
    """A script that brings the schema of one service up to date."""
    settings = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in asked.get("environment", {}).items())
    steps = (shlex.join(["runuser", "-u", asked["user"], "--", *map(str, step)]) for step in asked["steps"])
    return settings + "".join(f"{step}\n" for step in steps)


def keys(cluster: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The keyring from which the monitors make their store, and fresh keys by entity; OSDs are not in the keyring."""
    from ansible_collections.scs.rack.plugins.module_utils.ceph import ADMIN, ADMIN_CAPS, keyring, new_key

    caps = {"mon.": {"mon": "allow *"}, ADMIN: ADMIN_CAPS}
    caps |= {f"mgr.{name}": MANAGER_CAPS for name in cluster["managers"]}
    caps |= {f"client.{client['name']}": client["caps"] for client in cluster["clients"]}
    made = {entity: new_key() for entity in (*caps, *(f"osd.{number}" for number, _ in enumerate(cluster["disks"])))}
    return "".join(keyring(entity, made[entity], may) for entity, may in caps.items()), made


def cluster_plan(cluster: dict[str, Any], pools: dict[str, Any], made: dict[str, str]) -> dict[str, Any]:
    """Commands for the monitors: settings, numbers of OSDs (one after the other), rule, pools and who uses them."""
    from ansible_collections.scs.rack.plugins.modules import ceph_cluster, ceph_pools

    rule = ceph_pools.rule_name(pools["failure_domain"])
    return {
        "settings": [
            {"prefix": "config set", "who": who, "name": name, "value": str(value)}
            for who, settings in cluster["config"].items()
            for name, value in settings.items()
        ],
        "osds": [
            [
                {"prefix": "osd new", "uuid": ceph_cluster.disk_uuid(cluster["fsid"], disk["host"], disk["name"])},
                json.dumps({"cephx_secret": made[f"osd.{number}"]}),
            ]
            for number, disk in enumerate(cluster["disks"])
        ],
        "rule": [command for _, command in ceph_pools.rule_commands([], pools["failure_domain"])],
        "pools": [command for _, command in ceph_pools.pool_commands({}, pools["pools"], rule, None)],
        "applications": [command for _, command in ceph_pools.application_commands({}, pools["pools"])],
        "block": [pool["name"] for pool in pools["pools"] if pool["application"] == "rbd"],
        "mons": len(cluster["mons"]),
        "managers": len(cluster["managers"]),
    }


def _ceph(rendered: Rendered, first: str) -> dict[str, list[Entry]]:
    from ansible_collections.scs.rack.plugins.module_utils.ceph import keyring

    cluster = rendered.calls_of(first, "ceph_cluster")[0]
    mons = [one["name"] for one in rendered.calls_of(first, "ceph_mon")[0]["mons"]]
    text, made = keys(cluster)
    plan = cluster_plan(cluster | {"mons": mons}, rendered.calls_of(first, "ceph_pools")[0], made)
    found: dict[str, list[Entry]] = {}
    for node in rendered.calls:
        entries = _folder("ceph", "ceph")
        for number, disk in enumerate(cluster["disks"]):
            if disk["host"] == node:
                entity = f"osd.{number}"
                entries.append(_private(f"ceph/{entity}", keyring(entity, made[entity]), "ceph"))
        if node in cluster["managers"]:
            entries.append(_private("ceph/mgr", keyring(f"mgr.{node}", made[f"mgr.{node}"]), "ceph"))
        if node in mons:
            entries.append(_private("ceph/keyring", text, "ceph"))
            admin = keyring("client.admin", made["client.admin"]).encode()
            entries.append(file_entry("/etc/ceph/ceph.client.admin.keyring", admin, mode="0600"))
        if node == first:
            entries.append(_private("ceph/plan.json", json.dumps(plan)))
            entries.append(_private("ceph/cluster.py", (ON_NODE / "cluster.py").read_text(encoding="utf-8")))
        for file in rendered.files(node, "ceph"):
            if file["dest"].endswith(".keyring"):
                entity = Path(file["dest"]).stem.removeprefix("ceph.")
                how = {key: file[key] for key in ("owner", "group", "mode")}
                entries.append(file_entry(file["dest"], keyring(entity, made[entity]).encode(), **how))
        found[node] = entries
    return found


def _schemas(rendered: Rendered, first: str, stage: str, origin: str) -> list[Entry]:
    asked = rendered.calls_of(first, "db_sync", origin)[0]["schemas"]
    return [_private(f"{stage}/{one['name']}.schema", schema(one)) for one in asked]


def _wires(rendered: Rendered, node: str) -> list[Entry]:
    """Arguments of ovs-vsctl, one a line, and the secret by which libvirt knows the key of guests' disks."""
    from ansible_collections.scs.rack.plugins.modules.ovs import EMPTY, plan

    entries = []
    for asked in rendered.calls_of(node, "ovs"):
        bridges = [{"other_config": {}, **bridge} for bridge in asked["bridges"]]
        commands = plan({"other_config": {}, **asked, "bridges": bridges}, EMPTY)
        words = [word for command in commands for word in ("--", *command)]
        entries.append(_private("cloud/ovs", "".join(f"{word}\n" for word in words)))
    for asked in rendered.calls_of(node, "libvirt_secret"):
        usage = f"<usage type='ceph'><name>{asked['usage']}</name></usage>"
        text = f"<secret ephemeral='no' private='no'><uuid>{asked['uuid']}</uuid>{usage}</secret>\n"
        entries.append(_private("cloud/secret.xml", text))
    return entries


def osds(cluster: dict[str, Any]) -> list[tuple[int, str, str, str]]:
    """Number, host, disk and UUID of each OSD; numbers follow from the order in which the monitors are asked."""
    fsid = uuid.UUID(cluster["fsid"])
    return [
        (number, disk["host"], disk["name"], str(uuid.uuid5(fsid, f"{disk['host']}/{disk['name']}")))
        for number, disk in enumerate(cluster["disks"])
    ]


def _folder(stage: str, owner: str = "root") -> list[Entry]:
    return [folder_entry(TOP), folder_entry(f"{TOP}/{stage}", owner=owner, group=owner, mode="0700")]


def _private(name: str, text: str, owner: str = "root") -> Entry:
    return file_entry(f"{TOP}/{name}", text.encode(), owner=owner, group=owner, mode="0600")
