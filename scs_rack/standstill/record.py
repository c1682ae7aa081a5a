"""What has to be known of a rack that stands still until it runs again: a file in the rack's state.

Written before each act that it tells of: whatever kills us, `start` undoes what we did, and nothing that others did.
"""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from scs_rack.errors import UsageError
from scs_rack.files import write_file

FILE = "standstill.json"


@dataclass(frozen=True)
class Guest:
    """A guest that ran."""

    id: str
    name: str
    host: str

    def __str__(self) -> str:
        return f"{self.name} on {self.host}"


@dataclass(frozen=True)
class Record:
    """What `stop` did so far."""

    since: float = 0.0
    """Unix time."""
    guests: tuple[Guest, ...] = ()
    """Those that `start` starts again."""
    computes: tuple[str, ...] = ()
    """Hosts on which nova-compute was disabled by us."""
    units: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Units of systemd that were stopped, by host."""
    flags: tuple[str, ...] = ()
    """Flags of Ceph that were set by us."""
    done: tuple[str, ...] = ()
    """Stages of `stop` that got to their end, and of `start` as `start NAME`."""


def read(state_dir: Path) -> Record | None:
    """The record; None for a rack that was not stopped.

    Raises:
        UsageError: the file can't be read: guests would be forgotten.
    """
    path = state_dir / FILE
    if not path.is_file():
        return None
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Record(
            float(data["since"]),
            tuple(Guest(**one) for one in data["guests"]),
            tuple(data["computes"]),
            {host: tuple(units) for host, units in data["units"].items()},
            tuple(data["flags"]),
            tuple(data["done"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} can't be read: {error}",
            "it names the guests to start again; mend it, or move it away and start them by hand",
        ) from error


def begin(state_dir: Path) -> Record:
    """The record, made when there is none."""
    return read(state_dir) or _keep(state_dir, Record(since=time.time()))


def note(state_dir: Path, **what: Any) -> Record:
    """Change some fields."""
    return _keep(state_dir, replace(begin(state_dir), **what))


def add_guests(state_dir: Path, guests: Iterable[Guest]) -> Record:
    """Remember guests, beside those that are remembered already."""
    known = {one.id: one for one in (*begin(state_dir).guests, *guests)}
    return note(state_dir, guests=tuple(known.values()))


def add(state_dir: Path, name: str, values: Iterable[str]) -> Record:
    """Add to a field that is a row of names."""
    have = getattr(begin(state_dir), name)
    return note(state_dir, **{name: tuple(dict.fromkeys((*have, *values)))})


def forget(state_dir: Path) -> None:
    """The rack runs again."""
    (state_dir / FILE).unlink(missing_ok=True)


def _keep(state_dir: Path, record: Record) -> Record:
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_file(state_dir / FILE, json.dumps(asdict(record), indent=1) + "\n")
    return record
