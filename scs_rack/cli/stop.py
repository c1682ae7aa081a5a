"""`scs-rack stop` (see `standstill`)."""

from scs_rack.cli.standstill import register_stop as register

__all__ = ["register"]
