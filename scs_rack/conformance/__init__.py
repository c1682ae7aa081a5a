"""Proof that the cloud works and conforms: our own smoke test, and adapters to outside suites."""
