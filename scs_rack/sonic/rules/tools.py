"""What all rules need: rows that are surely rows, and what is used more than once."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from scs_rack.sonic.fault import Fault, TablesLike

INTERFACES = ("INTERFACE", "PORTCHANNEL_INTERFACE", "VLAN_INTERFACE", "LOOPBACK_INTERFACE")
"""Tables of routed interfaces: a row for each, and one for each of its addresses."""


def rows(tables: TablesLike, table: str) -> Mapping[str, Mapping[str, Any]]:
    """Rows of a table, by key."""
    return tables.get(table, {})


def text(row: Mapping[str, Any], field: str) -> str:
    """A field as text; empty when it is not there."""
    value = row.get(field)
    if value is None:
        return ""
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def number(row: Mapping[str, Any], field: str) -> int | None:
    """A field as a number; None when it is not there or no number (the models tell that)."""
    value = text(row, field)
    return int(value) if value.isascii() and value.isdigit() else None


def items(row: Mapping[str, Any], field: str) -> list[str]:
    """A field with several values: a list, or a text with commas."""
    value = row.get(field)
    parts = value if isinstance(value, list) else text(row, field).split(",")
    return [str(part).strip() for part in parts if str(part).strip()]


def repeated(
    users: Mapping[str, Iterable[str]], what: str, table: str, *, field: str = "", hint: str = ""
) -> Iterator[Fault]:
    """A fault for each value that more than one row uses; it stands at the last one's row."""
    for value, names in sorted(users.items()):
        found = list(names)
        if len(found) > 1:
            yield Fault(f"{what} {value} is used by {', '.join(found)}", table, found[-1], field, hint)
