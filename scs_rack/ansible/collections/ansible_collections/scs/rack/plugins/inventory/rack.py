"""Inventory plugin: a rack file is an Ansible inventory."""

from __future__ import annotations

DOCUMENTATION = """
name: rack
short_description: Servers and switches of a rack file
description:
  - Reads C(rack.yml) and gives servers and switches with their groups and variables.
  - Every host gets the variables C(rack), C(secrets) (when the vault opens) and C(pki); a server also C(node).
  - C(group_vars) and C(host_vars) beside the rack file override as everywhere in Ansible.
options:
  plugin:
    description: Not needed; a file with the name C(rack.yml) is taken.
    type: str
"""

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin
from ansible.template import trust_as_template

try:
    from scs_rack.ansible.variables import full_inventory
    from scs_rack.errors import ScsRackError

    IMPORT_ERROR: ImportError | None = None
except ImportError as error:
    IMPORT_ERROR = error


def _trusted(value: Any) -> Any:
    """Mark strings as the operator's own, as those of a YAML inventory are: ansible-inventory shows them plainly."""
    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, dict):
        return {key: _trusted(one) for key, one in value.items()}
    return [_trusted(one) for one in value] if isinstance(value, list) else value


class InventoryModule(BaseInventoryPlugin):
    """Gives Ansible what the Design of a rack says."""

    NAME = "scs.rack.rack"

    def verify_file(self, path: str) -> bool:
        """Take files that are called rack.yml, and no others."""
        return super().verify_file(path) and Path(path).name == "rack.yml"

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Fill the inventory."""
        super().parse(inventory, loader, path, cache)
        if IMPORT_ERROR:
            raise AnsibleParserError(f"scs_rack can't be imported; install it where Ansible runs: {IMPORT_ERROR}")
        try:
            content, warnings = full_inventory(Path(path).resolve())
        except ScsRackError as error:
            hint = f" ({error.hint})" if error.hint else ""
            raise AnsibleParserError(f"{path}: {error.message}{hint}") from error
        except ValueError as error:
            raise AnsibleParserError(f"{path}: {error}") from error
        for warning in warnings:
            self.display.warning(warning)
        self._fill(inventory, content)

    @staticmethod
    def _fill(inventory: Any, content: dict[str, Any]) -> None:
        hostvars = content.pop("_meta")["hostvars"]
        variables = {"all": content.pop("all")["vars"], **hostvars}
        for host in hostvars:
            inventory.add_host(host)
        for group, members in content.items():
            inventory.add_group(group)
            for host in members["hosts"]:
                inventory.add_child(group, host)
        for name, values in variables.items():
            for key, value in values.items():
                inventory.set_variable(name, key, value if key == "secrets" else _trusted(value))
