"""Overlays: what an operator wants on a switch beside what follows from the rack file.

`switches/<name>.yml` beside the rack file holds tables, rows and fields as CONFIG_DB has them. Values stay text.
`switches/<name>.frr.conf` holds lines of FRR, for releases that keep routing in a file of its own.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scs_rack.errors import UsageError
from scs_rack.model.fault import Fault, Problem
from scs_rack.model.source import Source, read_source

FOLDER = "switches"
"""Folder beside the rack file."""
FRR = ".frr.conf"
_TABLE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Overlay:
    """The overlay of one switch."""

    source: Source
    tables: Mapping[str, Mapping[str, Mapping[str, str | list[str]]]]
    """Table → key → fields. A table without rows shall be empty on the switch."""
    frr: str = ""
    """Lines of FRR that come after those of the rack file."""
    frr_source: Source | None = None
    """Where these lines stand."""


def read_overlays(folder: Path, switches: Iterable[str]) -> tuple[dict[str, Overlay], list[Fault]]:
    """Overlays of a rack by switch, and what is wrong with them.

    Args:
        folder: the folder of the rack file.
        switches: names of the rack's switches.

    Raises:
        UsageError: a file can't be read.
    """
    known = sorted(switches)
    overlays: dict[str, Overlay] = {}
    faults: list[Fault] = []
    for path in sorted((folder / FOLDER).glob("*.y*ml")):
        source = read_source(path)
        faults += source.faults
        problems = [*_name_problems(path, path.stem, ".yml", known), *_problems(source.data)]
        faults += [source.fault("overlay", problem) for problem in problems]
        if not problems and not source.faults and source.data is not None:
            overlays[path.stem] = Overlay(source, _rows(source.data))
    for path in sorted((folder / FOLDER).glob("*.frr.conf")):
        name, source = path.name.removesuffix(FRR), Source(str(path))
        problems = [*_name_problems(path, name, FRR, known)]
        faults += [source.fault("overlay", problem) for problem in problems]
        overlays[name] = replace(overlays.get(name) or Overlay(source, {}), frr=_text(path), frr_source=source)
    return overlays, faults


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"can't read {path}: {error}") from error


def _name_problems(path: Path, name: str, ending: str, known: list[str]) -> Iterator[Problem]:
    if not path.name.endswith(ending):
        yield Problem((), f"the name of an overlay ends in {ending}", f"call it {name}{ending}", path.name)
    elif name not in known:
        from difflib import get_close_matches

        close = get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}{ending}?" if close else f"there are {', '.join(known)}"
        yield Problem((), "the rack has no switch of this name", hint, path.name)


def _problems(data: Any) -> Iterator[Problem]:
    if data is None:
        return
    if not isinstance(data, dict):
        yield Problem((), "not a mapping of tables", "write TABLE: {KEY: {FIELD: VALUE}}", "")
        return
    for table, rows in data.items():
        if not _TABLE.fullmatch(table):
            yield Problem((table,), "not the name of a table", "tables of CONFIG_DB are called like VLAN_MEMBER", "")
        elif rows is not None and not isinstance(rows, dict):
            yield Problem((table,), "not a mapping of rows", "write KEY: {FIELD: VALUE} below it")
        else:
            for key, row in (rows or {}).items():
                yield from _row_problems(table, key, row)


def _row_problems(table: str, key: str, row: Any) -> Iterator[Problem]:
    if row is not None and not isinstance(row, dict):
        yield Problem((table, key), "not a mapping of fields", "write FIELD: VALUE below it, or {} for a bare row")
        return
    for name, value in (row or {}).items():
        if value is None:
            yield Problem(
                (table, key, name), "no value is stated", "write '' for an empty text, [] for an empty list", ""
            )
        elif isinstance(value, dict) or (isinstance(value, list) and not all(isinstance(item, str) for item in value)):
            yield Problem((table, key, name), "not a text or a list of texts", "CONFIG_DB nests no deeper", "")


def _rows(data: Any) -> dict[str, dict[str, dict[str, str | list[str]]]]:
    return {table: {key: dict(row or {}) for key, row in (rows or {}).items()} for table, rows in data.items()}
