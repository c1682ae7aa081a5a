"""Stands for every other module of the collection: does nothing, and says what an untouched rack would say."""

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.scs.rack.plugins.module_utils.note import note

ANSWERS: dict[str, dict[str, Any]] = {
    "ceph_keys": {"found": False, "mon": "", "admin": ""},
    "ceph_cluster": {"managers": {}, "osds": {}, "clients": {}},
}
"""What later tasks of a role need from a module."""


class ActionModule(ActionBase):  # type: ignore[misc]
    """Notes the call."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Note the call and answer."""
        super().run(tmp, task_vars)
        name = self._task.action.rpartition(".")[2]
        note(self._task, name, task_vars or {}, dict(self._task.args))
        return {"changed": False, **ANSWERS.get(name, {})}
