"""Package updates, rolled server by server through a cloud in service (docs/upgrade.md)."""
