"""What happened in a run, event by event as it happens, in an SQLite file that survives whatever kills us."""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from scs_rack.engine.redact import Redactor
from scs_rack.results import Finding, Result

FILE = "journal.db"

Kind = Literal["run-started", "stage-started", "result", "gate-started", "stage-ended", "run-ended", "note"]
State = Literal["passed", "verified", "failed", "blocked", "interrupted"]
"""How a stage ended. `verified`: was done already, and its gate passed again."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
  id INTEGER PRIMARY KEY,
  time REAL NOT NULL,
  kind TEXT NOT NULL,
  stage TEXT NOT NULL,
  body TEXT NOT NULL
) STRICT
"""


@dataclass(frozen=True)
class Entry:
    """One event."""

    time: float
    """Unix time."""
    kind: Kind
    stage: str
    body: dict[str, Any]


class Journal:
    """Writes the events of a run; usable from any thread."""

    def __init__(self, run_dir: Path, redactor: Redactor | None = None) -> None:
        self._redactor = redactor or Redactor({})
        self._lock = threading.Lock()
        self._database = sqlite3.connect(run_dir / FILE, check_same_thread=False, isolation_level=None)
        (run_dir / FILE).chmod(0o600)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.execute(_SCHEMA)

    def write(self, kind: Kind, stage: str = "", **body: Any) -> None:
        """Add an event, without secrets."""
        text = self._redactor.text(json.dumps(body))
        with self._lock:
            self._database.execute(
                "INSERT INTO events (time, kind, stage, body) VALUES (?, ?, ?, ?)", (time.time(), kind, stage, text)
            )

    def close(self) -> None:
        """Close the file; the journal can't be written afterwards."""
        with self._lock:
            self._database.close()


def read(run_dir: Path) -> list[Entry]:
    """All events of a run, also of one that is going on; empty when there is no journal."""
    return [entry for _, entry in since(run_dir, 0)]


def since(run_dir: Path, last: int) -> list[tuple[int, Entry]]:
    """Events of a run after the one with a certain number, each with its number (they begin at 1)."""
    path = run_dir / FILE
    if not path.is_file():
        return []
    try:
        return list(_rows(path, last))
    except sqlite3.OperationalError:  # made a moment ago: no table yet
        return []


def _rows(path: Path, last: int) -> Iterator[tuple[int, Entry]]:
    wanted = "SELECT id, time, kind, stage, body FROM events WHERE id > ? ORDER BY id"
    with closing(sqlite3.connect(path)) as database:
        for number, when, kind, stage, body in database.execute(wanted, (last,)):
            yield number, Entry(when, kind, stage, json.loads(body))


def result_body(result: Result) -> dict[str, Any]:
    """A result as the body of an event."""
    return asdict(result)


def result_of(body: dict[str, Any]) -> Result:
    """A result from the body of an event."""
    return Result(**{**body, "findings": tuple(finding_of(one) for one in body.get("findings", ()))})


def finding_of(body: dict[str, Any]) -> Finding:
    """A finding from its stored form."""
    return Finding(**body)
