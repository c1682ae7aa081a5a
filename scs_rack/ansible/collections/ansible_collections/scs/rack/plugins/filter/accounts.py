"""Users of services under the names that they have now."""

from __future__ import annotations

DOCUMENTATION = r"""
name: accounts
short_description: Users of services under the names that they have now
description:
  - A service has two accounts in turn, so that its password can be changed while it serves
    (C(scs-rack secrets rotate)). The vault says which of them is in use, where it is not the one of the service's
    own name.
positional: secrets
options:
  _input: {description: Users with C(name)., type: list, elements: dict, required: true}
  secrets: {description: The rack's secrets., type: dict, required: true}
"""

EXAMPLES = r"""
users: "{{ keystone_service_users | scs.rack.accounts(secrets) }}"
"""

RETURN = r"""
_value: {description: The users., type: list, elements: dict}
"""

from collections.abc import Callable
from typing import Any


def accounts(users: list[dict[str, Any]], secrets: dict[str, str]) -> list[dict[str, Any]]:
    """The users, each with the name in use."""
    return [{**user, "name": secrets.get(f"service_{user['name']}_user", user["name"])} for user in users]


class FilterModule:
    """Gives the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"accounts": accounts}
