"""Facts of the machine that results depend on."""

import datetime as dt
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

MEMORY_MIB = 16_000
"""Memory that a virtual rack with three controllers needs."""
BUSY = 0.25
"""Load for each core from which on a machine is not idle."""


def facts() -> dict[str, Any]:
    """Cores, processor, memory, kernel, load now, and the version of the checkout."""
    top = Path(__file__).parents[1]
    version = subprocess.run(
        ["git", "-C", str(top), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "version": version.stdout.strip(),
        "cores": os.cpu_count() or 1,
        "processor": _line("/proc/cpuinfo", "model name").lstrip(": \t"),
        "memory_mib": _memory("MemTotal"),
        "memory_free_mib": _memory("MemAvailable"),
        "kernel": platform.release(),
        "load": [round(value, 2) for value in os.getloadavg()],
    }


def busy(load: list[float], cores: int) -> bool:
    """True if others use the machine, so that times are longer than they would be."""
    return load[0] > BUSY * cores


def _memory(name: str) -> int:
    return int(_line("/proc/meminfo", name).split()[1]) // 1024


def _line(path: str, name: str) -> str:
    """The rest of the first line that begins with a name."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return next((line.removeprefix(name) for line in lines if line.startswith(name)), ": 0")
