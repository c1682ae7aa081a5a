"""Single rows of CONFIG_DB, as the everyday commands of `config` read and write them: at once, and without a check."""

from scs_rack.lab.switch.device import configdb
from scs_rack.lab.switch.device.configdb import Row, Tables

INTERFACE_TABLES = {
    "Ethernet": "INTERFACE",
    "PortChannel": "PORTCHANNEL_INTERFACE",
    "Vlan": "VLAN_INTERFACE",
    "Loopback": "LOOPBACK_INTERFACE",
}


class Rows:
    """The running configuration; what is written goes to Redis at once."""

    def __init__(self) -> None:
        """Read it."""
        self.client = configdb.connect()
        self.tables: Tables = configdb.read(self.client)

    def table(self, name: str) -> dict[str, Row]:
        """Rows of a table."""
        return self.tables.get(name, {})

    def row(self, table: str, key: str) -> Row:
        """A row; empty if it is not there."""
        return self.table(table).get(key, {})

    def has(self, table: str, key: str) -> bool:
        """True if a row is there."""
        return key in self.table(table)

    def put(self, table: str, key: str, row: Row) -> None:
        """Write a whole row in place of what was there."""
        fields = configdb.encode(row)
        self.client.pipeline([["MULTI"], ["DEL", f"{table}|{key}"], configdb.hset(f"{table}|{key}", fields), ["EXEC"]])
        self.tables.setdefault(table, {})[key] = configdb.decode(fields)

    def change(self, table: str, key: str, fields: Row) -> None:
        """Write some fields of a row."""
        self.put(table, key, {**self.row(table, key), **fields})

    def drop(self, table: str, key: str) -> None:
        """Remove a row."""
        self.client.call("DEL", f"{table}|{key}")
        self.table(table).pop(key, None)

    def second_parts(self, table: str, first: str) -> list[str]:
        """Second parts of the keys whose first part is given: the members of a VLAN or LAG, addresses."""
        return [key.partition("|")[2] for key in self.table(table) if key.startswith(f"{first}|")]

    def first_parts(self, table: str, second: str) -> list[str]:
        """First parts of the keys whose second part is given: VLANs or LAGs of a port."""
        return [key.partition("|")[0] for key in self.table(table) if key.partition("|")[2] == second]

    def is_interface(self, name: str) -> bool:
        """True if there is a port, LAG, VLAN, loopback or subinterface of that name."""
        tables = ("PORT", "PORTCHANNEL", "VLAN", "LOOPBACK_INTERFACE", "VLAN_SUB_INTERFACE", "MGMT_PORT")
        return any(self.has(table, name) for table in tables)

    def is_routed(self, name: str) -> bool:
        """True if an interface has a row of its own as router interface."""
        table = interface_table(name)
        return bool(table) and self.has(table, name)


def interface_table(name: str) -> str:
    """Table of router interfaces of an interface's kind; empty for an unknown kind."""
    if "." in name:
        return "VLAN_SUB_INTERFACE"
    return next((table for prefix, table in INTERFACE_TABLES.items() if name.startswith(prefix)), "")
