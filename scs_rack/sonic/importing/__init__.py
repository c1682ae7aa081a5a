"""Bring switches in service under control: from their CONFIG_DB to a part of a rack file, and an overlay for the rest.

What the rack file can say is said there, what it can't goes into the overlay; then the tables are generated again and
compared with what runs. What still differs is told: it is what the first `switch apply` would change.
"""
