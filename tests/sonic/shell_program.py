"""SONiC's commands for `shell_switch`: what they do to the folder that stands for a switch. Standard library only."""

import json
import os
import sys
import time
from pathlib import Path


def program(home: Path, command: str, words: list[str]) -> int:
    """What SONiC's commands do here; returns the exit code."""
    faults = (home / "faults").read_text().split() if (home / "faults").exists() else []
    if command == "config":
        return config(home, words, faults)
    if command == "systemd-run":
        return systemd_run(home, words, faults)
    if command == "systemctl":
        if words[0] == "stop" and words[-1].endswith(".timer"):
            (home / words[-1]).unlink(missing_ok=True)
        with (home / "units").open("a") as log:
            print(*words, file=log)
    elif command == "vtysh":
        peers = {key.partition("|")[2] for key in json.loads((home / "db.json").read_text()).get("BGP_NEIGHBOR", {})}
        state = (
            "Idle" if "idle" in faults else (home / "sessions").read_text() if (home / "sessions").exists() else "Idle"
        )
        known = {} if "forgetful" in faults else {peer: {"remoteAs": 1, "state": state} for peer in peers}
        print(json.dumps({"ipv4Unicast": {"peers": known}}))
    elif command == "docker":
        print('{"lldp": []}')
    elif command == "ping":
        answers = home / "answers"
        return 0 if answers.exists() and set(words) & set(answers.read_text().split()) else 1
    return 0


def write(path: Path, text: str) -> None:
    """Write a file that others read meanwhile."""
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(text)
    draft.replace(path)


def refused(text: str) -> int:
    """End as `config` does."""
    print(f"Error: {text}", file=sys.stderr)
    return 2


def config(home: Path, words: list[str], faults: list[str]) -> int:
    """Offer `config`."""
    verb, rest = words[0], [word for word in words[1:] if not word.startswith("-")]
    dry = "-d" in words
    db, saved = home / "db.json", home / "saved.json"
    (home / "checkpoints").mkdir(exist_ok=True)
    if f"{verb}-fails" in faults and not dry:
        return refused(f"Failed to {verb} config")
    if verb == "save":
        saved.write_text(db.read_text() if "save-lies" not in faults else saved.read_text())
    elif verb == "checkpoint":
        (home / "checkpoints" / f"{rest[0]}.cp.json").write_text(db.read_text())
    elif verb == "delete-checkpoint":
        (home / "checkpoints" / f"{rest[0]}.cp.json").unlink()
    elif verb == "reload":
        write(db, Path(rest[0]).read_text() if rest else saved.read_text())
    elif verb in ("replace", "apply-patch", "rollback"):
        if "stuck" in faults:
            return refused("Given config is not valid: it was so before")
        wanted = {
            "replace": lambda: json.loads(Path(rest[0]).read_text()),
            "rollback": lambda: json.loads((home / "checkpoints" / f"{rest[0]}.cp.json").read_text()),
            "apply-patch": lambda: patched(json.loads(db.read_text()), json.loads(Path(rest[0]).read_text())),
        }
        goal = wanted[verb]()
        if dry:
            new = goal != json.loads(db.read_text())
            return refused("Given config is not valid") if new and "objects" in faults else 0
        if "half" in faults and verb != "rollback":
            now = json.loads(db.read_text())
            first = next(table for table in sorted(goal) if goal[table] != now.get(table))
            write(db, json.dumps({**now, first: goal[first]}))
            return refused("Failed to apply patch")
        write(db, json.dumps(goal))
    return 0


def patched(tables: dict, operations: list) -> dict:
    """Apply a JSON Patch (RFC 6902) strictly."""
    for one in operations:
        *way, last = [part.replace("~1", "/").replace("~0", "~") for part in one["path"][1:].split("/")]
        node = tables
        for part in way:
            node = node[part]
        if one["op"] == "remove":
            del node[last]
        elif one["op"] == "replace" and last not in node:
            raise KeyError(last)
        else:
            node[last] = one["value"]
    if not all(tables.values()):
        raise ValueError("an empty table")
    return tables


def systemd_run(home: Path, words: list[str], faults: list[str]) -> int:
    """Start something at once, or after a while unless its timer is stopped."""
    if "no-timer" in faults:
        return refused("Failed to start transient timer unit")
    options = dict(word.partition("=")[::2] for word in words if word.startswith("--"))
    call = [word for word in words if not word.startswith("--")]
    wait = float(options.get("--on-active", 0))
    timer = home / f"{options['--unit']}.timer"
    if "--on-active" in options:
        timer.write_text("")
    if os.fork():
        return 0
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    end = time.monotonic() + wait
    while time.monotonic() < end:
        if not timer.exists() or not home.exists():
            os._exit(0)
        time.sleep(0.05)
    timer.unlink(missing_ok=True)
    os.execvp(call[0], call)
    return 127  # not reached: execvp replaces the process or raises


if __name__ == "__main__":
    sys.exit(program(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
