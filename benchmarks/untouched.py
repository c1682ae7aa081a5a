"""What stays as it is on servers in service while others come and go: when they booted, and services' processes."""

import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

SCRIPT = "cut -d' ' -f22 /proc/1/stat; systemctl show --type=service --state=running --property=Id,MainPID '*'"
"""When its first process began, and all services that run."""
PASSING = ("user@", "systemd-", "polkit", "scs-rack-probe", "run-")
"""How units begin that come and go by themselves."""

Seen = dict[str, str]
"""Process by unit; `boot` is when the first one began."""


def parse(text: str) -> Seen:
    """What a server says to the script."""
    first, _, rest = text.partition("\n")
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in rest.split("\n\n")]
    pids = {one["Id"]: one["MainPID"] for one in blocks if one.get("Id") and not one["Id"].startswith(PASSING)}
    return {"boot": first.strip(), **pids}


def look(folder: Path, nodes: Iterable[str]) -> dict[str, Seen]:
    """Ask servers of a virtual rack.

    Args:
        folder: of the rack file.
        nodes: names of servers.
    """
    found = {}
    for node in nodes:
        argv = [sys.executable, "-m", "scs_rack", "lab", "shell", "-r", str(folder), node, "--", "sh", "-c", SCRIPT]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True)
        found[node] = parse(done.stdout)
    return found


def changed(before: Mapping[str, Seen], after: Mapping[str, Seen]) -> list[str]:
    """Units that have another process than before, or none, as `node unit`."""
    return [
        f"{node} {unit}"
        for node, units in before.items()
        for unit, pid in units.items()
        if after.get(node, {}).get(unit) != pid
    ]
