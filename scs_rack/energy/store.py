"""Samples of a rack, kept in its state folder (SQLite, write-ahead log), so that several may read while one writes."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from scs_rack.energy.readings import Kind, Reading
from scs_rack.errors import UsageError

FILE = "energy.sqlite"
KEPT_S = 400 * 86400.0
"""Older samples than this many seconds are removed."""
_TABLE = """
create table if not exists samples (
  time real not null, device text not null, kind text not null, watts real not null, measured integer not null,
  primary key (device, time)
) without rowid
"""


@dataclass(frozen=True)
class Sample:
    """What a device drew at a moment."""

    time: float
    """Seconds since 1970, UTC."""
    device: str
    kind: Kind
    watts: float
    measured: bool


@contextmanager
def _open(state_dir: Path) -> Iterator[sqlite3.Connection]:
    path = state_dir / FILE
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=30)) as base:
            base.execute("pragma journal_mode=wal")
            base.execute(_TABLE)
            yield base
    except (sqlite3.Error, OSError) as error:
        raise UsageError(f"{path} can't be used: {error}", "free the disk, or move the file away") from error


def keep(state_dir: Path, time: float, readings: Iterable[Reading]) -> int:
    """Keep the readings of a moment that have a figure; returns how many.

    Args:
        state_dir: of the rack.
        time: seconds since 1970, UTC.
        readings: of that moment.

    Raises:
        UsageError: the file can't be written.
    """
    rows = [(time, one.device, one.kind, one.watts, one.measured) for one in readings if one.watts is not None]
    with _open(state_dir) as base, base:
        base.executemany("insert or replace into samples values (?, ?, ?, ?, ?)", rows)
        base.execute("delete from samples where time < ?", (time - KEPT_S,))
    return len(rows)


def samples(state_dir: Path, since: float, until: float) -> list[Sample]:
    """Samples of a span of time, by device and time; empty where none were ever taken.

    Raises:
        UsageError: the file can't be read.
    """
    if not (state_dir / FILE).is_file():
        return []
    query = "select time, device, kind, watts, measured from samples where time between ? and ? order by device, time"
    with _open(state_dir) as base:
        return [
            Sample(time, device, kind, watts, bool(measured))
            for time, device, kind, watts, measured in base.execute(query, (since, until))
        ]
