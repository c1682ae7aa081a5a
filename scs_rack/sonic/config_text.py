"""The text of a CONFIG_DB file: what it says, on which line, and what it says twice."""

import json
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scs_rack.errors import UsageError
from scs_rack.sonic.fault import Fault

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]', re.DOTALL)
_DEEP = 3
"""Table, key, field: what lies deeper has the line of its field."""


class Unreadable(UsageError):
    """A file is no CONFIG_DB: it can't be read, or is no JSON object of tables."""


@dataclass
class ConfigText:
    """A CONFIG_DB file."""

    name: str
    """As its reader calls it."""
    tables: dict[str, Any]
    lines: dict[tuple[str, ...], int] = field(default_factory=dict)
    """Line of each table, key and field, from 1."""
    repeated: list[Fault] = field(default_factory=list)
    """What stands twice; JSON's readers take the last one without a word."""

    def line(self, fault: Fault) -> int | None:
        """Line of what a fault is about, or of what it should stand in."""
        path = [part for part in (fault.table, fault.key, fault.field) if part]
        while path:
            if tuple(path) in self.lines:
                return self.lines[tuple(path)]
            path.pop()
        return None


def read_config(path: Path, name: str | None = None) -> ConfigText:
    """Read a file.

    Raises:
        Unreadable: as `parse_config`, or it can't be opened.
    """
    try:
        return parse_config(path.read_text(encoding="utf-8-sig"), name or str(path))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "no UTF-8 text"
        raise Unreadable(f"{name or path}: {why}") from error


def parse_config(text: str, name: str) -> ConfigText:
    """Read the text of a config_db.json.

    Raises:
        Unreadable: it is no JSON, or no object of tables.
    """
    try:
        tables = json.loads(text)
    except json.JSONDecodeError as error:
        raise Unreadable(f"{name}:{error.lineno}: no JSON: {error.msg} (column {error.colno})") from error
    except RecursionError as error:
        raise Unreadable(f"{name}: no CONFIG_DB: it is nested too deep") from error
    if not isinstance(tables, dict):
        raise Unreadable(f"{name}: no CONFIG_DB", "the file must hold an object of tables")
    found = ConfigText(name, tables)
    _locate(text, found)
    return found


def _locate(text: str, found: ConfigText) -> None:
    """Note the line of each key of the three outer levels, and which stands twice."""
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    keys: list[str | None] = []  # of each object or list that is open; None where no key was read yet
    objects: list[bool] = []
    expects_key = False
    for token in _TOKEN.finditer(text):
        word = token[0]
        if word in "{[":
            objects.append(word == "{")
            keys.append(None)
            expects_key = word == "{"
        elif word in "}]":
            objects.pop()
            keys.pop()
            expects_key = False
        elif word == ",":
            expects_key = objects[-1]
        elif word != ":" and expects_key:
            keys[-1] = json.loads(word, strict=False)
            expects_key = False
            if len(keys) <= _DEEP and all(objects):
                _note(tuple(key for key in keys if key is not None), bisect_right(starts, token.start()), found)


def _note(path: tuple[Any, ...], line: int, found: ConfigText) -> None:
    earlier = found.lines.get(path)
    if earlier is not None:
        if any((one.table, one.key) == path[:2] or (one.table, one.key) == (path[0], "") for one in found.repeated):
            return  # the whole row or table stands twice
        table, key, name = (*path, "", "")[:3]
        message = f"stands twice, in line {earlier} and in line {line}: the first one is lost"
        found.repeated.append(Fault(message, table, key, name, "keep one", "file"))
    found.lines[path] = line
