"""IPMI 2.0 over UDP: sessions by RAKP with cipher suites 3 and 17, then the commands of `ipmi_commands`."""

import asyncio
import contextlib
import logging
import os
import secrets
import time
from dataclasses import dataclass, field

from scs_rack.bmc.ipmi import rakp, wire
from scs_rack.bmc.ipmi.suites import SUITES, Handshake, Keys, Suite, decrypt, encrypt, same
from scs_rack.lab.bmc import ipmi_commands as commands
from scs_rack.lab.bmc.machine import Machine

log = logging.getLogger(__name__)

Address = tuple[str, int]
SESSION_SECONDS = 60.0
"""A session that is silent for so long is closed (IPMI v2.0, 6.12.15)."""
SESSIONS = 16
HALF_OPEN_SECONDS = 10.0


@dataclass
class Session:
    """One session, from the open-session request to its close."""

    suite: Suite
    console: int
    bmc: int
    role: int
    random: bytes = field(default_factory=lambda: os.urandom(16))
    handshake: Handshake | None = None
    keys: Keys | None = None
    active: bool = False
    closed: bool = False
    privilege: int = commands.USER
    sequence_out: int = 0
    highest_in: int = 0
    answered: dict[int, bytes | None] = field(default_factory=dict)
    """Answers to the last packets by session sequence number; None while one is being made."""
    used: float = field(default_factory=time.monotonic)


class IpmiServer(asyncio.DatagramProtocol):
    """The UDP endpoint of one virtual BMC."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.sessions: dict[int, Session] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for answers."""
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Handle each datagram in a task of its own: one may wait for the lab."""
        if "silent" in self.machine.faults:
            return
        task = asyncio.ensure_future(self._received(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _received(self, data: bytes, addr: Address) -> None:
        with contextlib.suppress(wire.Malformed):  # as real BMCs do: no answer to noise
            answer = await self._answer(data)
            if "slow" in self.machine.faults:
                await asyncio.sleep(self.machine.faults.slow_seconds)
            if answer and self._transport and not self._transport.is_closing():
                self._transport.sendto(answer, addr)

    async def _answer(self, data: bytes) -> bytes | None:
        packet = wire.decode(data)
        if packet.legacy:
            return self._before_session(wire.Message.decode(packet.payload))
        if packet.session:
            return await self._in_session(data, packet.session)
        handlers = {
            wire.Payload.OPEN_REQUEST: self._open,
            wire.Payload.RAKP1: self._rakp1,
            wire.Payload.RAKP3: self._rakp3,
        }
        for kind, handler in handlers.items():
            if packet.payload_type == kind:
                payload = handler(packet.payload)
                return wire.plain(kind + 1, payload) if payload else None
        if packet.payload_type == wire.Payload.IPMI:
            message = wire.Message.decode(packet.payload)
            answer = self._discovery(message)
            return wire.plain(wire.Payload.IPMI, message.answer(answer).encode())
        return None

    def close(self) -> None:
        """Close the endpoint."""
        if self._transport:
            self._transport.close()

    # Before a session

    def _before_session(self, message: wire.Message) -> bytes:
        return wire.legacy(message.answer(self._discovery(message)).encode())

    def _discovery(self, message: wire.Message) -> bytes:
        if message.netfn == commands.APP and message.command == 0x38:
            # 22.13: only RMCP+ is spoken, users have names, K_G is the default.
            return commands.OK + bytes([commands.LAN_CHANNEL, 0x80, 0x04, 0x02, 0, 0, 0, 0])
        if message.netfn == commands.APP and message.command == 0x54:
            return self._cipher_suites(message.data)
        return commands.NO_PRIVILEGE

    def _cipher_suites(self, data: bytes) -> bytes:
        """22.15: records of 16 bytes at a time."""
        records = b"".join(
            bytes([0xC0, suite.number, suite.authentication, 0x40 | suite.integrity, 0x81]) for suite in SUITES.values()
        )
        index = data[2] & 0x3F if len(data) > 2 else 0
        return commands.OK + bytes([commands.LAN_CHANNEL]) + records[index * 16 : index * 16 + 16]

    def _open(self, payload: bytes) -> bytes:
        request = rakp.OpenRequest.decode(payload)
        wanted = request.algorithms
        suite = next((s for s in SUITES.values() if (s.authentication, s.integrity, 1) == wanted), None)
        self._expire()
        status = rakp.NO_SUITE_MATCH if suite is None else rakp.OK
        if suite is not None and sum(not session.closed for session in self.sessions.values()) >= SESSIONS:
            status = rakp.NO_RESOURCES
        if suite is None or status:
            return bytes([request.tag, status, 0, 0]) + request.console.to_bytes(4, "little")
        number = secrets.randbelow(0xFFFFFFFE) + 1
        role = request.role or rakp.ADMINISTRATOR
        self.sessions[number] = Session(suite, request.console, number, role)
        ids = request.console.to_bytes(4, "little") + number.to_bytes(4, "little")
        return bytes([request.tag, rakp.OK, role, 0]) + ids + suite.proposal()

    def _rakp1(self, payload: bytes) -> bytes | None:
        request = rakp.Rakp1.decode(payload)
        session = self.sessions.get(request.bmc)
        if session is None:
            return rakp.Rakp2(request.tag, rakp.INVALID_SESSION, 0).encode()
        config = self.machine.config
        if not same(request.user, config.user.encode()):
            del self.sessions[request.bmc]
            return rakp.Rakp2(request.tag, rakp.UNAUTHORIZED_NAME, session.console).encode()
        session.role = min(request.role & 0x0F or session.role, session.role)
        session.handshake = Handshake(
            session.suite,
            config.password.encode(),
            session.console,
            session.bmc,
            request.random,
            session.random,
            self._guid,
            request.role,
            request.user,
        )
        code = session.handshake.code2()
        return rakp.Rakp2(request.tag, rakp.OK, session.console, session.random, self._guid, code).encode()

    def _rakp3(self, payload: bytes) -> bytes | None:
        request = rakp.Proof.decode(payload)
        session = self.sessions.get(request.session)
        if session is None or session.handshake is None:
            return rakp.Proof(request.tag, rakp.INVALID_SESSION, 0).encode()
        if request.status:  # the console gave up (13.23): no answer is due
            del self.sessions[request.session]
            return None
        if not same(request.code, session.handshake.code3()):
            del self.sessions[request.session]
            return rakp.Proof(request.tag, rakp.INVALID_CODE, session.console).encode()
        session.keys = session.handshake.keys()
        session.active = True
        return rakp.Proof(request.tag, rakp.OK, session.console, session.handshake.code4(session.keys)).encode()

    # In a session

    async def _in_session(self, data: bytes, number: int) -> bytes | None:
        session = self.sessions.get(number)
        if session is None or not session.active or session.keys is None:
            return None
        packet = wire.decode(data, session.suite.code_length)
        if not packet.authenticated or not packet.encrypted or packet.payload_type != wire.Payload.IPMI:
            return None
        if not same(packet.code, session.suite.mac(session.keys.k1, packet.covered)[: session.suite.code_length]):
            return None
        if packet.sequence in session.answered:
            return session.answered[packet.sequence]  # a repeat: the same answer, and nothing is done twice
        if packet.sequence + 15 < session.highest_in:
            return None
        session.highest_in = max(session.highest_in, packet.sequence)
        session.used = time.monotonic()
        session.answered[packet.sequence] = None
        for old in [n for n in session.answered if n + 32 < session.highest_in]:
            del session.answered[old]
        message = wire.Message.decode(decrypt(session.keys.k2, packet.payload))
        response = await self._command(session, message)
        answer = self._seal(session, message.answer(response).encode())
        session.answered[packet.sequence] = answer
        return answer

    def _seal(self, session: Session, message: bytes) -> bytes:
        assert session.keys is not None
        session.sequence_out += 1
        payload = encrypt(session.keys.k2, message)
        body = wire.covered(wire.Payload.IPMI, session.console, session.sequence_out, payload)
        return wire.RMCP + body + session.suite.mac(session.keys.k1, body)[: session.suite.code_length]

    async def _command(self, session: Session, message: wire.Message) -> bytes:
        if message.netfn == commands.APP:
            if message.command == 0x3B:
                return self._set_privilege(session, message.data)
            if message.command == 0x3C:
                return self._close(session, message.data)
            if message.command in (0x38, 0x54):
                return self._discovery(message)
        try:
            return await commands.execute(self.machine, message.netfn, message.command, message.data, session.privilege)
        except Exception:
            log.exception("command %02x/%02x failed", message.netfn, message.command)
            return b"\xff"

    def _set_privilege(self, session: Session, data: bytes) -> bytes:
        """22.18."""
        if not data:
            return commands.SHORT_REQUEST
        wanted = data[0] & 0x0F
        if wanted > session.role:
            return b"\x81"
        if wanted:
            session.privilege = wanted
        return commands.OK + bytes([session.privilege])

    def _close(self, session: Session, data: bytes) -> bytes:
        """22.19; a session closes itself only."""
        if int.from_bytes(data[:4], "little") != session.bmc:
            return b"\x87"
        session.closed = True
        asyncio.get_running_loop().call_later(1.0, self.sessions.pop, session.bmc, None)  # a repeat gets its answer
        return commands.OK

    @property
    def _guid(self) -> bytes:
        return self.machine.uuid.bytes[::-1]

    def _expire(self) -> None:
        now = time.monotonic()
        for number, session in list(self.sessions.items()):
            if now - session.used > (SESSION_SECONDS if session.active else HALF_OPEN_SECONDS):
                del self.sessions[number]


async def serve_ipmi(machine: Machine, host: str, port: int = 623) -> tuple[IpmiServer, int]:
    """Start the UDP endpoint; returns it and the port that it really has."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(lambda: IpmiServer(machine), local_addr=(host, port))
    return server, int(transport.get_extra_info("sockname")[1])
