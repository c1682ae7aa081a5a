"""What all kinds of resources share."""

from collections.abc import Callable
from typing import Any

Connection = Any
"""An `openstack.connection.Connection` with admin rights (the SDK ships no types)."""
Step = tuple[str, Callable[[], object]]
"""What is missing, in words, and the call that makes it."""
