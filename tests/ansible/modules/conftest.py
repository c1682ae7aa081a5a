"""Runs our Ansible modules in this process, as Ansible would."""

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

import scs_rack

COLLECTIONS = Path(scs_rack.__file__).parent / "ansible/collections"
PLUGINS = "ansible_collections.scs.rack.plugins"


@pytest.fixture(scope="session", autouse=True)
def _collections() -> None:
    if str(COLLECTIONS) not in sys.path:
        sys.path.insert(0, str(COLLECTIONS))


@pytest.fixture
def plugin() -> Callable[[str], Any]:
    """A plugin by its dotted name below `plugins`, such as `modules.services`."""
    return lambda name: importlib.import_module(f"{PLUGINS}.{name}")


@pytest.fixture
def run(plugin: Callable[[str], Any], capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Call a module with arguments; returns what it reports."""

    def call(name: str, *, check: bool = False, diff: bool = False, **arguments: Any) -> dict[str, Any]:
        internal = {"_ansible_check_mode": check, "_ansible_diff": diff}
        with patch_module_args(arguments | internal), pytest.raises(SystemExit):
            plugin(f"modules.{name}").main()
        return json.loads(capsys.readouterr().out)

    return call
