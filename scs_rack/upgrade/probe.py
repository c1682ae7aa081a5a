"""Runs on a node: prints which packages have an update, and whether what runs is what is installed, as JSON.

Standard library only: it is sent over SSH. Nothing is changed, no mirror is asked (`apt-get --simulate`, apt-get(8)).
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

LINE = re.compile(r"^Inst (?P<name>\S+) \[(?P<old>[^\]]+)\] \((?P<new>\S+) (?P<origin>.*?) \[(?P<arch>[^\]]+)\]\)")
REMOVES = re.compile(r"^Remv (\S+)", re.MULTILINE)
SECURITY = re.compile(r"-Security\b|-security\b")
WATCHED = ("/usr/", "/lib/", "/opt/")


def main(security: str) -> None:
    """Print what there is to do."""
    names = [one["name"] for one in updates() if one["security"]] if security == "security" else None
    listed = updates(names) if names != [] else []
    print(json.dumps({"updates": listed, "reboot": reasons(), "boot": boot_id(), "lists": age()}))


def updates(names: list[str] | None = None) -> list[dict[str, Any]]:
    """What apt would install newer; all of it, or what these names take.

    Raises:
        OSError: apt can't tell, or would remove a package.
    """
    command = ["upgrade", "--with-new-pkgs"] if names is None else ["install", "--only-upgrade", *names]
    done = subprocess.run(
        ["apt-get", "--simulate", "--quiet", "-o", "Debug::NoLocking=true", *command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    if done.returncode:
        raise OSError(f"apt-get: {done.stderr.strip()[-300:]}")
    if gone := REMOVES.findall(done.stdout):
        raise OSError(f"apt would remove {', '.join(gone)}: that is no update")
    return [
        {**match.groupdict(), "security": bool(SECURITY.search(match["origin"]))}
        for line in done.stdout.splitlines()
        if (match := LINE.match(line))
    ]


def reasons() -> list[str]:
    """Why the server should be restarted; empty when all that runs is what is installed."""
    found = []
    if Path("/run/reboot-required").exists():
        found.append("a package asks for it")
    kernels = sorted(Path("/boot").glob("vmlinuz-*"), key=lambda path: path.stat().st_mtime)
    if kernels and not kernels[-1].name.endswith(os.uname().release):
        found.append(f"kernel {os.uname().release} runs, {kernels[-1].name.removeprefix('vmlinuz-')} is installed")
    stale = outdated()
    if stale:
        found.append(f"{', '.join(stale[:6])}{' and others' if len(stale) > 6 else ''} run with replaced files")
    return found


def outdated() -> list[str]:
    """Units with processes that have files mapped which were replaced since (proc(5), `maps`: `(deleted)`)."""
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            maps = (entry / "maps").read_text(errors="replace")
            groups = (entry / "cgroup").read_text(errors="replace")
        except OSError:  # gone meanwhile
            continue
        if any(_replaced(line) for line in maps.splitlines()):
            units = re.findall(r"/([^/\n]+\.service)", groups)
            found.update(units[-1:])
    return sorted(found)


def _replaced(line: str) -> bool:
    """True for a line of `maps` that names a program or library which is another file by now."""
    if not line.endswith(" (deleted)"):
        return False
    path = line[line.find("/") :].removesuffix(" (deleted)")
    return path.startswith(WATCHED) and Path(path).exists()


def boot_id() -> str:
    """Changes with each start of the kernel; in a container with each start of it: that of its first process."""
    start = Path("/proc/1/stat").read_text().rpartition(")")[2].split()[19]
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}-{start}"


def age() -> float | None:
    """When apt's lists were last fetched (Unix time)."""
    times = [path.stat().st_mtime for path in Path("/var/lib/apt/lists").glob("*Packages*")]
    return max(times, default=None)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
