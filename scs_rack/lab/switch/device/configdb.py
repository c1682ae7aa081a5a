"""CONFIG_DB in Redis, laid out as on a SONiC switch: database 4, one hash a row with key `TABLE|key`.

A list is a field whose name ends in `@` with its items joined by commas; a row without fields holds `NULL: NULL`.
"""

import json
from pathlib import Path
from typing import Any

import redis

from scs_rack.sonic.checks import load_tables

SOCKET = "/var/run/redis/redis.sock"
CONFIG_DB = 4
INITIALIZED = "CONFIG_DB_INITIALIZED"

Row = dict[str, Any]
Tables = dict[str, dict[str, Row]]


def connect() -> redis.Redis:
    """Connection to CONFIG_DB."""
    return redis.Redis(unix_socket_path=SOCKET, db=CONFIG_DB, decode_responses=True)


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


def read(client: redis.Redis) -> Tables:
    """All tables, sorted."""
    keys = sorted(key for key in client.keys("*") if "|" in key)
    with client.pipeline() as pipe:
        for key in keys:
            pipe.hgetall(key)
        rows = pipe.execute()
    tables: Tables = {}
    for key, fields in zip(keys, rows, strict=True):
        table, _, name = key.partition("|")
        tables.setdefault(table, {})[name] = decode(fields)
    return tables


def flat(tables: Tables) -> dict[str, dict[str, str]]:
    """Redis hashes by key."""
    return {f"{table}|{key}": encode(row) for table, rows in tables.items() for key, row in rows.items()}


def merge(client: redis.Redis, tables: Tables) -> None:
    """Write fields over those that are there; nothing goes away (as `sonic-cfggen --write-to-db`)."""
    with client.pipeline() as pipe:
        for key, fields in flat(tables).items():
            pipe.hset(key, mapping=fields)
        pipe.set(INITIALIZED, "1")
        pipe.execute()


def replace(client: redis.Redis, target: Tables) -> int:
    """Make CONFIG_DB equal to a target in one transaction; returns how many rows changed."""
    have, want = flat(read(client)), flat(target)
    changed = 0
    with client.pipeline() as pipe:
        for key in sorted(have.keys() - want.keys()):
            pipe.delete(key)
            changed += 1
        for key, fields in want.items():
            before = have.get(key, {})
            if before == fields:
                continue
            changed += 1
            gone = before.keys() - fields.keys()
            if gone:
                pipe.hdel(key, *sorted(gone))
            pipe.hset(key, mapping=fields)
        pipe.execute()
    return changed


def load_file(path: str | Path) -> Tables:
    """Read a config_db.json.

    Raises:
        ValueError: it is no JSON, or not table → key → fields.
    """
    return load_tables(Path(path).read_text(encoding="utf-8"))


def dump(tables: Tables) -> str:
    """Text of config_db.json."""
    return json.dumps(tables, indent=4, sort_keys=True) + "\n"
