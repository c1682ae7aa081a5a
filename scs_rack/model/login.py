"""Accounts and public keys, of servers and of switches."""

import re
from typing import Annotated

from pydantic import AfterValidator

from scs_rack.model.base import text_schema


def _ssh_key(value: str) -> str:
    kind, _, rest = value.partition(" ")
    if not re.fullmatch(r"(sk-)?(ssh|ecdsa)-[a-z0-9@.-]+", kind) or not re.match(r"AAAA[A-Za-z0-9+/]+=*( |$)", rest):
        raise ValueError("not a public SSH key; write one line of an authorized_keys file, e.g. ssh-ed25519 AAAA…")
    return value


def _login(value: str) -> str:
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", value):
        raise ValueError("not a login name; use lower-case letters, digits, hyphens and underscores")
    return value


Login = Annotated[str, AfterValidator(_login), text_schema("Login name", r"^[a-z_][a-z0-9_-]{0,31}$")]
"""A name of an account (useradd(8))."""

SshKey = Annotated[
    str,
    AfterValidator(_ssh_key),
    text_schema("Public SSH key, one line of an authorized_keys file", r"^(sk-)?(ssh|ecdsa)-"),
]
"""A public SSH key in the format of authorized_keys (sshd(8))."""
