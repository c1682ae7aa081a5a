#!/usr/bin/python
"""Databases, users and rights of MariaDB in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mariadb
short_description: Databases, users and rights of MariaDB in one call
description:
  - Talks to MariaDB over its unix socket as root; no password is needed or stored for that.
  - Whether a user's password is right is observed by logging in with it, by TLS.
  - Users must come by TLS when C(ca_file) is stated.
  - What is not stated is left alone.
author: the scs-rack founders
options:
  databases:
    description: Names of databases; made with C(utf8mb3), which OpenStack's migrations are written for.
    type: list
    elements: str
    default: []
  users:
    description: Users.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Name., type: str, required: true}
      host: {description: Where the user may come from., type: str, default: "%"}
      password: {description: Password., type: str, required: true}
      databases: {description: Databases on which the user has all rights., type: list, elements: str, default: []}
  socket:
    description: Unix socket of MariaDB.
    type: path
    default: /run/mysqld/mysqld.sock
  ca_file:
    description: Certificate of the CA that vouches for MariaDB, whose users must come by TLS then.
    type: path
attributes:
  check_mode: {support: full, description: Says what would change.}
"""

EXAMPLES = r"""
- name: Make the databases
  scs.rack.mariadb:
    databases: [keystone]
    users:
      - {name: keystone, password: "{{ secrets.db_keystone }}", databases: [keystone]}
  no_log: true
"""

RETURN = r"""
changes: {description: What was done (in check mode would be done)., type: list, elements: str, returned: always}
"""

from typing import Any

from ansible_collections.scs.rack.plugins.module_utils import mariadb
from ansible_collections.scs.rack.plugins.module_utils.quiet import QuietModule

Statement = tuple[str, tuple[Any, ...]]


def grant_on(database: str) -> str:
    """The right on a database as `SHOW GRANTS` prints it; `_` and `%` would stand for other characters there."""
    pattern = database.replace("_", r"\_").replace("%", r"\%")
    return f"GRANT ALL PRIVILEGES ON {mariadb.quoted(pattern)}.* TO"


class Server:
    """The stated form of a server; collects what has to be done for it."""

    def __init__(self, connection: Any, socket: str, ca_file: str | None) -> None:
        self.connection = connection
        self.socket = socket
        self.ca_file = ca_file
        self.changes: list[str] = []
        self.statements: list[Statement] = []

    def databases(self, names: list[str]) -> None:
        """Databases that are missing."""
        there = {
            row[0] for row in mariadb.query(self.connection, "SELECT schema_name FROM information_schema.schemata")
        }
        for name in names:
            if name not in there:
                self._do(f"create database {name}", f"CREATE DATABASE {mariadb.quoted(name)} CHARACTER SET utf8mb3")

    def users(self, users: list[dict[str, Any]]) -> None:
        """Users that are missing, have another password, or lack a right."""
        rows = mariadb.query(self.connection, "SELECT user, host, ssl_type FROM mysql.user")
        there = {(row[0], row[1]): row[2] for row in rows}
        for user in users:
            account = (user["name"], user["host"])
            if account not in there:
                self._do(f"create user {account[0]}", "CREATE USER %s@%s IDENTIFIED BY %s", *account, user["password"])
            elif not self._password_works(user):
                statement = "ALTER USER %s@%s IDENTIFIED BY %s"
                self._do(f"change the password of {account[0]}", statement, *account, user["password"])
            if self.ca_file and not there.get(account):
                self._do(f"let {account[0]} come by TLS only", "ALTER USER %s@%s REQUIRE SSL", *account)
            rights = self._rights(account) if account in there else []
            for database in user["databases"]:
                grant = grant_on(database)
                if not any(right.startswith(grant) for right in rights):
                    escaped = grant.replace("%", "%%")
                    self._do(f"give {account[0]} all rights on {database}", f"{escaped} %s@%s", *account)

    def carry_out(self) -> None:
        """Do what was collected."""
        for statement, values in self.statements:
            mariadb.query(self.connection, statement, values)

    def _password_works(self, user: dict[str, Any]) -> bool:
        try:
            mariadb.connect(self.socket, user["name"], user["password"], self.ca_file).close()
        except mariadb.Unusable:
            return False
        return True

    def _rights(self, account: tuple[str, str]) -> list[str]:
        return [str(row[0]) for row in mariadb.query(self.connection, "SHOW GRANTS FOR %s@%s", account)]

    def _do(self, change: str, statement: str, *values: Any) -> None:
        self.changes.append(change)
        self.statements.append((statement, values))


def main() -> None:
    """Entry point."""
    module = QuietModule(
        argument_spec={
            "databases": {"type": "list", "elements": "str", "default": []},
            "users": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "host": {"type": "str", "default": "%"},
                    "password": {"type": "str", "required": True, "no_log": True},
                    "databases": {"type": "list", "elements": "str", "default": []},
                },
            },
            "socket": {"type": "path", "default": mariadb.SOCKET},
            "ca_file": {"type": "path"},
        },
        supports_check_mode=True,
    )
    socket = module.params["socket"]
    try:
        server = Server(mariadb.connect(socket), socket, module.params["ca_file"])
    except mariadb.Unusable as error:
        if module.check_mode:  # a host on which MariaDB does not run yet
            everything = [f"create database {name}" for name in module.params["databases"]]
            everything += [f"create user {user['name']}" for user in module.params["users"]]
            module.exit_json(changed=bool(everything), changes=everything, note=str(error))
        module.fail_json(msg=str(error))
    try:
        server.databases(module.params["databases"])
        server.users(module.params["users"])
        if not module.check_mode:
            server.carry_out()
    except mariadb.Error as error:
        module.fail_json(msg=f"MariaDB refuses: {error}")
    module.exit_json(changed=bool(server.changes), changes=server.changes)


if __name__ == "__main__":
    main()
