"""What a BMC offers over IPMI to whom it does not know; nothing here logs in.

Source: IPMI v2.0 rev. 1.1: 13.13 (session-less requests), 13.17 and 13.18 (open session), 22.13 (channel authentication
capabilities).
"""

import asyncio
import os
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

from scs_rack.bmc.ipmi.wire import AUTH_NONE, AUTH_RMCP_PLUS, RMCP, Malformed, Message, Payload, legacy

ALGORITHMS = {0: (0, 0, 0), 3: (1, 1, 1), 17: (3, 4, 1)}
"""Authentication, integrity, confidentiality of the suites that are asked for (table 22-20)."""
_APP, _CAPABILITIES = 0x06, 0x38
_NULL_USERS, _ANONYMOUS = 0x02, 0x01
TRIES, WAIT = 3, 1.0


@dataclass(frozen=True)
class Offers:
    """What it offers to strangers."""

    answers: bool
    """False where nothing answers over IPMI."""
    suites: tuple[int, ...] = ()
    """Of suites 0, 3 and 17, those that it opens a session with."""
    anonymous: bool = False
    """A login without a user name and password is enabled."""
    null_users: bool = False
    """A user without a name is enabled."""


class _Ear(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, _addr: object) -> None:
        self.heard.put_nowait(data[:1024])


async def probe(address: IPv4Address, port: int = 623) -> Offers:
    """Ask a BMC what it offers; costs some seconds where nothing answers."""
    transport, ear = await asyncio.get_running_loop().create_datagram_endpoint(_Ear, remote_addr=(str(address), port))
    try:
        capabilities = await _ask(transport, ear, _capabilities_request(), _capabilities)
        if capabilities is None:
            return Offers(answers=False)
        suites = [number for number in ALGORITHMS if await _opens(transport, ear, number)]
    finally:
        transport.close()
    bits = capabilities[2] if len(capabilities) > 2 else 0
    return Offers(
        answers=True, suites=tuple(suites), anonymous=bool(bits & _ANONYMOUS), null_users=bool(bits & _NULL_USERS)
    )


async def _ask(transport: asyncio.DatagramTransport, ear: _Ear, packet: bytes, read: object) -> bytes | None:
    for _ in range(TRIES):
        transport.sendto(packet)
        try:
            async with asyncio.timeout(WAIT):
                while True:
                    found: bytes | None = read(await ear.heard.get())  # type: ignore[operator]
                    if found is not None:
                        return found
        except TimeoutError:
            continue
    return None


def _capabilities_request() -> bytes:
    # this channel, administrator; bit 7 asks for the capabilities of IPMI 2.0
    message = Message(_APP, _CAPABILITIES, bytes([0x8E, 0x04])).encode()
    return legacy(message)


def _capabilities(packet: bytes) -> bytes | None:
    """Data of the answer without its completion code; None for anything else."""
    if packet[:4] != RMCP or packet[4:5] != bytes([AUTH_NONE]):
        return None
    try:
        message = Message.decode(packet[14 : 14 + packet[13]])
    except (Malformed, IndexError):
        return None
    if (message.netfn, message.command) != (_APP | 1, _CAPABILITIES) or message.data[:1] != b"\x00":
        return None
    return message.data[1:]


async def _opens(transport: asyncio.DatagramTransport, ear: _Ear, suite: int) -> bool:
    console = os.urandom(4)
    body = bytes([0, 0, 0, 0]) + console
    for kind, algorithm in enumerate(ALGORITHMS[suite]):
        body += bytes([kind, 0, 0, 8, algorithm, 0, 0, 0])
    packet = RMCP + bytes([AUTH_RMCP_PLUS, Payload.OPEN_REQUEST]) + bytes(8) + struct.pack("<H", len(body)) + body

    def opened(answer: bytes) -> bytes | None:
        """The status byte, followed by the algorithms that the BMC chose; None for anything else."""
        told = answer[16:]
        if answer[:6] != RMCP + bytes([AUTH_RMCP_PLUS, Payload.OPEN_RESPONSE]) or told[4:8] != console:
            return None
        return told[1:2] + told[16:17] + told[24:25] + told[32:33]

    answer = await _ask(transport, ear, packet, opened)
    # some answer with another suite than was asked for: that is no yes
    return answer == bytes([0, *ALGORITHMS[suite]])
