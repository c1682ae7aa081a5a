"""Qualification: does a server's management do what a rack needs of it? Scenarios against a real server, with evidence.

The outcome is a table for the vendor, JSON for the record, and a profile of quirks for the rack file.
"""
