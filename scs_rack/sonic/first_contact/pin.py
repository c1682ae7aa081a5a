"""Pinned host keys in the rack's file of known hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""

from ipaddress import IPv4Address
from pathlib import Path

from scs_rack.files import write_file


def pinned(known_hosts: Path, address: IPv4Address) -> str | None:
    """Type and key that are pinned for an address; None when it is not known."""
    for line in _lines(known_hosts):
        hosts, _, key = line.partition(" ")
        if str(address) in hosts.split(","):
            return " ".join(key.split()[:2])
    return None


def pin(known_hosts: Path, name: str, address: IPv4Address, key: str) -> bool:
    """Pin the host key of a device in place of any other.

    Args:
        known_hosts: the rack's file; made when it is not there.
        name: the device.
        address: where it answers.
        key: type and key.

    Returns:
        False if just that key was pinned already.
    """
    if pinned(known_hosts, address) == key:
        return False
    mine = {name, str(address)}
    others = [line for line in _lines(known_hosts) if not mine & set(line.split(" ", 1)[0].split(","))]
    known_hosts.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_file(known_hosts, "\n".join([*others, f"{name},{address} {key}"]) + "\n", 0o600)
    return True


def _lines(known_hosts: Path) -> list[str]:
    return known_hosts.read_text(encoding="ascii").splitlines() if known_hosts.is_file() else []
