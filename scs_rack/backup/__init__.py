"""Backups of what makes a rack this rack: taken, sealed, verified by a restore, restored (docs/backup.md)."""
