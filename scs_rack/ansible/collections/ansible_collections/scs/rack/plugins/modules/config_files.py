#!/usr/bin/python
"""Write all configuration files of a service in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: config_files
short_description: Write all configuration files of a service in one call
description:
  - Renders templates on the machine that runs Ansible and writes all files and directories of a service in one call,
    since the cost of a task is paid per call and not per file.
  - Every file is written beside its destination with its final owner and mode and then renamed, so that no secret is
    readable by others at any moment and no half-written file is ever seen.
  - The contents of files that not everybody may read never appear in a diff, a result or a log.
author: the scs-rack founders
options:
  files:
    description: The files.
    type: list
    elements: dict
    default: []
    suboptions:
      dest: {description: Path on the host., type: path, required: true}
      state: {description: Whether the file is there., type: str, choices: [present, absent], default: present}
      template:
        description:
          - Name of a template of the role; rendered on the machine that runs Ansible.
          - All roles may use those of the collection, C(uwsgi.ini.j2), C(service.j2), and C(auth.j2) to import.
        type: str
      vars: {description: More variables for the template., type: dict}
      src: {description: Text file on the machine that runs Ansible., type: str}
      content: {description: The content itself., type: str}
      random_bytes:
        description:
          - Creates the file once with this many random bytes in URL-safe base64 (a Fernet key has 32).
          - An existing file keeps its content.
        type: int
      owner: {description: Name of the owner., type: str, default: root}
      group: {description: Name of the group., type: str, default: root}
      mode: {description: Mode in octal digits., type: str, default: "0644"}
      validate: {description: Command that must accept the new file; %s stands for its path., type: str}
  directories:
    description: The directories; made before the files. Parents of files are made as root with mode 0755.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Path on the host., type: path, required: true}
      owner: {description: Name of the owner., type: str, default: root}
      group: {description: Name of the group., type: str, default: root}
      mode: {description: Mode in octal digits., type: str, default: "0755"}
      purge:
        description: Removes files in it that C(files) does not name, as for keys that were rotated out.
        type: bool
        default: false
attributes:
  check_mode: {support: full, description: Says what would change.}
  diff_mode: {support: full, description: Shows differences of files that everybody may read.}
"""

EXAMPLES = r"""
- name: Configure Keystone
  scs.rack.config_files:
    directories:
      - {path: /etc/keystone/fernet-keys, owner: keystone, group: keystone, mode: "0700"}
    files:
      - {template: keystone.conf.j2, dest: /etc/keystone/keystone.conf, group: keystone, mode: "0640"}
      - {random_bytes: 32, dest: /etc/keystone/fernet-keys/0, owner: keystone, group: keystone, mode: "0600"}
"""

RETURN = r"""
changed_files:
  description: Files and directories that changed (in check mode that would change).
  type: list
  elements: str
  returned: always
"""

import base64
import contextlib
import grp
import os
import pwd
import secrets
import shlex
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.scs.rack.plugins.module_utils.quiet import QuietModule

Owner = tuple[int, int] | None
"""uid and gid; None when one of them does not exist (yet)."""


class Refused(Exception):
    """A file can't be written; says which and why."""


def owner_of(entry: dict[str, Any]) -> Owner:
    """Numbers of the owner and group that an entry names."""
    try:
        return pwd.getpwnam(entry["owner"]).pw_uid, grp.getgrnam(entry["group"]).gr_gid
    except KeyError:
        return None


def attributes_differ(path: Path, owner: Owner, mode: int) -> bool:
    """True if owner, group or mode of an existing path are not as stated."""
    seen = path.stat()
    return (seen.st_uid, seen.st_gid) != owner or stat.S_IMODE(seen.st_mode) != mode


def write(path: Path, content: bytes, owner: tuple[int, int], mode: int, validate: str | None) -> None:
    """Write a file by renaming a complete one over it.

    Raises:
        Refused: the validator did not accept the content.
    """
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchown(file.fileno(), *owner)
            os.fchmod(file.fileno(), mode)
        if validate:
            command = [part.replace("%s", name) for part in shlex.split(validate)]
            seen = subprocess.run(command, capture_output=True, text=True, check=False)
            if seen.returncode:
                raise Refused(f"{path}: {command[0]} does not accept it: {(seen.stderr or seen.stdout).strip()[-600:]}")
        Path(name).rename(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise


class Writer:
    """Brings files and directories to their stated form and keeps what changed."""

    def __init__(self, *, check: bool) -> None:
        self.check = check
        self.changed: list[str] = []
        self.diffs: list[dict[str, str]] = []

    def directory(self, entry: dict[str, Any]) -> None:
        """Make one directory, or correct its owner and mode."""
        path, owner, mode = Path(entry["path"]), owner_of(entry), int(entry["mode"], 8)
        if path.is_dir() and not attributes_differ(path, owner, mode):
            return
        self.changed.append(str(path))
        if self.check:
            return
        if owner is None:
            raise Refused(f"{path}: user {entry['owner']} or group {entry['group']} does not exist")
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chown(path, *owner)
        path.chmod(mode)

    def purge(self, entry: dict[str, Any], stated: set[Path]) -> None:
        """Remove files of a directory that are not stated; folders in it stay."""
        folder = Path(entry["path"])
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if path not in stated and (path.is_symlink() or not path.is_dir()):
                self._remove(path)

    def file(self, entry: dict[str, Any]) -> None:
        """Write, correct or remove one file."""
        path = Path(entry["dest"])
        if entry["state"] == "absent":
            self._remove(path)
            return
        owner, mode = owner_of(entry), int(entry["mode"], 8)
        before = path.read_bytes() if path.is_file() else None
        after = self._content(entry, before)
        same_content = before == after
        if same_content and not attributes_differ(path, owner, mode):
            return
        self.changed.append(str(path))
        self._diff(path, before, after, public=bool(mode & 0o004))
        if self.check:
            return
        if owner is None:
            raise Refused(f"{path}: user {entry['owner']} or group {entry['group']} does not exist")
        if same_content:
            os.chown(path, *owner)
            path.chmod(mode)
        else:
            write(path, after, owner, mode, entry["validate"])

    def _content(self, entry: dict[str, Any], before: bytes | None) -> bytes:
        if entry["random_bytes"] is not None:
            return before or base64.urlsafe_b64encode(secrets.token_bytes(entry["random_bytes"]))
        return str(entry["content"]).encode()

    def _remove(self, path: Path) -> None:
        if not path.is_symlink() and not path.exists():
            return
        self.changed.append(str(path))
        if not self.check:
            path.unlink()

    def _diff(self, path: Path, before: bytes | None, after: bytes, *, public: bool) -> None:
        hidden = "(not shown: not everybody may read this file)\n"
        self.diffs.append(
            {
                "before_header": str(path),
                "after_header": str(path),
                "before": (before or b"").decode(errors="replace") if public else "",
                "after": after.decode(errors="replace") if public else hidden,
            }
        )


def main() -> None:
    """Entry point."""
    attributes = {
        "owner": {"type": "str", "default": "root"},
        "group": {"type": "str", "default": "root"},
    }
    module = QuietModule(
        argument_spec={
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "dest": {"type": "path", "required": True},
                    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                    "template": {"type": "str"},
                    "vars": {"type": "dict"},
                    "src": {"type": "str"},
                    "content": {"type": "str"},
                    "random_bytes": {"type": "int"},
                    "mode": {"type": "str", "default": "0644"},
                    "validate": {"type": "str"},
                    **attributes,
                },
            },
            "directories": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "path": {"type": "path", "required": True},
                    "mode": {"type": "str", "default": "0755"},
                    "purge": {"type": "bool", "default": False},
                    **attributes,
                },
            },
        },
        supports_check_mode=True,
    )
    writer = Writer(check=module.check_mode)
    try:
        for entry in module.params["directories"]:
            writer.directory(entry)
        for entry in module.params["files"]:
            writer.file(entry)
        stated = {Path(entry["dest"]) for entry in module.params["files"]}
        for entry in (one for one in module.params["directories"] if one["purge"]):
            writer.purge(entry, stated)
    except (Refused, OSError, ValueError) as error:
        module.fail_json(msg=str(error), changed_files=writer.changed)
    diff = {"diff": writer.diffs} if module._diff else {}  # noqa: SLF001 - Ansible has no public name for it
    module.exit_json(changed=bool(writer.changed), changed_files=writer.changed, **diff)


if __name__ == "__main__":
    main()
