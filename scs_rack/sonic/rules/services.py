"""Rules of access and services: what would lock people out, and rules of which one could never match."""

from collections import defaultdict
from collections.abc import Iterator

from scs_rack.sonic.fault import Fault, TablesLike
from scs_rack.sonic.rules.tools import items, rows, text


def login(tables: TablesLike) -> Iterator[Fault]:
    """Who logs in by TACACS+ or RADIUS can still do so when no server answers."""
    row = rows(tables, "AAA").get("authentication", {})
    methods = items(row, "login")
    if methods and "local" not in methods:
        hint = "add local as the last one"
        yield Fault(f"{','.join(methods)} without local locks everybody out", "AAA", "authentication", "login", hint)
    for method, table in (("tacacs+", "TACPLUS_SERVER"), ("radius", "RADIUS_SERVER")):
        if method in methods and not rows(tables, table):
            yield Fault(f"{method} has no server", "AAA", "authentication", "login", f"add a row to {table}")


def priorities(tables: TablesLike) -> Iterator[Fault]:
    """Two rules of an ACL with one priority have no order."""
    users: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key, row in rows(tables, "ACL_RULE").items():
        table, _, _ = key.partition("|")
        if text(row, "PRIORITY"):
            users[table, text(row, "PRIORITY")].append(key)
    for (table, priority), keys in sorted(users.items()):
        if len(keys) > 1:
            names = ", ".join(key.partition("|")[2] for key in keys)
            message = f"priority {priority} of {table} is used by {names}"
            yield Fault(message, "ACL_RULE", keys[-1], "PRIORITY", "give each rule its own: the highest one is first")


def acl_ports(tables: TablesLike) -> Iterator[Fault]:
    """An ACL is bound to a LAG, not to its members."""
    lags = {key.partition("|")[2]: key.partition("|")[0] for key in rows(tables, "PORTCHANNEL_MEMBER")}
    for name, row in rows(tables, "ACL_TABLE").items():
        for port in items(row, "ports"):
            if port in lags:
                yield Fault(f"{port} is a member of {lags[port]}", "ACL_TABLE", name, "ports", f"name {lags[port]}")


RULES = (login, priorities, acl_ports)
