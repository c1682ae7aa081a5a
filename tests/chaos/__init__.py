"""Runs that are killed anywhere end in the state of a run that was not: `make chaos`, and a short list in the tests."""
