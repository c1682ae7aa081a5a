"""As much of a MariaDB as our modules ask, in memory."""

import re


class FakeMariadb:
    def __init__(self):
        self.databases = {}
        """Revision by database; None where there is no schema."""
        self.users = {}
        """Password by name and host."""
        self.tls_only = set()
        """Name and host of users that may come by TLS only."""
        self.grants = {}
        self.statements = []
        self.closed = 0

    def connect(self, unusable):
        def connect(_socket="", user="root", password="", ca_file=None):
            if user != "root" and self.users.get((user, "%")) != password:
                raise unusable(f"login as {user}: Access denied")
            if (user, "%") in self.tls_only and not ca_file:
                raise unusable(f"login as {user}: Access denied")
            return self

        return connect

    def close(self):
        self.closed += 1

    def query(self, statement, values):
        if statement.startswith("SELECT schema_name"):
            return [(name,) for name in self.databases]
        if statement.startswith("SELECT user, host"):
            return [(*account, "ANY" if account in self.tls_only else "") for account in self.users]
        if statement.startswith("SHOW GRANTS"):
            name, host = values
            return [(f"GRANT USAGE ON *.* TO `{name}`@`{host}`",), *((g,) for g in self.grants.get(values, []))]
        if "information_schema.tables" in statement:
            return [(name, "alembic_version") for name in values if self.databases.get(name)]
        if found := re.fullmatch(r"SELECT version_num FROM `(.*)`\.`alembic_version` ORDER BY 1", statement):
            return [(self.databases[found[1]],)]
        return self.change(statement, values)

    def change(self, statement, values):
        self.statements.append(statement)
        if found := re.match(r"CREATE DATABASE `(.*)` CHARACTER SET utf8mb3", statement):
            self.databases[found[1]] = None
        elif statement == "ALTER USER %s@%s REQUIRE SSL":
            self.tls_only.add(values)
        elif statement.startswith(("CREATE USER", "ALTER USER")):
            self.users[values[:2]] = values[2]
        elif statement.startswith("GRANT"):
            text = statement.replace("%s@%s", "`{}`@`{}`".format(*values)).replace("%%", "%")
            self.grants.setdefault(values, []).append(text)
        else:
            raise AssertionError(f"unexpected: {statement}")
        return []
