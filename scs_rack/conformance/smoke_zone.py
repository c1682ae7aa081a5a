"""A step of the smoke test where a cloud has Designate: a customer's zone is served by the API's address."""

import secrets
import socket
import struct
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

from scs_rack.conformance.smoke_names import PREFIX

if TYPE_CHECKING:
    from scs_rack.conformance.smoke import Smoke

Cloud = Any
"""An `openstack.connection.Connection` of the test user."""
ADDRESS = IPv4Address("192.0.2.53")
"""What the record of the zone says (RFC 5737)."""
WAIT = 180.0
"""Seconds until every name server must have a zone: a server that was asked too early is asked again after 15."""
ZONE = f"{PREFIX}.example."


def zone(smoke: "Smoke", server: str) -> None:
    """Make a zone with a record, see that it becomes active, and that it is served.

    Raises:
        StageFailed: it does not become active, or a name server does not tell the record.
    """
    dns = smoke.cloud.dns
    made = dns.create_zone(name=ZONE, email="hostmaster@lab.example", ttl=60)
    smoke.wait("the zone ACTIVE", WAIT, lambda: dns.get_zone(made.id).status == "ACTIVE")
    dns.create_recordset(made.id, name=f"www.{ZONE}", type="A", records=[str(ADDRESS)], ttl=60)
    smoke.wait(f"www.{ZONE} from {server}", WAIT, lambda: ADDRESS in addresses(server, f"www.{ZONE}"), every=2.0)


def clean(cloud: Cloud) -> None:
    """Remove the zone."""
    for one in cloud.dns.zones(name=ZONE):
        cloud.dns.delete_zone(one)


def addresses(server: str, name: str, port: int = 53, timeout: float = 2.0) -> list[IPv4Address]:
    """IPv4 addresses that a name server tells for a name (RFC 1035); none when it does not answer well.

    Args:
        server: IPv4 address of the name server.
        name: fully qualified.
        port: where it listens, UDP.
        timeout: seconds.
    """
    number = secrets.randbits(16)
    labels = b"".join(bytes([len(label)]) + label for label in name.rstrip(".").encode().split(b"."))
    question = labels + b"\0" + struct.pack("!HH", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout)
        try:
            sock.connect((server, port))
            sock.send(struct.pack("!6H", number, 0, 1, 0, 0, 0) + question)
            answer = sock.recv(1500)
            return _records(answer, number, len(question))
        except (OSError, struct.error, IndexError):
            return []


def _records(answer: bytes, number: int, question: int) -> list[IPv4Address]:
    """A records of an answer without errors to our question."""
    ident, flags, _, count, _, _ = struct.unpack_from("!6H", answer)
    if ident != number or not flags & 0x8000 or flags & 0x000F:
        return []
    at, found = 12 + question, []
    for _ in range(count):
        while 0 < answer[at] < 0xC0:
            at += answer[at] + 1
        at += 2 if answer[at] else 1
        kind, _, _, length = struct.unpack_from("!HHIH", answer, at)
        at += 10
        if (kind, length) == (1, 4):
            found.append(IPv4Address(answer[at : at + 4]))
        at += length
    return found
