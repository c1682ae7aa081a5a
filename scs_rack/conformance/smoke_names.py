"""How everything is named that the smoke test makes."""

PREFIX = "scs-rack-smoke"
"""Name, or first part of the name, of everything that the smoke test makes."""
