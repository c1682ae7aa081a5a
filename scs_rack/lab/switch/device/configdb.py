"""CONFIG_DB in Redis, laid out as on a SONiC switch: database 4, one hash a row with key `TABLE|key`.

A list is a field whose name ends in `@` with its items joined by commas; a row without fields holds `NULL: NULL`.
"""

import json
import time
from pathlib import Path
from typing import Any

from scs_rack.lab.switch.device.resp import Redis, RedisError
from scs_rack.sonic.checks import load_tables

CONFIG_DB = 4
INITIALIZED = "CONFIG_DB_INITIALIZED"

Row = dict[str, Any]
Tables = dict[str, dict[str, Row]]


def connect() -> Redis:
    """Connection to CONFIG_DB."""
    return Redis(CONFIG_DB)


def wait_until_loaded(seconds: float = 60.0) -> Redis:
    """Connection to CONFIG_DB, as soon as somebody has loaded it.

    Raises:
        TimeoutError: nobody has.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            client = connect()
            if client.call("GET", INITIALIZED):
                return client
        except (OSError, RedisError):
            pass
        time.sleep(0.1)
    raise TimeoutError("CONFIG_DB is not loaded")


def encode(row: Row) -> dict[str, str]:
    """Fields of a row as Redis keeps them."""
    fields = {
        f"{name}@" if isinstance(value, list) else name: ",".join(value) if isinstance(value, list) else str(value)
        for name, value in row.items()
    }
    return fields or {"NULL": "NULL"}


def decode(fields: dict[str, str]) -> Row:
    """A row as in config_db.json."""
    return {
        name.removesuffix("@"): (value.split(",") if value else []) if name.endswith("@") else value
        for name, value in sorted(fields.items())
        if name != "NULL"
    }


def read(client: Redis) -> Tables:
    """All tables, sorted."""
    keys = sorted(key for key in client.call("KEYS", "*") if "|" in key)
    tables: Tables = {}
    for key, flat_fields in zip(keys, client.pipeline([("HGETALL", key) for key in keys]), strict=True):
        table, _, name = key.partition("|")
        values = iter(flat_fields)
        tables.setdefault(table, {})[name] = decode(dict(zip(values, values, strict=True)))
    return tables


def flat(tables: Tables) -> dict[str, dict[str, str]]:
    """Redis hashes by key."""
    return {f"{table}|{key}": encode(row) for table, rows in tables.items() for key, row in rows.items()}


def hset(key: str, fields: dict[str, str]) -> list[str]:
    """Command that writes fields of a row."""
    return ["HSET", key, *(word for pair in fields.items() for word in pair)]


def merge(client: Redis, tables: Tables) -> None:
    """Write fields over those that are there; nothing goes away (as `sonic-cfggen --write-to-db`)."""
    client.pipeline([hset(key, fields) for key, fields in flat(tables).items()])
    client.call("SET", INITIALIZED, "1")


def replace(client: Redis, target: Tables) -> int:
    """Make CONFIG_DB equal to a target in one transaction; returns how many rows changed."""
    have, want = flat(read(client)), flat(target)
    gone = sorted(have.keys() - want.keys())
    changed = {key: fields for key, fields in want.items() if have.get(key) != fields}
    commands = [["DEL", key] for key in gone]
    for key, fields in changed.items():
        stale = sorted(have.get(key, {}).keys() - fields.keys())
        commands += [["HDEL", key, *stale]] if stale else []
        commands.append(hset(key, fields))
    client.pipeline([["MULTI"], *commands, ["EXEC"]])
    return len(gone) + len(changed)


def load_file(path: str | Path) -> Tables:
    """Read a config_db.json.

    Raises:
        ValueError: it is no JSON, or not table → key → fields.
    """
    return load_tables(Path(path).read_text(encoding="utf-8"))


def dump(tables: Tables) -> str:
    """Text of config_db.json."""
    return json.dumps(tables, indent=4, sort_keys=True) + "\n"
