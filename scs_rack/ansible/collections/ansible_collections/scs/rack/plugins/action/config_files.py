"""Render all templates of a service on the machine that runs Ansible and write them by one module call."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError, AnsibleFileNotFound
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template
from ansible_collections.scs.rack.plugins.action.services import note

SHARED = Path(__file__).parents[2] / "templates"
"""Templates that all roles may use by their name: a uwsgi service, a systemd unit, logins at Keystone."""

_SOURCES = ("template", "content", "src", "random_bytes")


class ActionModule(ActionBase):
    """Turn `template:` and `src:` of each file into `content:`; the module of the same name does the rest."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Render and write.

        Raises:
            AnsibleActionFail: a file that states no source, or more than one, or one that can't be read.
        """
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = dict(self._task.args)
        arguments["files"] = [self._rendered(entry, variables) for entry in arguments.get("files") or []]
        result.update(self._execute_module("scs.rack.config_files", module_args=arguments, task_vars=variables))
        if self._task.check_mode and result.get("changed_files"):
            note(str(variables.get("inventory_hostname")), [str(one) for one in result["changed_files"]])
        return result

    def _rendered(self, entry: Any, variables: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(entry, Mapping) or not entry.get("dest"):
            raise AnsibleActionFail(f"each entry of `files` is a mapping with `dest`, not {entry!r}")
        file = dict(entry)
        stated = [source for source in _SOURCES if file.get(source) is not None]
        if file.get("state") == "absent":
            return file
        if len(stated) != 1:
            raise AnsibleActionFail(
                f"{file['dest']}: state exactly one of {', '.join(_SOURCES)}, not {stated or 'none'}"
            )
        try:
            if stated[0] == "template":
                names = {**variables, **(file.pop("vars", None) or {})}
                file["content"] = self._template(file.pop("template"), names)
            elif stated[0] == "src":
                file["content"] = self._text(file.pop("src"))
        except (AnsibleError, OSError) as error:
            raise AnsibleActionFail(f"{file['dest']}: {error}") from error
        return file

    def _text(self, source: str) -> str:
        try:
            return str(self._loader.get_text_file_contents(self._find_needle("files", source)))
        except AnsibleFileNotFound:
            if self._task.check_mode:
                return ""  # such as a certificate that will be issued before the run
            raise

    def _template(self, name: str, variables: dict[str, Any]) -> str:
        try:
            path = self._find_needle("templates", name)
        except AnsibleFileNotFound:
            path = str(SHARED / name)
        base = [*variables.get("ansible_search_path", []), self._loader.get_basedir(), str(Path(path).parent)]
        searchpath = [part for folder in base for part in (str(Path(folder) / "templates"), folder)]
        names = {**variables, "managed": f"Written by scs-rack from {Path(path).name}; changes here are lost."}
        templar = self._templar.copy_with_new_env(searchpath=[*searchpath, str(SHARED)], available_variables=names)
        text = templar.template(
            trust_as_template(self._loader.get_text_file_contents(path)),
            escape_backslashes=False,
            overrides={"trim_blocks": True, "lstrip_blocks": True},
        )
        return "" if text is None else str(text)
