"""Secrets of switches: generated tables hold their names only; they are put in when a switch is configured.

So nothing that is rendered, printed or kept holds a secret, and the generator stays a pure function of the rack file.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from scs_rack.design.switch_secrets import PREFIX, TACACS
from scs_rack.errors import UsageError
from scs_rack.sonic.rows import Row, Tables

SECRET_FIELDS: frozenset[str | tuple[str, str]] = frozenset(
    {
        "auth_password",
        "bind_password",
        "passkey",
        "primary_cak",
        "fallback_cak",
        "SNMP_USER_AUTH_PASSWORD",
        "SNMP_USER_ENCRYPTION_PASSWORD",
        ("NTP_KEY", "value"),
    }
)
"""Fields of CONFIG_DB, in any table or in one, whose values are never shown."""
SECRET_KEYS = frozenset({"SNMP_COMMUNITY"})
"""Tables whose keys are secrets."""


_KEY = re.compile(r"[!-\"$-+\--~]{1,65}"), "up to 65 printable characters without spaces, # and commas"
_PASSWORD = re.compile(r"[!-9;-?A-~]{8,64}"), "8 to 64 printable characters without spaces, @ and colons"


def wanted(tables: Tables) -> Iterator[str]:
    """Names of the secrets that tables mean."""
    for rows in tables.values():
        for row in rows.values():
            for value in row.values():
                if isinstance(value, str) and value.startswith(PREFIX):
                    yield value.removeprefix(PREFIX)


def filled(tables: Tables, secrets: Mapping[str, str]) -> Tables:
    """Tables with their secrets put in.

    Args:
        tables: as generated.
        secrets: values by name.

    Raises:
        UsageError: a secret is not known, or SONiC does not take it.
    """
    missing = sorted({name for name in wanted(tables) if name not in secrets})
    if missing:
        hint = f"store it: `scs-rack secrets set {missing[0]}`"
        raise UsageError(f"the vault lacks {', '.join(missing)}", hint)
    for name in sorted(set(wanted(tables))):
        pattern, rule = _KEY if name == TACACS else _PASSWORD
        if not pattern.fullmatch(secrets[name]):
            raise UsageError(f"SONiC does not take the secret {name}", f"{rule}: `scs-rack secrets set {name}`")
    return {table: {key: _row(row, secrets) for key, row in rows.items()} for table, rows in tables.items()}


def _row(row: Row, secrets: Mapping[str, str]) -> Row:
    if not any(isinstance(value, str) and value.startswith(PREFIX) for value in row.values()):
        return row
    return {name: _value(value, secrets) for name, value in row.items()}


def _value(value: Any, secrets: Mapping[str, str]) -> Any:
    return secrets[value.removeprefix(PREFIX)] if isinstance(value, str) and value.startswith(PREFIX) else value
