"""Backups of running configurations, kept in the rack's state: one folder a time, one file a switch.

A file is a config_db.json as SONiC loads it; beside it lies the frr.conf of switches that keep one. They hold secrets
(TACACS keys, SNMP), so nobody else may read them.
"""

import json
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scs_rack.errors import UsageError
from scs_rack.files import write_file
from scs_rack.sonic.apply import SAVED
from scs_rack.sonic.checks import load_tables
from scs_rack.sonic.frr_push import running_frr
from scs_rack.sonic.plan import read
from scs_rack.sonic.rows import Tables
from scs_rack.sonic.transport import Switch, SwitchRefused

FOLDER = "backups"
AUTOMATIC = "-before"
"""End of the name of a backup that was made because something was about to be changed."""
KEPT = 50
"""Automatic backups that are kept."""
CHECKPOINTS = "/etc/sonic/checkpoints"


@dataclass(frozen=True)
class Backup:
    """What was kept at one time."""

    name: str
    switches: tuple[str, ...]
    folder: Path


@dataclass(frozen=True)
class Kept:
    """A configuration to go back to."""

    tables: Tables
    frr: str | None = None


def stamp(at: float | None = None, *, automatic: bool = False) -> str:
    """Name of a backup: local time, to sort by."""
    moment = time.time() if at is None else at
    return time.strftime("%Y%m%d-%H%M%S", time.localtime(moment)) + (AUTOMATIC if automatic else "")


def keep(folder: Path, name: str, found: Kept) -> Path:
    """Write what a switch runs into a folder; returns the file."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    write_file(path, json.dumps(found.tables, indent=4, sort_keys=True) + "\n")
    if found.frr is not None:
        write_file(folder / f"{name}.frr.conf", found.frr)
    return path


def take(switch: Switch) -> Kept:
    """What a switch runs.

    Raises:
        SwitchUnreachable, SwitchRefused: it can't be read.
    """
    tables = read(switch)
    mode = tables.get("DEVICE_METADATA", {}).get("localhost", {}).get("docker_routing_config_mode", "")
    return Kept(tables, running_frr(switch) if mode.startswith("split") else None)


def backups(state_dir: Path) -> list[Backup]:
    """All backups of a rack, oldest first."""
    root = state_dir / FOLDER
    return [
        Backup(folder.name, tuple(sorted(path.stem for path in folder.glob("*.json"))), folder)
        for folder in sorted(root.iterdir() if root.is_dir() else [])
        if folder.is_dir()
    ]


def prune(state_dir: Path) -> None:
    """Remove the oldest automatic backups."""
    automatic = [one for one in backups(state_dir) if one.name.endswith(AUTOMATIC)]
    for one in automatic[:-KEPT]:
        shutil.rmtree(one.folder)


def load(folder: Path, name: str) -> Kept:
    """Read the backup of a switch.

    Raises:
        UsageError: it is not there, or is no CONFIG_DB.
    """
    path, frr = folder / f"{name}.json", folder / f"{name}.frr.conf"
    try:
        tables = load_tables(path.read_text(encoding="utf-8"))
        return Kept(tables, frr.read_text(encoding="utf-8") if frr.is_file() else None)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} can't be used: {error}") from error


def find(switch: Switch, name: str | None) -> Kept:
    """A backup by name, the switch's saved file (`saved`), or a checkpoint on the switch; the last backup for None.

    Raises:
        UsageError: there is no such thing.
        SwitchUnreachable, SwitchRefused: the switch can't be asked.
    """
    mine = [one for one in backups(switch.ctx.state_dir) if switch.name in one.switches]
    if name is None:
        if not mine:
            raise UsageError(f"there is no backup of {switch.name}", "`scs-rack switch backup` makes one")
        return load(mine[-1].folder, switch.name)
    for one in mine:
        if one.name == name:
            return load(one.folder, switch.name)
    path = SAVED if name == "saved" else f"{CHECKPOINTS}/{name}.cp.json"
    if "/" in name or not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise UsageError(f"{name} is no name of a backup", _hint(mine))
    reply = switch.run(f"sudo cat {path}")
    if reply.code:
        raise UsageError(f"{switch.name} has neither a backup nor a checkpoint {name}", _hint(mine))
    try:
        return Kept(load_tables(reply.out))
    except ValueError as error:
        raise SwitchRefused(f"{switch.name}: {path} is no CONFIG_DB: {error}") from error


def _hint(known: Iterable[Backup]) -> str:
    names = [one.name for one in known][-3:]
    return f"the latest backups are {', '.join(names)}" if names else "`scs-rack switch backup --list` names all"
