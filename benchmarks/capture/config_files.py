"""Stands for the action plugin of the same name: renders as the roles do, and writes down instead of writing files."""

from typing import Any

from ansible_collections.scs.rack.plugins.action.genuine_config_files import ActionModule as Genuine
from ansible_collections.scs.rack.plugins.module_utils.note import note


class ActionModule(Genuine):  # type: ignore[misc]
    """Renders, and notes the result."""

    def _execute_module(
        self, _name: str, *, module_args: dict[str, Any], task_vars: dict[str, Any], **_: Any
    ) -> dict[str, Any]:
        note(self._task, "config_files", task_vars, module_args)
        return {"changed": False, "changed_files": []}
