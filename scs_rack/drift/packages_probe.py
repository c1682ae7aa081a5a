"""Runs on a node: prints its packages and which of their files are not as they were delivered, as JSON.

Standard library only: it is sent over SSH. `dpkg --verify` (dpkg(1)) reads every file, so it runs nice.
"""

import json
import os
import subprocess
from typing import Any

FORMAT = "${Package}:${Architecture} ${Version} ${db:Status-Status}\\n"


def said(*command: str) -> str:
    """What a command prints; `dpkg --verify` ends with 1 where it finds something."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"})
    if done.returncode not in (0, 1):
        raise OSError(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout


def look() -> dict[str, Any]:
    """Packages by name, those half installed by state, files that are changed, and files that are missing."""
    packages, broken = {}, {}
    for line in said("dpkg-query", "--show", "--showformat", FORMAT).splitlines():
        name, version, state = line.split(" ")
        if state == "installed":
            packages[name] = version
        elif state not in ("config-files", "not-installed"):
            broken[name] = state
    changed: list[str] = []
    missing: list[str] = []
    for line in said("nice", "-n", "19", "dpkg", "--verify").splitlines():
        marks, _, rest = line.partition(" ")
        path = rest[rest.find("/") :]
        if rest.lstrip().startswith("c "):
            continue  # settings: what is ours in them is compared by the stages
        (missing if marks == "missing" else changed).append(path)
    return {"packages": packages, "broken": broken, "changed": changed, "missing": missing}


if __name__ == "__main__":
    print(json.dumps(look()))
