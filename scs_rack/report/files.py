"""All that is derived from a rack, as files: made in memory, then put into a folder without harm to others."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scs_rack.design.inventory import inventory
from scs_rack.design.tables import addresses_csv, cables_csv
from scs_rack.design.types import Design
from scs_rack.errors import UsageError
from scs_rack.files import write_file
from scs_rack.report.elevation import elevation

INVENTORY = "inventory.json"


@dataclass(frozen=True)
class Written:
    """What writing files did to a folder; names are relative to it."""

    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]


def _json(data: Any) -> str:
    return json.dumps(data, indent=2, sort_keys=True) + "\n"


SWITCH_FILES = ("config_db.json", "frr.conf", "host.sh")
"""Files that a switch may have."""


def _switch_files(design: Design, name: str) -> dict[str, str]:
    """Files of a switch: secrets are named in them, not told, so that anybody may read them."""
    from scs_rack.sonic.generate import config_db
    from scs_rack.sonic.host import files
    from scs_rack.sonic.rows import stored

    found = {"config_db.json": _json(stored(config_db(design, name))), **files(design, name)}
    return {f"switches/{name}/{file}": text for file, text in found.items()}


def rendered(design: Design) -> dict[str, str]:
    """Name and content of every file; the same rack gives the same bytes."""
    found = {
        INVENTORY: _json(inventory(design)),
        "cables.csv": cables_csv(design),
        "addresses.csv": addresses_csv(design),
        "rack.svg": elevation(design),
    }
    for name in design.switches:
        found |= _switch_files(design, name)
    return found


def _own(folder: Path, rack: str) -> set[str]:
    """Switch files that an earlier call wrote for the same rack.

    Raises:
        UsageError: the folder holds files of that name that are not this rack's.
    """
    hint = "name a folder of its own for each rack"
    present = [name for name in (INVENTORY, "cables.csv", "addresses.csv", "rack.svg") if (folder / name).exists()]
    present += ["switches"] if (folder / "switches").exists() else []
    if not present:
        return set()
    try:
        before = json.loads((folder / INVENTORY).read_text(encoding="utf-8"))
        owner = before["all"]["vars"]["rack"]["name"]
        switches = before["switches"]["hosts"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"{folder} holds {present[0]}, which is not of scs-rack", hint) from None
    if owner != rack:
        raise UsageError(f"{folder} holds the files of rack {owner}", hint)
    names = [name for name in switches if isinstance(name, str) and "/" not in name and name != ".."]
    return {f"switches/{name}/{file}" for name in names for file in SWITCH_FILES}


def _replace(path: Path, content: str) -> bool:
    """Write a file at once or not at all; False when it had that content."""
    data = content.encode()
    if path.is_file() and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, data, 0o644)
    return True


def write_files(folder: Path, rack: str, files: dict[str, str]) -> Written:
    """Put the files of a rack into a folder: replace its own, remove those of switches that are gone.

    Files that are not of scs-rack stay as they are.

    Raises:
        UsageError: the folder holds files of the same names that are not this rack's, or can't be written.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder", "name a folder with -o")
    stale = _own(folder, rack) - set(files)
    try:
        changed = [name for name, content in files.items() if _replace(folder / name, content)]
        removed = [name for name in sorted(stale) if (folder / name).exists()]
        for name in removed:
            (folder / name).unlink()
            if not any((folder / name).parent.iterdir()):
                (folder / name).parent.rmdir()
    except OSError as error:
        raise UsageError(f"can't write {error.filename or folder}: {error.strerror}", "name another folder") from error
    return Written(tuple(changed), tuple(name for name in files if name not in changed), tuple(removed))
