"""Tell the module `services` what only the machine that runs Ansible knows.

That is whether a server is in service, and in check mode which of its files would have been written before.
"""

from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase

PLANNED = "scs-rack-planned"
"""Folder among this run's own scratch files: for each host, files that would have been written."""


def planned(host: str) -> Path:
    """The list of a host."""
    return Path(str(constants.DEFAULT_LOCAL_TMP), PLANNED, host)


def note(host: str, files: list[str]) -> None:
    """Remember files that would be written."""
    where = planned(host)
    where.parent.mkdir(parents=True, exist_ok=True)
    with where.open("a", encoding="utf-8") as out:
        out.writelines(f"{file}\n" for file in files)


class ActionModule(ActionBase):
    """Add `settled` and `planned`; the module of the same name does the rest."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call the module."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        more: dict[str, Any] = {"settled": bool(variables.get("settled"))}
        where = planned(str(variables.get("inventory_hostname")))
        if self._task.check_mode and where.is_file():
            more["planned"] = where.read_text(encoding="utf-8").splitlines()
        arguments = more | dict(self._task.args)
        result.update(self._execute_module("scs.rack.services", module_args=arguments, task_vars=variables))
        return result
