"""Checks of a CONFIG_DB that the YANG models don't make. Standard library only: the lab switch makes them too.

None of these faults is found by the models of any release, and SONiC loads them without a word.
"""

import json
from typing import Any

from scs_rack.sonic.fault import Fault, TablesLike
from scs_rack.sonic.rules import breakouts, interfaces, overlay, ports, routing, services

RULES = (*ports.RULES, *breakouts.RULES, *interfaces.RULES, *overlay.RULES, *routing.RULES, *services.RULES)
"""Every check: a function that takes the tables and yields faults."""


def load_tables(text: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Read the text of a config_db.json.

    Raises:
        ValueError: it is no JSON, or not table → key → fields.
    """
    tables: dict[str, dict[str, dict[str, Any]]] = json.loads(text)
    if not isinstance(tables, dict) or not all(
        isinstance(rows, dict) and all(isinstance(row, dict) for row in rows.values()) for rows in tables.values()
    ):
        raise ValueError("not of the form table, key, fields")
    return tables


def own_faults(tables: TablesLike) -> list[Fault]:
    """Faults and doubts of one switch's CONFIG_DB by our own rules; an empty list when there is none."""
    return [fault for rule in RULES for fault in rule(tables)]


def check_tables(tables: TablesLike) -> list[str]:
    """Faults of one switch's CONFIG_DB, one line each; an empty list when there is none."""
    return [str(fault) for fault in own_faults(tables) if fault.severity == "error"]
