"""Where the stand-ins of the modules write down what a role asks for."""

import json
import os
from pathlib import Path
from typing import Any


def note(task: Any, module: str, variables: dict[str, Any], arguments: dict[str, Any]) -> None:
    """Append one call to the host's file in the folder BENCH_CAPTURE; the folder is private."""
    role = task._role.get_name() if task._role else ""  # noqa: SLF001 - Ansible has no public name for it
    entry = {
        "role": role,
        "file": Path(task.get_path().rpartition(":")[0]).stem,
        "module": module,
        "arguments": arguments,
    }
    path = Path(os.environ["BENCH_CAPTURE"]) / f"{variables['inventory_hostname']}.jsonl"
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry, default=str) + "\n")
