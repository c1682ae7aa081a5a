"""`scs-rack start` (see `standstill`)."""

from scs_rack.cli.standstill import register_start as register

__all__ = ["register"]
