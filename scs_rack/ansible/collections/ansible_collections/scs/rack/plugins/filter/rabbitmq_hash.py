"""The form in which RabbitMQ keeps passwords."""

from __future__ import annotations

DOCUMENTATION = r"""
name: rabbitmq_hash
short_description: The form in which RabbitMQ keeps passwords
description:
  - Salted SHA-256 as RabbitMQ's definition files want it.
  - The salt follows from the user's name and the password, so that the same input always gives the same file.
positional: user
options:
  _input: {description: The password., type: str, required: true}
  user: {description: Name of the user., type: str, required: true}
"""

EXAMPLES = r"""
password_hash: "{{ secrets.rabbitmq_password | scs.rack.rabbitmq_hash('openstack') }}"
"""

RETURN = r"""
_value: {description: Base64 of salt and digest., type: str}
"""

import base64
import hashlib
import hmac
from collections.abc import Callable


def rabbitmq_hash(password: str, user: str) -> str:
    """Base64 of 4 bytes of salt and SHA-256 of salt and password (RabbitMQ's guide on passwords)."""
    salt = hmac.digest(str(password).encode(), str(user).encode(), "sha256")[:4]
    return base64.b64encode(salt + hashlib.sha256(salt + str(password).encode()).digest()).decode()


class FilterModule:
    """Gives the filter to Ansible."""

    def filters(self) -> dict[str, Callable[[str, str], str]]:
        """Filters by name."""
        return {"rabbitmq_hash": rabbitmq_hash}
