"""What the roles would write on each node, as one tar file per stage and node: both ways deploy the same bytes.

The roles' own templates are rendered by Ansible beforehand, outside of what is measured. The playbooks run against a
copy of the collection in which no module reaches a node: each one notes what it was asked to do (folder `capture`).
"""

import base64
import io
import json
import os
import secrets
import shutil
import subprocess
import sys
import tarfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scs_rack import vault
from scs_rack.ansible.run import COLLECTIONS
from scs_rack.paths import shipped

CAPTURE = Path(__file__).with_name("capture")
PLAYBOOKS = ("base", "ceph", "platform", "cloud")
ROLES = {
    "base": ("base", "underlay", "frr"),
    "ceph": ("ceph",),
    "platform": ("etcd", "mariadb", "rabbitmq", "memcached", "haproxy", "keystone"),
    "cloud": (
        *("ovn", "libvirt", "placement", "nova", "neutron", "glance", "cinder"),
        *("barbican", "octavia", "designate", "radosgw", "horizon"),
    ),
}
"""Roles by stage."""
Call = dict[str, Any]
Entry = tuple[tarfile.TarInfo, bytes]
"""A file or folder of a tar file, and its content."""


@dataclass(frozen=True)
class Rendered:
    """Calls of modules by node."""

    calls: dict[str, list[Call]]

    def calls_of(self, node: str, module: str, origin: str = "") -> list[dict[str, Any]]:
        """Arguments of all calls of a module on a node.

        Args:
            node: its name.
            module: without the collection's name.
            origin: only what this role asks, or a playbook itself.
        """
        return [
            call["arguments"]
            for call in self.calls[node]
            if call["module"] == module and origin in ("", call["role"] or call["file"])
        ]

    def units(self, node: str, origin: str) -> list[dict[str, Any]]:
        """Units that a role, or a playbook itself, brings to their form on a node."""
        return [unit for call in self.calls_of(node, "services", origin) for unit in call["units"]]

    def files(self, node: str, stage: str) -> list[dict[str, Any]]:
        """Files that a stage writes or removes on a node."""
        return [
            file
            for call in self.calls[node]
            if call["module"] == "config_files" and call["role"] in ROLES[stage]
            for file in call["arguments"]["files"]
        ]

    def pack(self, stage: str, folder: Path, more: dict[str, list[Entry]]) -> None:
        """Write one tar file for each node that the stage writes files on.

        Args:
            stage: name of the stage.
            folder: where the tar files come to lie.
            more: what else goes to the nodes.
        """
        for node, calls in self.calls.items():
            files = [call for call in calls if call["module"] == "config_files" and call["role"] in ROLES[stage]]
            if not files:
                continue
            with tarfile.open(folder / f"{stage}.{node}.tar", "w", format=tarfile.PAX_FORMAT) as tar:
                for info, content in (*_entries(files), *more.get(node, ())):
                    tar.addfile(info, io.BytesIO(content))


def folder_entry(path: str, **how: str) -> Entry:
    """A folder; `how` may have `owner`, `group` and `mode`."""
    info = _info(path, how, "0755")
    info.type = tarfile.DIRTYPE
    return info, b""


def file_entry(path: str, content: bytes, **how: str) -> Entry:
    """A file; `how` may have `owner`, `group` and `mode`."""
    info = _info(path, how, "0644")
    info.size = len(content)
    return info, content


def _entries(calls: list[Call]) -> Iterator[Entry]:
    for call in calls:
        for entry in call["arguments"].get("directories") or ():
            yield folder_entry(entry["path"], **_how(entry))
        for entry in call["arguments"]["files"]:
            if entry["dest"].endswith(".keyring") or entry.get("state") == "absent":
                continue  # keys are made for each cluster
            yield file_entry(entry["dest"], _content(entry), **_how(entry))


def _how(entry: dict[str, Any]) -> dict[str, str]:
    return {key: entry[key] for key in ("owner", "group", "mode") if key in entry}


def _info(path: str, entry: dict[str, str], mode: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path.lstrip("/"))
    info.uname, info.gname = entry.get("owner", "root"), entry.get("group", "root")
    info.mtime = int(time.time())
    info.mode = int(entry.get("mode", mode), 8)
    return info


def _content(entry: dict[str, Any]) -> bytes:
    if entry.get("random_bytes"):
        return base64.urlsafe_b64encode(secrets.token_bytes(entry["random_bytes"]))
    return str(entry["content"]).encode()


def render(rack_dir: Path, state_root: Path, work: Path) -> Rendered:
    """Render what the roles would write.

    Args:
        rack_dir: folder of the rack file; its secrets exist.
        state_root: root of all racks' state.
        work: an empty private folder.

    Raises:
        RuntimeError: Ansible failed; with the end of what it said.
    """
    notes = work / "notes"
    notes.mkdir(mode=0o700)
    names = ",".join(str(shipped("playbooks") / f"{name}.yml") for name in PLAYBOOKS).split(",")
    tool = Path(sys.executable).parent / "ansible-playbook"
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(shipped("ansible.cfg")),
        "ANSIBLE_ROLES_PATH": str(shipped("roles")),
        "ANSIBLE_COLLECTIONS_PATH": str(_stand_ins(work)),
        "ANSIBLE_VAULT_PASSWORD_FILE": str(vault.password_file(rack_dir) or ""),
        "ANSIBLE_LOCAL_TEMP": str(work / "tmp"),
        "BENCH_CAPTURE": str(notes),
        "SCS_RACK_STATE": str(state_root),
    }
    argv = [str(tool), "--check", "--connection", "local", "-i", str(rack_dir / "rack.yml"), *names]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the roles' files could not be rendered:\n{done.stdout[-2500:]}\n{done.stderr[-1500:]}")
    calls = defaultdict(list)
    for path in notes.glob("*.jsonl"):
        calls[path.stem] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return Rendered(dict(calls))


def _stand_ins(work: Path) -> Path:
    """A copy of the collection whose modules only note what they are asked."""
    top = work / "collections"
    plugins = top / "ansible_collections/scs/rack/plugins"
    shutil.copytree(COLLECTIONS, top)
    (plugins / "action/config_files.py").rename(plugins / "action/genuine_config_files.py")
    shutil.copy(CAPTURE / "note.py", plugins / "module_utils/note.py")
    shutil.copy(CAPTURE / "config_files.py", plugins / "action/config_files.py")
    for module in (plugins / "modules").glob("*.py"):
        if module.stem != "config_files":
            shutil.copy(CAPTURE / "stand_in.py", plugins / "action" / module.name)
    return top
