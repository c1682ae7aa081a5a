"""What the manager knows of installations: one small file for each server in the rack's state."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from scs_rack.files import write_file


@dataclass(frozen=True)
class Record:
    """One server."""

    server: str
    state: Literal["called", "installing", "installed"]
    """`called`: it was switched on by us to boot from the network, and nothing was written."""
    image: str
    """Digest of the artefact."""
    root_uuid: str
    way: str = ""
    """How it was booted from the network."""
    installed: str = ""
    """When it was done (ISO 8601)."""
    boot_order: str = ""
    """What firmware booted from, right after it was done; empty where it does not tell."""


def path(state_dir: Path, server: str) -> Path:
    """File of a server."""
    return state_dir / "provision" / f"{server}.json"


def read(state_dir: Path, server: str) -> Record | None:
    """What is known of a server; None when nothing is."""
    try:
        return Record(**json.loads(path(state_dir, server).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def write(state_dir: Path, record: Record) -> None:
    """Remember a server."""
    where = path(state_dir, record.server)
    where.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_file(where, json.dumps(asdict(record), indent=1) + "\n", 0o600)


def installed(state_dir: Path, server: str) -> bool:
    """True once a server was seen to run from its own disk."""
    record = read(state_dir, server)
    return record is not None and record.state == "installed"
