#!/usr/bin/python
"""Let exactly the listed operators log in."""

from __future__ import annotations

DOCUMENTATION = r"""
module: operators
short_description: Let exactly the listed operators log in
description:
  - Makes an account with the stated SSH keys, and no others, for each operator.
  - An operator is a member of the group C(scs-operators). Members who are not listed any more lose their keys and their
    membership, and their account expires; their files stay.
  - Accounts of the system (uid below 1000) are refused.
author: the scs-rack founders
options:
  users:
    description: The operators.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: Login name., type: str, required: true}
      keys: {description: Public SSH keys., type: list, elements: str, required: true}
attributes:
  check_mode: {support: full, description: Says what would change.}
"""

EXAMPLES = r"""
- name: Let operators in
  scs.rack.operators:
    users:
      - {name: ada, keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample ada@desk]}
"""

RETURN = r"""
changes: {description: What was done (in check mode would be done)., type: list, elements: str, returned: always}
"""

import grp
import os
import pwd
import subprocess
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

GROUP = "scs-operators"
FIRST_UID = 1000
"""Accounts below belong to the system (login.defs(5), UID_MIN)."""


class Refused(Exception):
    """An account can't be made or changed; says which and why."""


def run(*argv: str) -> None:
    """Run a command.

    Raises:
        Refused: with what it printed.
    """
    seen = subprocess.run(argv, capture_output=True, text=True, check=False)
    if seen.returncode:
        raise Refused(f"{' '.join(argv)}: {(seen.stderr or seen.stdout).strip()}")


def account_of(name: str) -> pwd.struct_passwd | None:
    """The account of that name, if there is one."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def members() -> list[str]:
    """Operators as the node knows them."""
    try:
        return list(grp.getgrnam(GROUP).gr_mem)
    except KeyError:
        return []


def has_group() -> bool:
    """True if the operators' group exists."""
    return any(group.gr_name == GROUP for group in grp.getgrall())


def write_keys(account: pwd.struct_passwd, text: str) -> None:
    """Write the keys of an account, readable by it alone."""
    folder = Path(account.pw_dir) / ".ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    os.chown(folder, account.pw_uid, account.pw_gid)
    fresh = folder / ".authorized_keys.scs-rack"
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o600)
    os.chown(fresh, account.pw_uid, account.pw_gid)
    fresh.rename(folder / "authorized_keys")


def keys_of(account: pwd.struct_passwd) -> str:
    """The keys that an account accepts now."""
    path = Path(account.pw_dir) / ".ssh/authorized_keys"
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


class Operators:
    """Brings accounts to their stated form and keeps what changed."""

    def __init__(self, *, check: bool) -> None:
        self.check = check
        self.changes: list[str] = []

    def _do(self, change: str, *argv: str) -> None:
        self.changes.append(change)
        if not self.check:
            run(*argv)

    def admit(self, name: str, keys: list[str]) -> None:
        """Let one operator in, by these keys only."""
        account = account_of(name)
        if account is not None and account.pw_uid < FIRST_UID:
            raise Refused(f"{name} is an account of the system (uid {account.pw_uid})")
        if account is None:
            self._do(f"add {name}", "useradd", "--create-home", "--shell=/bin/bash", f"--groups={GROUP}", name)
        elif name not in members():
            self._do(f"admit {name}", "usermod", "--append", f"--groups={GROUP}", "--expiredate=", name)
        text = "".join(f"{key.strip()}\n" for key in keys)
        account = account_of(name)
        if account is None or keys_of(account) != text:
            self.changes.append(f"keys of {name}")
            if account is not None and not self.check:
                write_keys(account, text)

    def dismiss(self, name: str) -> None:
        """Take the access of a former operator."""
        account = account_of(name)
        if account is not None and not self.check:
            run("usermod", "--expiredate=1", name)
            if keys_of(account):
                write_keys(account, "")
        self._do(f"dismiss {name}", "gpasswd", "--delete", name, GROUP)

    def bring_about(self, users: list[dict[str, Any]]) -> None:
        """Let these in and nobody else."""
        if not has_group():
            self._do(f"group {GROUP}", "groupadd", "--system", GROUP)
        for user in users:
            self.admit(user["name"], user["keys"])
        for name in members():
            if name not in {user["name"] for user in users}:
                self.dismiss(name)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "users": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "keys": {"type": "list", "elements": "str", "required": True, "no_log": False},
                },
            },
        },
        supports_check_mode=True,
    )
    operators = Operators(check=module.check_mode)
    try:
        operators.bring_about(module.params["users"])
    except (Refused, OSError) as error:
        module.fail_json(msg=str(error), changes=operators.changes)
    module.exit_json(changed=bool(operators.changes), changes=operators.changes)


if __name__ == "__main__":
    main()
