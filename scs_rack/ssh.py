"""The rack's SSH identity: one key and one file of known hosts in its state folder."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from scs_rack.files import write_file


@dataclass(frozen=True)
class Files:
    """Where the key pair and the known hosts lie."""

    key: Path
    public: Path
    known_hosts: Path


def files(state_dir: Path) -> Files:
    """Paths in a rack's state folder; they need not exist yet."""
    folder = state_dir / "ssh"
    return Files(folder / "id_ed25519", folder / "id_ed25519.pub", folder / "known_hosts")


def ensure(state_dir: Path) -> Files:
    """Make the key pair when there is none."""
    found = files(state_dir)
    if not found.key.is_file():
        found.key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        write_file(found.public, public + f" scs-rack@{state_dir.name}\n".encode(), 0o644)
        write_file(found.key, private, 0o600)
    return found


def options(state_dir: Path) -> dict[str, str]:
    """Options of ssh(1) to reach the rack's devices: known host keys only, no passwords, no other identity."""
    return {
        "UserKnownHostsFile": str(files(state_dir).known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "IdentitiesOnly": "yes",
        "BatchMode": "yes",
        "ConnectTimeout": "10",
        "ServerAliveInterval": "10",
        "ServerAliveCountMax": "3",
    }


def common_args(state_dir: Path) -> str:
    """The same options as one string for Ansible's `ansible_ssh_common_args`."""
    return " ".join(f"-o {shlex.quote(f'{name}={value}')}" for name, value in options(state_dir).items())
