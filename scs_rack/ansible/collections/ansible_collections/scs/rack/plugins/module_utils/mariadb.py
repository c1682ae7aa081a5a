"""Talk to the MariaDB of this host over its unix socket, as the user root of the operating system."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

try:
    import pymysql

    Error: type[Exception] = pymysql.MySQLError
except ImportError:  # shown by `connect`
    pymysql = None
    Error = OSError

SOCKET = "/run/mysqld/mysqld.sock"


class Unusable(Exception):
    """MariaDB can't be talked to; says why."""


def connect(socket: str = SOCKET, user: str = "root", password: str = "", ca_file: str | None = None) -> Any:
    """Log in over the unix socket, with `ca_file` by TLS: users that others log in as by TCP must come so.

    Raises:
        Unusable: MariaDB does not run, or refuses this login.
    """
    if pymysql is None:
        raise Unusable("the package python3-pymysql is missing on this host")
    try:
        tls = {"ssl": {"ca": ca_file, "check_hostname": True, "verify_mode": True}} if ca_file else {}
        return pymysql.connect(
            unix_socket=socket, user=user, password=password, autocommit=True, connect_timeout=10, **tls
        )
    except Error as error:
        raise Unusable(f"login as {user} at {socket}: {error}") from error


def query(connection: Any, statement: str, values: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
    """Rows that a statement gives."""
    with connection.cursor() as cursor:
        cursor.execute(statement, tuple(values))
        return list(cursor.fetchall())


def quoted(name: str) -> str:
    """An identifier in backticks."""
    return "`" + name.replace("`", "``") + "`"


def revisions(connection: Any, databases: Iterable[str]) -> dict[str, list[str]]:
    """What Alembic says about the schema of each database; an empty list where there is no schema."""
    seen: dict[str, list[str]] = {name: [] for name in databases}
    if not seen:
        return seen
    places = ", ".join(["%s"] * len(seen))
    tables = query(
        connection,
        "SELECT table_schema, table_name FROM information_schema.tables"  # noqa: S608 (only %s is put in)
        rf" WHERE table_schema IN ({places}) AND table_name LIKE 'alembic\_version%%' ORDER BY 1, 2",
        seen,
    )
    for database, table in tables:
        rows = query(connection, f"SELECT version_num FROM {quoted(database)}.{quoted(table)} ORDER BY 1")  # noqa: S608
        seen[database] += [f"{table}={row[0]}" for row in rows]
    return seen
