"""What differs between a running CONFIG_DB and the wanted tables, and who owns which table.

Tables that are ours are rebuilt from nothing; of shared ones only the fields are ours that we write; all others are
passed through untouched.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scs_rack.sonic.routing import BGP_TABLES
from scs_rack.sonic.rows import Row, Tables

OWNED = BGP_TABLES | {
    "BGP_NEIGHBOR_AF",
    "DEVICE_NEIGHBOR",
    "DEVICE_NEIGHBOR_METADATA",
    "INTERFACE",
    "PORT",
    "VLAN",
    "VLAN_INTERFACE",
    "VLAN_MEMBER",
}
"""Tables that are ours on every switch: what we don't generate does not stay."""
OWNED_WHERE_WANTED = frozenset({"LOOPBACK_INTERFACE", "MGMT_INTERFACE", "MGMT_PORT"})
"""Tables that are ours on switches for which we generate them (an out-of-band switch has an SVI, but may have eth0)."""
SHARED_ROWS = frozenset({"DEVICE_METADATA", "STATIC_ROUTE"})
"""Tables with rows of others: only the rows, and in them only the fields, are ours that we write."""
SHARED_FIELDS = frozenset({"PORT", "DEVICE_METADATA"})
"""Tables whose rows hold fields of the platform that we leave alone."""
PORT_FIELDS = frozenset({"admin_status", "alias", "autoneg", "description", "fec", "index", "lanes", "mtu", "speed"})
"""Fields of PORT that are ours even where we don't write them."""
DEVICE_FIELDS = frozenset({"mac", "platform"})
"""Fields of DEVICE_METADATA that the switch knows better: taken over only where it states none."""


@dataclass(frozen=True)
class RowChange:
    """One row that is to be added (`before` is None), removed (`after` is None) or changed."""

    table: str
    key: str
    before: Row | None
    after: Row | None

    def only(self, table: str, fields: frozenset[str]) -> bool:
        """True if nothing changes but these fields of a row of a table."""
        if self.table != table or self.before is None or self.after is None:
            return False
        names = self.before.keys() | self.after.keys()
        return all(name in fields or self.before.get(name) == self.after.get(name) for name in names)

    @property
    def text(self) -> str:
        """One line for people."""
        name = f"{self.table}|{self.key}"
        if self.before is None:
            return f"+ {name} {_fields(self.after or {})}".rstrip()
        if self.after is None:
            return f"- {name} {_fields(self.before)}".rstrip()
        parts = []
        for field in sorted(self.before.keys() | self.after.keys()):
            old, new = self.before.get(field), self.after.get(field)
            if old != new:
                parts.append(f"{field}: {_value(old)} → {_value(new)}")
        return f"~ {name} {', '.join(parts)}"


def _value(value: Any) -> str:
    if value is None:
        return "(none)"
    return ",".join(value) if isinstance(value, list) else str(value)


def _fields(row: Row) -> str:
    return " ".join(f"{name}={_value(value)}" for name, value in sorted(row.items()))


def _owned(table: str, wanted: Mapping[str, Any]) -> bool:
    return table in OWNED or (table in OWNED_WHERE_WANTED and table in wanted)


def _row(table: str, running: Row, wanted: Row) -> Row:
    """A row as it shall be, with what the switch knows itself."""
    if table not in SHARED_FIELDS:
        return wanted
    ours = PORT_FIELDS if table == "PORT" else frozenset()
    foreign = {name: value for name, value in running.items() if name not in ours}
    stays = DEVICE_FIELDS if table == "DEVICE_METADATA" else frozenset()
    return {**foreign, **{name: value for name, value in wanted.items() if not (name in stays and name in running)}}


def target(running: Tables, wanted: Tables) -> Tables:
    """The whole CONFIG_DB that a switch shall have: wanted tables, and what is not ours as it runs."""
    result: Tables = {}
    for table in sorted(running.keys() | wanted.keys()):
        have, want = running.get(table, {}), wanted.get(table, {})
        rows = {} if _owned(table, wanted) else dict(have)
        rows |= {key: _row(table, have.get(key, {}), row) for key, row in want.items()}
        if rows:
            result[table] = rows
    return result


def compare(running: Tables, goal: Tables) -> list[RowChange]:
    """Rows that differ, in the order of the tables."""
    changes = []
    for table in sorted(running.keys() | goal.keys()):
        have, want = running.get(table, {}), goal.get(table, {})
        for key in sorted(have.keys() | want.keys(), key=natural):
            before, after = have.get(key), want.get(key)
            if before != after:
                changes.append(RowChange(table, key, before, after))
    return changes


def natural(key: str) -> list[tuple[int, int | str]]:
    """Sort key that puts Ethernet4 before Ethernet16."""
    parts: list[tuple[int, int | str]] = []
    digits = ""
    for letter in [*key, ""]:
        if letter.isdigit() and letter.isascii():
            digits += letter
            continue
        if digits:
            parts.append((0, int(digits)))
            digits = ""
        parts.append((1, letter))
    return parts


def summary(changes: Iterable[RowChange]) -> str:
    """How many rows are added, removed and changed, in words."""
    rows = list(changes)
    added = sum(change.before is None for change in rows)
    removed = sum(change.after is None for change in rows)
    return f"{added} rows added, {removed} removed, {len(rows) - added - removed} changed"


def diff(changes: Iterable[RowChange]) -> str:
    """All changes as text, one line a row."""
    return "\n".join(change.text for change in changes)
