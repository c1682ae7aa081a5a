"""A whole rack is stopped and started in the right order, and comes back as it was (docs/standstill.md)."""
