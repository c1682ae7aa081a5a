"""Judge of a CONFIG_DB by the YANG models on this switch (/usr/local/yang-models), if it has any.

The models are SONiC's; who runs the lab may have them. What judges by them is scs-rack's own judge.
"""

import functools
import sys
from collections.abc import Iterable
from pathlib import Path

from scs_rack.lab.switch.device import libyang
from scs_rack.lab.switch.device.configdb import Tables
from scs_rack.sonic.yang.judge import Judge

MODELS = Path("/usr/local/yang-models")


def present() -> bool:
    """True if this switch has models."""
    return MODELS.is_dir() and any(MODELS.glob("sonic-*.yang"))


@functools.cache
def _judge() -> Judge:
    sys.modules.setdefault("oopt_gnpy_libyang", libyang)
    return Judge(MODELS)


def faults(tables: Tables) -> list[str] | None:
    """Faults by the models; None without models. A table that no model knows is no fault here."""
    if not present():
        return None
    return [str(fault) for fault in _judge().judge(tables) if fault.kind != "unknown-table"]


def unknown(tables: Iterable[str]) -> list[str]:
    """Tables that no model knows; none without models."""
    if not present():
        return []
    return sorted(set(tables) - _judge().schema.tables.keys())
