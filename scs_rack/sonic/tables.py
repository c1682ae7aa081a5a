"""What differs between a running CONFIG_DB and the wanted tables, and who owns which table.

Each table of a switch has one owner:

- the rack file: tables that scs-rack generates are rebuilt from nothing;
- the overlay: tables that only the overlay names are rebuilt from it;
- shared: of tables that SONiC fills itself only the rows and fields are ours that rack file or overlay state;
- the switch: all others are passed through untouched.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from scs_rack.sonic.routing import BGP_TABLES
from scs_rack.sonic.rows import Row, Tables
from scs_rack.sonic.secrets import SECRET_FIELDS, SECRET_KEYS

OWNED = BGP_TABLES | {
    "BGP_NEIGHBOR_AF",
    "DEVICE_NEIGHBOR",
    "DEVICE_NEIGHBOR_METADATA",
    "EVPN_ETHERNET_SEGMENT",
    "INTERFACE",
    "MCLAG_DOMAIN",
    "MCLAG_INTERFACE",
    "PORT",
    "PORTCHANNEL",
    "PORTCHANNEL_INTERFACE",
    "PORTCHANNEL_MEMBER",
    "VLAN",
    "VLAN_INTERFACE",
    "VLAN_MEMBER",
    "VRF",
    "VXLAN_EVPN_NVO",
    "VXLAN_TUNNEL",
    "VXLAN_TUNNEL_MAP",
}
"""Tables that are ours on every switch: what we don't want does not stay. All others are ours where we want any."""
SHARED_FIELDS = frozenset(
    {
        "AUTO_TECHSUPPORT",
        "AUTO_TECHSUPPORT_FEATURE",
        "BGP_DEVICE_GLOBAL",
        "BUFFER_PG",
        "BUFFER_POOL",
        "BUFFER_PROFILE",
        "BUFFER_QUEUE",
        "CABLE_LENGTH",
        "CRM",
        "DEVICE_METADATA",
        "FEATURE",
        "FLEX_COUNTER_TABLE",
        "KDUMP",
        "LOGGER",
        "MEMORY_STATISTICS",
        "NTP",
        "PASSW_HARDENING",
        "SSH_SERVER",
        "SYSLOG_CONFIG",
        "SYSLOG_CONFIG_FEATURE",
        "SYSTEM_DEFAULTS",
        "VERSIONS",
    }
)
"""Tables that SONiC fills itself: only the rows, and in them only the fields, are ours that we write."""
SHARED_ROWS = SHARED_FIELDS | {"AAA", "STATIC_ROUTE"}
"""Tables with rows of others: only the rows are ours that we write."""
PORT_FIELDS = frozenset({"admin_status", "alias", "autoneg", "description", "fec", "index", "lanes", "mtu", "speed"})
"""Fields of PORT that are ours even where we don't write them; others of its fields are the platform's."""
DEVICE_FIELDS = frozenset({"mac", "platform"})
"""Fields of DEVICE_METADATA that the switch knows better: taken over only where it states none."""
HIDDEN = "(secret)"


class Owner(StrEnum):
    """Who decides what a table holds."""

    RACK = "rack file"
    OVERLAY = "overlay"
    SHARED = "shared"
    SWITCH = "switch"


def owner(table: str, generated: Collection[str], overlay: Collection[str] = ()) -> Owner:
    """Who owns a table on a switch.

    Args:
        table: its name.
        generated: names of the tables that follow from the rack file for the switch.
        overlay: names of the tables that its overlay states.
    """
    if table in SHARED_ROWS:
        return Owner.SHARED if table in generated or table in overlay else Owner.SWITCH
    if table in OWNED or table in generated:
        return Owner.RACK
    return Owner.OVERLAY if table in overlay else Owner.SWITCH


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
    def shown(self) -> "RowChange":
        """The same change without its secrets; that a secret changes can still be seen."""
        before, after = hidden(self.table, self.before), hidden(self.table, self.after)
        if before is not None and before == after and self.before != self.after and after is not None:
            after = {name: f"(another {value[1:]}" if value == HIDDEN else value for name, value in after.items()}
        return replace(self, key=HIDDEN if self.table in SECRET_KEYS else self.key, before=before, after=after)

    @property
    def text(self) -> str:
        """One line for people, without secrets."""
        return _text(self.shown)


def hidden(table: str, row: Row | None) -> Row | None:
    """A row without its secrets."""
    if row is None or not any(_secret(table, name) for name in row):
        return row
    return {name: HIDDEN if _secret(table, name) else value for name, value in row.items()}


def masked(tables: Tables) -> Tables:
    """Tables without their secrets, for people."""
    found: Tables = {}
    for table, rows in tables.items():
        keys = [f"(secret {number})" for number, _ in enumerate(rows, start=1)] if table in SECRET_KEYS else list(rows)
        found[table] = {key: hidden(table, row) or {} for key, row in zip(keys, rows.values(), strict=True)}
    return found


def _secret(table: str, field: str) -> bool:
    return field in SECRET_FIELDS or (table, field) in SECRET_FIELDS


def _text(change: RowChange) -> str:
    name = f"{change.table}|{change.key}"
    if change.before is None:
        return f"+ {name} {_fields(change.after or {})}".rstrip()
    if change.after is None:
        return f"- {name} {_fields(change.before)}".rstrip()
    parts = []
    for field in sorted(change.before.keys() | change.after.keys()):
        old, new = change.before.get(field), change.after.get(field)
        if old != new:
            parts.append(f"{field}: {_value(old)} → {_value(new)}")
    return f"~ {name} {', '.join(parts)}"


def _value(value: Any) -> str:
    if value is None:
        return "(none)"
    return ",".join(value) if isinstance(value, list) else str(value)


def _fields(row: Row) -> str:
    return " ".join(f"{name}={_value(value)}" for name, value in sorted(row.items()))


def _row(table: str, running: Row, wanted: Row) -> Row:
    """A row as it shall be, with what the switch knows itself."""
    if table == "PORT":
        foreign = {name: value for name, value in running.items() if name not in PORT_FIELDS}
        if "subport" not in wanted and foreign.get("subport", "0") != "0":
            del foreign["subport"]  # the port was broken out and is whole again
        return foreign | wanted if foreign else wanted
    if table == "DEVICE_METADATA":
        known = {name: running[name] for name in DEVICE_FIELDS if name in running}
        return {**running, **wanted, **known}
    return {**running, **wanted} if table in SHARED_FIELDS else wanted


def target(running: Tables, wanted: Tables) -> Tables:
    """The whole CONFIG_DB that a switch shall have: wanted tables, and what is not ours as it runs."""
    result: Tables = {}
    for table in sorted(running.keys() | wanted.keys()):
        have, want = running.get(table, {}), wanted.get(table, {})
        rows = {} if owner(table, wanted) is Owner.RACK else dict(have)
        for key, row in want.items():
            rows[key] = _row(table, have[key], row) if key in have else row
        if rows:
            result[table] = rows
    return result


def compare(running: Tables, goal: Tables) -> list[RowChange]:
    """Rows that differ, in the order of the tables."""
    changes = []
    for table in sorted(running.keys() | goal.keys()):
        have, want = running.get(table, {}), goal.get(table, {})
        if have == want:
            continue
        differ = [key for key in have.keys() | want.keys() if have.get(key) != want.get(key)]
        changes += [RowChange(table, key, have.get(key), want.get(key)) for key in sorted(differ, key=natural)]
    return changes


_NUMBER = re.compile(r"([0-9]+)")


def natural(key: str) -> list[tuple[int, int | str]]:
    """Sort key that puts Ethernet4 before Ethernet16."""
    parts = _NUMBER.split(key)  # text and numbers in turn
    return [(0, int(part)) if place % 2 else (1, part) for place, part in enumerate(parts) if part]


def summary(changes: Iterable[RowChange]) -> str:
    """How many rows are added, removed and changed, in words."""
    rows = list(changes)
    added = sum(change.before is None for change in rows)
    removed = sum(change.after is None for change in rows)
    return f"{added} rows added, {removed} removed, {len(rows) - added - removed} changed"


def diff(changes: Iterable[RowChange]) -> str:
    """All changes as text, one line a row."""
    return "\n".join(change.text for change in changes)
