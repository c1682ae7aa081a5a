"""SSH to a guest whose host key was read from its console, which only the cloud's own API shows."""

import base64
import io
import re
from dataclasses import dataclass
from typing import Any, Self

from scs_rack.errors import StageFailed

HOST_KEY = re.compile(r"scs-guest: host key (ssh-ed25519 \S+)")


@dataclass(frozen=True)
class KeyPair:
    """An SSH key pair that lives as long as a test."""

    private: Any
    """paramiko's Ed25519Key."""
    public: str
    """One line as in authorized_keys."""


def new_keypair() -> KeyPair:
    """Make an Ed25519 key pair in memory (OpenSSH's private key format)."""
    import paramiko
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return KeyPair(
        paramiko.Ed25519Key.from_private_key(io.StringIO(text.decode())), public.decode() + " scs-rack-smoke"
    )


def host_key(console: str) -> str | None:
    """The guest's public host key, if its console has shown it."""
    found = HOST_KEY.search(console)
    return found[1] if found else None


class GuestShell:
    """A connection to a guest as root; use it in a `with` statement."""

    def __init__(self, address: str, key: KeyPair, expected_host_key: str, timeout: float = 60) -> None:
        import paramiko

        kind, _, blob = expected_host_key.partition(" ")
        self._client = paramiko.SSHClient()
        self._client.get_host_keys().add(address, kind, paramiko.Ed25519Key(data=base64.b64decode(blob)))
        self._client.set_missing_host_key_policy(paramiko.RejectPolicy())
        self._client.connect(
            address,
            username="root",
            pkey=key.private,
            timeout=timeout,
            banner_timeout=timeout,
            auth_timeout=timeout,
            look_for_keys=False,
            allow_agent=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def run(self, command: str, timeout: float = 60) -> str:
        """Run a command in the guest's shell.

        Returns:
            What it wrote to standard output.

        Raises:
            StageFailed: its exit code was not 0.
        """
        _, out, err = self._client.exec_command(command, timeout=timeout)
        text: str = out.read().decode(errors="replace")
        code = out.channel.recv_exit_status()
        if code:
            raise StageFailed(
                f"in the guest, {command!r} ended with {code}: {err.read().decode(errors='replace')[-300:]}"
            )
        return text
