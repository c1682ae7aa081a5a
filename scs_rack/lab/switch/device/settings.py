"""Settings of a lab switch that no real switch has: how long its slow things take, and its faults on demand.

Both lie in /etc/labswitch, written by whoever runs the lab (`scs-rack lab fault`), read at each use.
"""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

FOLDER = Path("/etc/labswitch")
FAULTS = "faults.json"
SETTINGS = "settings.json"

DEFAULTS: dict[str, float] = {
    "time_scale": 0.1,
    "reload_seconds": 60.0,
    "boot_seconds": 60.0,
}
"""`reload_seconds` and sleeps of SONiC are multiplied by `time_scale`."""


def _load(name: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found


def seconds(name: str) -> float:
    """A time in seconds, scaled."""
    values = {**DEFAULTS, **_load(SETTINGS)}
    return float(values[name]) * float(values["time_scale"])


def scaled(real: float) -> float:
    """How long the lab takes for what takes a real switch some seconds."""
    return real * float({**DEFAULTS, **_load(SETTINGS)}["time_scale"])


def faults() -> dict[str, Any]:
    """Faults that are set now, with their parameters."""
    return _load(FAULTS)


def spend(name: str) -> dict[str, Any] | None:
    """Take a fault that happens once; None when it is not set."""
    found = faults()
    if name not in found:
        return None
    taken: dict[str, Any] = found.pop(name) or {}
    temporary = FOLDER / f"{FAULTS}.{os.getpid()}"
    temporary.write_text(json.dumps(found), encoding="utf-8")
    temporary.replace(FOLDER / FAULTS)
    return taken


def forget(name: str) -> None:
    """Take a fault away."""
    with contextlib.suppress(OSError):
        spend(name)
