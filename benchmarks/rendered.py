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
    "platform": ("mariadb", "rabbitmq", "memcached", "haproxy", "keystone"),
    "cloud": ("ovn", "libvirt", "placement", "nova", "neutron", "glance", "cinder"),
}
"""Roles by stage."""
Call = dict[str, Any]


@dataclass(frozen=True)
class Rendered:
    """Calls of modules by node."""

    calls: dict[str, list[Call]]

    def units(self, node: str, role: str) -> list[dict[str, Any]]:
        """Units that a role brings to their form on a node."""
        found = (call for call in self.calls[node] if (call["role"], call["module"]) == (role, "services"))
        return [unit for call in found for unit in call["arguments"]["units"]]

    def pack(self, stage: str, folder: Path) -> None:
        """Write one tar file for each node that the stage writes files on."""
        for node, calls in self.calls.items():
            files = [call for call in calls if call["module"] == "config_files" and call["role"] in ROLES[stage]]
            if not files:
                continue
            with tarfile.open(folder / f"{stage}.{node}.tar", "w", format=tarfile.PAX_FORMAT) as tar:
                for info, content in _entries(files):
                    tar.addfile(info, io.BytesIO(content))


def _entries(calls: list[Call]) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    for call in calls:
        for entry in call["arguments"].get("directories") or ():
            info = _info(entry["path"], entry, "0755")
            info.type = tarfile.DIRTYPE
            yield info, b""
        for entry in call["arguments"]["files"]:
            if entry["dest"].endswith(".keyring") or entry.get("state") == "absent":
                continue  # keys are made by Ceph
            content = _content(entry)
            info = _info(entry["dest"], entry, "0644")
            info.size = len(content)
            yield info, content


def _info(path: str, entry: dict[str, Any], mode: str) -> tarfile.TarInfo:
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
