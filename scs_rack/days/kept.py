"""What has to be known of a server that is out of service until it is back: a small file in the rack's state.

Written before the act that it tells of, so that whatever kills us, what we did is undone and what others did is not.
"""

import json
from pathlib import Path
from typing import Any

from scs_rack.files import write_file


def read(state_dir: Path, node: str) -> dict[str, Any]:
    """What is kept of a server; empty for one in service."""
    try:
        data = json.loads(_path(state_dir, node).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def note(state_dir: Path, node: str, **what: Any) -> None:
    """Keep something more; None forgets it."""
    data = {name: value for name, value in (read(state_dir, node) | what).items() if value is not None}
    path = _path(state_dir, node)
    if data:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(path, json.dumps(data, indent=1, sort_keys=True) + "\n")
    else:
        path.unlink(missing_ok=True)


def forget(state_dir: Path, node: str) -> None:
    """The server is back, or gone for good."""
    _path(state_dir, node).unlink(missing_ok=True)


def known(state_dir: Path) -> dict[str, dict[str, Any]]:
    """All servers that something is kept of."""
    folder = state_dir / "days"
    names = sorted(path.stem for path in folder.glob("*.json")) if folder.is_dir() else []
    return {name: read(state_dir, name) for name in names}


def _path(state_dir: Path, node: str) -> Path:
    return state_dir / "days" / f"{node}.json"
