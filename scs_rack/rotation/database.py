"""Passwords of MariaDB's users: an account takes either of two while its service moves.

MariaDB lets an account name several ways to authenticate, joined by OR, and the same way twice: two passwords. Galera
replicates that like any other change of a user.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scs_rack.engine.stage import Context
from scs_rack.results import Result
from scs_rack.rotation.kinds import CLOUD, PLATFORM, Kind, Vault
from scs_rack.rotation.nodes import told

PROGRAM = r"""
import json, sys
import pymysql
SOCKET = "/run/mysqld/mysqld.sock"
TLS = {"ca": "/usr/local/share/ca-certificates/scs-rack.crt", "check_hostname": True, "verify_mode": True}
def connect(user="root", password="", ssl=None):
    return pymysql.connect(
        unix_socket=SOCKET, user=user, password=password, ssl=ssl, connect_timeout=10, autocommit=True
    )
def works(user, password):
    try:
        connect(user, password, TLS).close()  # services' users must come by TLS
    except pymysql.err.OperationalError as error:
        if error.args[0] != 1045:
            raise
        return False
    return True
said = {}
with connect() as root, root.cursor() as cursor:
    for one in json.load(sys.stdin):
        cursor.execute("SELECT COUNT(*) FROM mysql.user WHERE user = %s AND host = '%%'", (one["user"],))
        if not cursor.fetchone()[0]:
            said[one["user"]] = "there is no such user: `scs-rack up` makes it"
            continue
        ways = " OR ".join(["mysql_native_password USING PASSWORD(%s)"] * len(one["valid"]))
        cursor.execute("ALTER USER %s@'%%' IDENTIFIED VIA " + ways, (one["user"], *one["valid"]))
        good = all(works(one["user"], password) for password in one["valid"])
        bad = any(works(one["user"], password) for password in one["invalid"])
        said[one["user"]] = "a password is refused" if not good else "the old one still works" if bad else ""
print(json.dumps(said))
"""


@dataclass(frozen=True)
class Databases(Kind):
    """Secrets `db_<user>`."""

    playbooks: tuple[str, ...] = (PLATFORM, CLOUD)

    def accept(self, ctx: Context, stored: Vault, names: Sequence[str]) -> Iterable[Result]:
        """Both passwords log in."""
        users = [
            {"user": name.removeprefix("db_"), "valid": [stored[name], stored[f"{name}_next"]], "invalid": []}
            for name in names
        ]
        return _results(names, "takes the new password beside the old one", _ask(ctx, users))

    def retire(self, ctx: Context, stored: Vault, names: Sequence[str]) -> Iterable[Result]:
        """Only the new one logs in."""
        users = [
            {"user": name.removeprefix("db_"), "valid": [stored[name]], "invalid": [stored[f"{name}_old"]]}
            for name in names
        ]
        return _results(names, "takes the new password only", _ask(ctx, users))


def _ask(ctx: Context, users: Sequence[Mapping[str, object]]) -> dict[str, str]:
    said: dict[str, str] = told(ctx, ctx.design.groups["controller"][0], PROGRAM, users)
    return said


def _results(names: Sequence[str], step: str, said: dict[str, str]) -> Iterable[Result]:
    for name in names:
        user = name.removeprefix("db_")
        yield Result("mariadb", f"{user} {step}", changed=True, error=said[user] or None)
