#!/usr/bin/python
"""Bring many systemd units of a host to their stated form in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: services
short_description: Bring many systemd units to their stated form in one call
description:
  - Observes all units by one C(systemctl show), then masks, enables, stops, starts and restarts what needs it,
    side by side.
  - A unit with C(watch) is restarted if it was started before one of these files changed. This is observed from the
    unit and the files, so that a run that died between writing a file and restarting is made good by the next one.
  - systemd is told to read its files again by itself when a unit says that this is needed.
  - Waits until started units are active, and shows the end of the journal of those that are not.
author: the scs-rack founders
options:
  units:
    description: The units.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: Name; C(.service) may be left out., type: str, required: true}
      state: {description: What the unit does now., type: str, choices: [started, stopped, restarted, reloaded]}
      enabled: {description: Whether it starts at boot (mask init scripts that have no unit)., type: bool}
      masked: {description: Whether it can be started at all., type: bool}
      watch:
        description: Files, or folders of files; started means started after the last change of these.
        type: list
        elements: path
        default: []
      reload:
        description: A change of a watched file asks for a reload instead of a restart.
        type: bool
        default: false
      wait: {description: Wait until the unit is active., type: bool, default: true}
      listen: {description: C(address:port) or socket path that must accept connections., type: str}
      log: {description: File whose end is shown beside the journal on failure., type: path}
  timeout:
    description: Seconds to wait for units.
    type: float
    default: 120
  daemon_reload:
    description: Let systemd read its files again in any case.
    type: bool
    default: false
  settled:
    description:
      - The server is in service. A unit that runs is not restarted then, and the task fails and says which would be.
      - The action plugin of the same name takes it from the variable C(settled).
    type: bool
    default: false
  planned:
    description: Files that would have been written before, in check mode; stated by the action plugin.
    type: list
    elements: path
    default: []
attributes:
  check_mode: {support: full, description: Says what would change.}
"""

EXAMPLES = r"""
- name: Run the databases
  scs.rack.services:
    units:
      - {name: mariadb, state: started, enabled: true, watch: [/etc/mysql/mariadb.conf.d/90-scs-rack.cnf]}
      - {name: rabbitmq-server, state: started, enabled: true, wait: false}
      - {name: chrony, state: stopped, masked: true}
"""

RETURN = r"""
changes:
  description: What was done (in check mode would be done), such as C(restart mariadb.service).
  type: list
  elements: str
  returned: always
"""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.scs.rack.plugins.module_utils.quiet import QuietModule

PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,NRestarts,"
    "InactiveExitTimestampMonotonic,StateChangeTimestampMonotonic"
)
RUNNING = ("active", "reloading")
RESTARTS = "on a server in service these would be restarted, which nobody has allowed (`--allow restart`): "
STARTING = ("start", "restart", "reload-or-restart")


class Failed(Exception):
    """systemd did not do what it was asked; says what it answered."""


def full_name(name: str) -> str:
    """The name with its type."""
    suffixes = (".service", ".socket", ".timer", ".target", ".mount", ".path", ".slice", ".device", ".swap")
    return name if name.endswith(suffixes) else f"{name}.service"


def systemctl(*arguments: str) -> str:
    """Call systemctl.

    Raises:
        Failed: with the error that it printed.
    """
    # Units come first where there is an init script of the same name too; its links cost 0.1 s and more each.
    environment = {**os.environ, "SYSTEMCTL_SKIP_SYSV": "1"}
    seen = subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=False, env=environment)
    if seen.returncode:
        raise Failed(f"systemctl {' '.join(arguments)}: {seen.stderr.strip() or seen.stdout.strip()}")
    return seen.stdout


def parse_show(text: str) -> list[dict[str, str]]:
    """The units of an output of `systemctl show`, in order."""
    return [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in text.split("\n\n") if block
    ]


def show(names: list[str]) -> dict[str, dict[str, str]]:
    """Properties of units by the name that was asked for."""
    blocks = parse_show(systemctl("show", f"--property={PROPERTIES}", *names))
    return dict(zip(names, blocks, strict=True))


def last_change(paths: list[str]) -> float:
    """Newest time of modification below these paths in seconds since the epoch; 0 where there is nothing."""
    return max((file.stat().st_mtime for path in paths for file in _files(Path(path))), default=0.0)


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (file for file in path.rglob("*") if file.is_file())
    elif path.exists():
        yield path


def read_files_at(entry: dict[str, Any], unit: dict[str, str]) -> float:
    """When the unit last read its files, in seconds since the epoch by today's clock (steps of the clock don't matter).

    That is when it began to start; a unit that reloads changes its state then and has no other time stamp for it.
    """
    stamp = "StateChangeTimestampMonotonic" if entry["reload"] else "InactiveExitTimestampMonotonic"
    return time.time() - (time.monotonic() - int(unit.get(stamp) or 0) / 1e6)


def is_enabled(unit: dict[str, str]) -> bool | None:
    """Whether it starts at boot; None where that is not a property of its own (static units, init scripts)."""
    state = unit.get("UnitFileState", "")
    if state in ("static", "indirect", "transient", "generated"):
        return None
    return state in ("enabled", "enabled-runtime", "alias", "linked")


def verb_for(entry: dict[str, Any], unit: dict[str, str], planned: Sequence[str] = ()) -> str | None:
    """What has to be asked of systemd to bring one unit to its stated state.

    Args:
        entry: the unit as stated.
        unit: as systemd sees it.
        planned: files that count as changed just now.
    """
    active = unit.get("ActiveState")
    wanted = entry["state"]
    if wanted == "stopped":
        return "stop" if active in (*RUNNING, "activating") else None
    if wanted != "started":
        return {"restarted": "restart", "reloaded": "reload-or-restart"}.get(wanted)
    outdated = bool(entry["watch"]) and read_files_at(entry, unit) < last_change(entry["watch"])
    outdated = outdated or any(Path(file).is_relative_to(path) for file in planned for path in entry["watch"])
    if active in RUNNING or (active == "activating" and unit.get("SubState") != "auto-restart"):
        if not outdated:
            return None
        return "reload-or-restart" if entry["reload"] else "restart"
    return "start"


def plan(
    entries: list[dict[str, Any]], units: dict[str, dict[str, str]], planned: Sequence[str] = ()
) -> dict[str, list[str]]:
    """Names of units by what has to be asked of systemd for them."""
    asked: dict[str, list[str]] = {}
    for entry in entries:
        name = entry["name"]
        unit = units[name]
        masked = unit.get("LoadState") == "masked" or unit.get("UnitFileState") == "masked"
        if entry["masked"] is not None and entry["masked"] != masked:
            asked.setdefault("mask" if entry["masked"] else "unmask", []).append(name)
        if entry["enabled"] is not None and is_enabled(unit) not in (entry["enabled"], None):
            asked.setdefault("enable" if entry["enabled"] else "disable", []).append(name)
        verb = verb_for(entry, unit, planned)
        if verb:
            asked.setdefault(verb, []).append(name)
    return asked


def accepts(listen: str) -> bool:
    """True if something accepts a connection there."""
    try:
        if listen.startswith("/"):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(2)
                sock.connect(listen)
        else:
            host, _, port = listen.rpartition(":")
            socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
    except OSError:
        return False
    return True


def tail(entry: dict[str, Any]) -> str:
    """The end of what a unit wrote."""
    journal = subprocess.run(
        ["journalctl", "--no-pager", "--output=cat", "--lines=25", f"--unit={entry['name']}"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    log = Path(entry["log"]) if entry["log"] else None
    if log and log.is_file():
        journal += f"\n{log}:\n" + "\n".join(log.read_text(errors="replace").splitlines()[-25:])
    return journal


def why_not_up(entry: dict[str, Any], unit: dict[str, str]) -> str | None:
    """None if a unit that should run does; else what is missing."""
    if unit.get("ActiveState") not in RUNNING:
        return f"{unit.get('ActiveState')} ({unit.get('SubState')})"
    if entry["listen"] and not accepts(entry["listen"]):
        return f"active, but nothing accepts connections at {entry['listen']}"
    return None


def is_hopeless(unit: dict[str, str], restarts_before: int) -> bool:
    """True if waiting longer won't help: failed for good, or it dies again and again."""
    return unit.get("ActiveState") == "failed" or int(unit.get("NRestarts") or 0) - restarts_before >= 3


def wait_until_up(entries: list[dict[str, Any]], timeout: float) -> None:
    """Wait for the units that should run.

    Raises:
        Failed: with the state and the journal of those that don't.
    """
    pending = [entry for entry in entries if entry["state"] not in (None, "stopped") and entry["wait"]]
    deadline = time.monotonic() + timeout
    restarts: dict[str, int] = {}
    pause = 0.05
    while pending:
        units = show([entry["name"] for entry in pending])
        missing = {entry["name"]: why_not_up(entry, units[entry["name"]]) for entry in pending}
        pending = [entry for entry in pending if missing[entry["name"]]]
        for entry in pending:
            restarts.setdefault(entry["name"], int(units[entry["name"]].get("NRestarts") or 0))
        hopeless = [entry for entry in pending if is_hopeless(units[entry["name"]], restarts[entry["name"]])]
        if hopeless or (pending and time.monotonic() > deadline):
            raise Failed("\n".join(f"{e['name']} is {missing[e['name']]}:\n{tail(e)}" for e in hopeless or pending))
        if pending:
            time.sleep(pause)
            pause = min(pause * 1.5, 0.5)


def carry_out(asked: dict[str, list[str]], entries: list[dict[str, Any]]) -> None:
    """Ask systemd; starts and restarts run side by side, and failures of starts show in the units themselves.

    Raises:
        Failed: a unit file could not be changed, or a unit could not be stopped, or did not take its files when asked
            to reload them (it runs on with what it had, so that its state does not tell).
    """
    for verb in ("unmask", "stop", "disable", "enable", "mask"):
        if asked.get(verb):
            systemctl(verb, *(["--quiet"] if verb == "stop" else ["--quiet", "--no-warn"]), *asked[verb])
    patient = {entry["name"] for entry in entries if entry["wait"]}
    running: list[tuple[str, subprocess.Popen[bytes]]] = []
    for verb in STARTING:
        for flag, names in (
            ("--no-block", [name for name in asked.get(verb, []) if name not in patient]),
            ("--quiet", [name for name in asked.get(verb, []) if name in patient]),
        ):
            if names:
                process = subprocess.Popen(["systemctl", verb, flag, *names], stderr=subprocess.DEVNULL)
                running.append((verb, process))
    failed = {verb for verb, process in running if process.wait()}
    if "reload-or-restart" in failed:
        raise Failed(why_not_reloaded([entry for entry in entries if entry["name"] in asked["reload-or-restart"]]))


def why_not_reloaded(entries: list[dict[str, Any]]) -> str:
    """What units wrote that refused to reload; their files count as changed again, so that the next run asks again."""
    for file in (file for entry in entries for path in entry["watch"] for file in _files(Path(path))):
        os.utime(file)
    return "\n".join(f"{entry['name']} did not reload:\n{tail(entry)}" for entry in entries)


def observe(entries: list[dict[str, Any]], *, may_reload: bool, always: bool) -> dict[str, dict[str, str]]:
    """Properties of all units, after systemd has read changed files again.

    Raises:
        Failed: a unit that should run does not exist.
    """
    names = [entry["name"] for entry in entries]
    units = show(names)
    unknown = [name for name, unit in units.items() if unit.get("LoadState") == "not-found"]
    stale = any(unit.get("NeedDaemonReload") == "yes" for unit in units.values())
    if may_reload and (always or stale or unknown):
        systemctl("daemon-reload")
        units = show(names)
        needed = {e["name"] for e in entries if e["state"] not in (None, "stopped") or e["enabled"]}
        unknown = [name for name in needed if units[name].get("LoadState") == "not-found"]
        if unknown:
            raise Failed(f"no such unit: {', '.join(sorted(unknown))}")
    return units


def main() -> None:
    """Entry point."""
    module = QuietModule(
        argument_spec={
            "units": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "state": {"type": "str", "choices": ["started", "stopped", "restarted", "reloaded"]},
                    "enabled": {"type": "bool"},
                    "masked": {"type": "bool"},
                    "watch": {"type": "list", "elements": "path", "default": []},
                    "reload": {"type": "bool", "default": False},
                    "wait": {"type": "bool", "default": True},
                    "listen": {"type": "str"},
                    "log": {"type": "path"},
                },
            },
            "timeout": {"type": "float", "default": 120.0},
            "daemon_reload": {"type": "bool", "default": False},
            "settled": {"type": "bool", "default": False},
            "planned": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    entries = [{**entry, "name": full_name(entry["name"])} for entry in module.params["units"]]
    changes: list[str] = []
    if not entries:
        module.exit_json(changed=False, changes=changes)
    try:
        units = observe(entries, may_reload=not module.check_mode, always=module.params["daemon_reload"])
        asked = plan(entries, units, module.params["planned"])
        changes = [f"{verb} {name}" for verb, names in asked.items() for name in names]
        if not module.check_mode:
            if module.params["settled"] and asked.get("restart"):
                raise Failed(f"{RESTARTS}{', '.join(asked['restart'])}")
            carry_out(asked, entries)
            wait_until_up(entries, module.params["timeout"])
    except Failed as error:
        module.fail_json(msg=str(error), changes=changes)
    after = "".join(f"{one}\n" for one in changes)
    diff = {"diff": {"before": "", "after": after}} if module._diff else {}  # noqa: SLF001 (Ansible has no other name)
    module.exit_json(changed=bool(changes), changes=changes, **diff)


if __name__ == "__main__":
    main()
