"""A CONFIG_DB as the JSON (RFC 7951) that SONiC's YANG models describe, and where something in that JSON came from."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from scs_rack.sonic.fault import Fault
from scs_rack.sonic.yang.schema import Leaf, Node, Schema, Table

_JOINED = {
    ("BGP_ALLOWED_PREFIXES", "prefixes_v4"): ",",
    ("BGP_ALLOWED_PREFIXES", "prefixes_v6"): ",",
    ("BUFFER_PORT_EGRESS_PROFILE_LIST", "profile_list"): ",",
    ("BUFFER_PORT_INGRESS_PROFILE_LIST", "profile_list"): ",",
    ("MIRROR_SESSION", "src_ip"): ",",
    ("NTP", "src_intf"): ";",
    ("PORT", "adv_interface_types"): ",",
    ("PORT", "adv_speeds"): ",",
}
"""Fields with several values in the models that CONFIG_DB keeps as one text, and what separates them there."""
_MAPS = frozenset(
    {
        "CABLE_LENGTH",
        "DOT1P_TO_TC_MAP",
        "DSCP_TO_FC_MAP",
        "DSCP_TO_TC_MAP",
        "EXP_TO_FC_MAP",
        "MAP_PFC_PRIORITY_TO_QUEUE",
    }
    | {"MPLS_TC_TO_TC_MAP", "PFC_PRIORITY_TO_PRIORITY_GROUP_MAP", "TC_TO_DSCP_MAP", "TC_TO_PRIORITY_GROUP_MAP"}
    | {"TC_TO_QUEUE_MAP"}
)
"""Tables whose fields are data: each field is a row of an inner list in the models."""
_NOTHING = "NULL"
"""The field that an empty row has in Redis."""
_STEP = re.compile(r"/(?P<name>[^/\[]+)(?P<keys>(\[[^=\]]+=('[^']*'|\"[^\"]*\")\])*)(\[[^\]]*\])*")
_KEY = re.compile(r"\[[^=\]]+=(?:'([^']*)'|\"([^\"]*)\")\]")


class Translation:
    """One CONFIG_DB in the words of the models; what has no place there is a fault."""

    def __init__(self, schema: Schema, tables: Mapping[str, Any]) -> None:
        """Translate; never fails."""
        self.schema = schema
        self.data: dict[str, dict[str, dict[str, Any]]] = {}
        """JSON for libyang: module → top container → table → …"""
        self.faults: list[Fault] = []
        for name, rows in tables.items():
            table = schema.tables.get(name)
            if table is None:
                hint = _nearest(name, schema.tables, 0.85)
                self.faults.append(Fault("the models know no such table", name, hint=hint, kind="unknown-table"))
            elif not isinstance(rows, Mapping):
                self.faults.append(Fault("a table holds rows: key and fields", name, kind="schema"))
            else:
                self._table(table, rows)

    def _table(self, table: Table, rows: Mapping[str, Any]) -> None:
        top = self.data.setdefault(f"{table.module}:{table.module}", {})
        into = top.setdefault(table.name, {})
        for key, row in rows.items():
            if key in table.node.leaves:
                into[key] = _value(table.name, table.node.leaves[key], row)
            elif not (row is None or isinstance(row, Mapping)):
                self.faults.append(Fault("a row holds fields and values", table.name, key, kind="schema"))
            elif key in table.node.containers:
                into[key], faults = self._fields(table.name, key, table.node.containers[key], row or {})
                self.faults += faults
            else:
                self._row(table, key, row or {}, into)

    def _row(self, table: Table, key: str, row: Mapping[str, Any], into: dict[str, Any]) -> None:
        parts = [part.strip() for part in key.split("|")]
        fitting = [one for one in table.lists if len(one.keys) == len(parts)]
        if not fitting:
            forms = list(dict.fromkeys("|".join(one.keys) for one in table.lists)) or sorted(table.node.containers)
            hint = f"a key here is {' or '.join(forms)}" if forms else ""
            self.faults.append(Fault("the key does not fit the models", table.name, key, hint=hint, kind="schema"))
            return
        tries = [(one, *self._entry(table.name, key, one, row)) for one in fitting]
        kind, entry, faults = min(tries, key=lambda found: len(found[2]))
        into.setdefault(kind.name, []).append({**dict(zip(kind.keys, parts, strict=True)), **entry})
        self.faults += faults

    def _entry(self, table: str, key: str, kind: Node, row: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
        if table not in _MAPS or not kind.lists:
            return self._fields(table, key, kind, row)
        inner = kind.lists[0]
        left = inner.keys[0]
        right = next(name for name in inner.leaves if name != left)
        pairs = [{left: str(name), right: str(value)} for name, value in row.items() if name != _NOTHING]
        return {inner.name: pairs}, []

    def _fields(self, table: str, key: str, node: Node, row: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
        found: dict[str, Any] = {}
        faults = []
        for name, value in row.items():
            leaf = node.leaves.get(name)
            if name == _NOTHING:
                continue
            if name in node.containers and isinstance(value, Mapping):
                found[name], inner = self._fields(table, f"{key}|{name}", node.containers[name], value)
                faults += inner
            elif leaf is None:
                hint = _nearest(name, node.leaves)
                faults.append(Fault("the models know no such field", table, key, name, hint, "schema"))
            elif value is None:
                hint = leaf.takes and f"takes {leaf.takes}"
                faults.append(Fault("holds nothing, and a value belongs here", table, key, name, hint, "schema"))
            elif isinstance(value, Mapping):
                hint = leaf.takes and f"takes {leaf.takes}"
                faults.append(Fault("holds fields, and a value belongs here", table, key, name, hint, "schema"))
            elif isinstance(value, list) and not leaf.several:
                hint = leaf.takes and f"takes {leaf.takes}"
                faults.append(Fault("holds a list, and one value belongs here", table, key, name, hint, "schema"))
            else:
                found[name] = _value(table, leaf, value)
        return found, faults


def _value(table: str, leaf: Leaf, value: Any) -> Any:
    """A value as text, or a list of them where the models have several."""
    if not leaf.several:
        return _text(value)
    separator = _JOINED.get((table, leaf.name))
    one_text = [value] if separator is None else _text(value).split(separator)
    several = value if isinstance(value, list) else one_text
    return [_text(one).strip() for one in several if _text(one) != ""]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _nearest(name: str, known: Mapping[str, Any], alike: float = 0.75) -> str:
    """What might have been meant."""
    by_small = {one.lower(): one for one in known}
    found = get_close_matches(name.lower(), by_small, n=1, cutoff=alike)
    return f"did you mean {by_small[found[0]]}?" if found else ""


def origin(path: str) -> tuple[str, str, str]:
    """Table, key and field that a data path of libyang means; empty texts where it names none.

    `/sonic-port:sonic-port/PORT/PORT_LIST[name='Ethernet0']/mtu` is the field mtu of PORT|Ethernet0.
    """
    found_steps = [(*step["name"].rpartition(":")[::2], step["keys"]) for step in _STEP.finditer(path)]
    steps = [(name, predicates) for _, name, predicates in found_steps][1:]
    if found_steps and found_steps[0][0] != found_steps[0][1]:  # of a row whose key is wrong: begins with its list
        return found_steps[0][1].removesuffix("_LIST"), "", ".".join(name for name, _ in steps)
    if not steps:
        return "", "", ""
    table = steps[0][0]
    keys, names = list[str](), list[str]()
    in_list = False
    for name, predicates in steps[1:]:
        found = [one or other for one, other in _KEY.findall(predicates)]
        if predicates.startswith("[.="):  # one of several values
            names.append(name)
            break
        in_list = in_list or name.endswith("_LIST") or bool(found)
        if found and keys:
            names += found[:1]  # an inner list: its key is the field's name
            break
        keys += found
        if not found and not name.endswith("_LIST"):
            names.append(name)
    if not in_list and names:  # a row with a fixed name
        keys, names = names[:1], names[1:]
    return table, "|".join(keys), ".".join(names)
