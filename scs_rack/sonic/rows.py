"""The form of CONFIG_DB as in config_db.json."""

from collections.abc import Mapping
from typing import Any

Row = dict[str, Any]
Tables = dict[str, dict[str, Row]]
"""Table → key → fields; values are strings or lists of strings."""


def strings(row: Mapping[str, Any]) -> Row:
    """A row with its numbers as strings, as CONFIG_DB has them."""
    return {name: value if isinstance(value, (str, list)) else str(value) for name, value in row.items()}


def stored(tables: Tables) -> Tables:
    """Tables as a switch keeps them: one without rows is none, and SONiC refuses a file with it."""
    return {table: rows for table, rows in tables.items() if rows}
