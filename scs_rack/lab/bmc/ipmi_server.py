"""IPMI 2.0 over UDP: sessions by RAKP with cipher suites 3 and 17, the commands of `ipmi`, and the console."""

import asyncio
import logging
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import scs_rack.lab.bmc.ipmi.everything  # noqa: F401 (registers all commands)
from scs_rack.bmc.ipmi import rakp, wire
from scs_rack.bmc.ipmi.suites import SUITES, Handshake, Keys, Suite, decrypt, encrypt, same
from scs_rack.lab.bmc.accounts import NO_ACCESS, Account
from scs_rack.lab.bmc.boot import BootOverride
from scs_rack.lab.bmc.console import Stream
from scs_rack.lab.bmc.faults import FEW_SESSIONS
from scs_rack.lab.bmc.ipmi import commands
from scs_rack.lab.bmc.ipmi.sol import Sol
from scs_rack.lab.bmc.ipmi.watchdog import Watchdog
from scs_rack.lab.bmc.machine import Machine

log = logging.getLogger(__name__)

Address = tuple[str, int]
SESSION_SECONDS = 60.0
"""A session that is silent for so long is closed (IPMI v2.0, 6.12.15)."""
SESSIONS = 16
HALF_OPEN_SECONDS = 10.0
SOL_PAYLOAD = 0x01


@dataclass
class Session:
    """One session, from the open-session request to its close."""

    suite: Suite
    console: int
    bmc: int
    role: int
    address: Address = ("0.0.0.0", 0)
    random: bytes = field(default_factory=lambda: os.urandom(16))
    handshake: Handshake | None = None
    keys: Keys | None = None
    account: Account | None = None
    active: bool = False
    closed: bool = False
    privilege: int = commands.USER
    sequence_out: int = 0
    highest_in: int = 0
    answered: dict[int, bytes | None] = field(default_factory=dict)
    """Answers to the last packets by session sequence number; None for packets without one."""
    used: float = field(default_factory=time.monotonic)


class IpmiServer(asyncio.DatagramProtocol):
    """The UDP endpoint of one virtual BMC."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.sessions: dict[int, Session] = {}
        self.watchdog = Watchdog(machine)
        self.boot_parameters: dict[int, bytes] = {}
        """Parameters of the boot options other than the flags."""
        self.sol_enabled = True
        self.console: Sol | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reservations: dict[str, int] = {}
        self._counted = 0
        machine.on_restart.append(self._restarted)

    @property
    def most(self) -> int:
        """Sessions that there is room for."""
        return FEW_SESSIONS if "few-sessions" in self.machine.faults else SESSIONS

    @property
    def port(self) -> int:
        """The port that it is served on."""
        return int(self._transport.get_extra_info("sockname")[1]) if self._transport else 623

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for answers."""
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Answer a datagram, or lose it where a fault says so."""
        faults = self.machine.faults
        if "silent" in faults or self.machine.away:
            return
        if "drops" in faults:
            self._counted += 1
            if self._counted % 2:
                return
        try:
            answer = self._answer(data, addr)
        except wire.Malformed:
            return  # as real BMCs do: no answer to noise
        if answer is None:
            return
        if "garbage" in faults:
            answer = answer[:4] + os.urandom(max(1, len(answer) - 4))
        if "truncated" in faults:
            answer = answer[: len(answer) // 2]
        if "slow" in faults:
            self.later(faults.slow_seconds, lambda: self._send(answer, addr))
        else:
            self._send(answer, addr)

    def _send(self, data: bytes, address: Address) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.sendto(data, address)

    def _answer(self, data: bytes, addr: Address) -> bytes | None:
        packet = wire.decode(data)
        if packet.legacy:
            return self._before_session(wire.Message.decode(packet.payload))
        if packet.session:
            return self._in_session(data, packet.session, addr)
        return self._opening(packet, addr)

    def _opening(self, packet: wire.Packet, addr: Address) -> bytes | None:
        kind, payload, answer = packet.payload_type, packet.payload, None
        if kind == wire.Payload.OPEN_REQUEST:
            answer = self._open(payload, addr)
        elif kind == wire.Payload.RAKP1:
            answer = self._rakp1(payload)
        elif kind == wire.Payload.RAKP3:
            answer = self._rakp3(payload)
        elif kind == wire.Payload.IPMI:
            message = wire.Message.decode(payload)
            return wire.plain(kind, message.answer(self._discovery(message)).encode())
        return wire.plain(kind + 1, answer) if answer else None

    def close(self) -> None:
        """Close the endpoint."""
        self.watchdog.stop()
        self.boot_timer(None)
        if self._restarted in self.machine.on_restart:
            self.machine.on_restart.remove(self._restarted)
        if self.console:
            self.console.close(tell=False)
        if self._transport:
            self._transport.close()

    # What commands ask for

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        """Do something after the answer has left."""
        asyncio.get_running_loop().call_later(seconds, work)

    def reserve(self, what: str) -> int:
        """A new reservation of the SEL or the SDR repository; those before are lost."""
        self._reservations[what] = self._reservations.get(what, 0) % 0xFFFF + 1
        return self._reservations[what]

    def reserved(self, what: str, given: bytes) -> bool:
        """True when a reservation still holds."""
        return self._reservations.get(what) == int.from_bytes(given, "little")

    def boot_timer(self, seconds: float | None) -> None:
        """Forget the boot flags after some time, or (None) keep them."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if seconds is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._forget_boot)

    def _forget_boot(self) -> None:
        self._timer = None
        self.machine.set_boot(BootOverride(uefi=self.machine.boot.uefi))

    def open_console(self, session: Session) -> bool:
        """Give the console to a session; False when another has it."""
        if self.console:
            if not self.console.session.closed and self.console.session.bmc in self.sessions:
                return False
            self.close_console()
        stream = Stream(self.machine.backend.console())
        self.console = Sol(session, lambda payload: self._push(session, payload), stream, self._console_ended)
        return True

    def close_console(self) -> bool:
        """Take the console away; False when nobody has it."""
        if self.console is None:
            return False
        self.console.close(tell=True)
        self.console = None
        return True

    def _console_ended(self, console: Sol) -> None:
        if self.console is console:
            self.console = None

    def _push(self, session: Session, payload: bytes) -> None:
        if session.keys is not None and not session.closed:
            self._send(self._seal(session, payload, SOL_PAYLOAD), session.address)

    def _restarted(self) -> None:
        if self.console:
            self.console.close(tell=False)
            self.console = None
        self.sessions.clear()

    # Before a session

    def _before_session(self, message: wire.Message) -> bytes:
        return wire.legacy(message.answer(self._discovery(message)).encode())

    def _discovery(self, message: wire.Message) -> bytes:
        if message.netfn == commands.APP and message.command == 0x38:
            # 22.13: only RMCP+ is spoken, users have names, K_G is the default.
            if message.data and not commands.is_lan(message.data[0]):
                return commands.INVALID_FIELD
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

    def _open(self, payload: bytes, addr: Address) -> bytes:
        request = rakp.OpenRequest.decode(payload)
        wanted = request.algorithms
        suite = next((s for s in SUITES.values() if (s.authentication, s.integrity, 1) == wanted), None)
        self._expire()
        status = rakp.NO_SUITE_MATCH if suite is None else rakp.OK
        if suite is not None and sum(not session.closed for session in self.sessions.values()) >= min(
            self.most, SESSIONS
        ):
            status = rakp.NO_RESOURCES
        if suite is None or status:
            return bytes([request.tag, status, 0, 0]) + request.console.to_bytes(4, "little")
        number = secrets.randbelow(0xFFFFFFFE) + 1
        role = request.role or rakp.ADMINISTRATOR
        self.sessions[number] = Session(suite, request.console, number, role, addr[:2])
        ids = request.console.to_bytes(4, "little") + number.to_bytes(4, "little")
        return bytes([request.tag, rakp.OK, role, 0]) + ids + suite.proposal()

    def _rakp1(self, payload: bytes) -> bytes:
        request = rakp.Rakp1.decode(payload)
        session = self.sessions.get(request.bmc)
        if session is None:
            return rakp.Rakp2(request.tag, rakp.INVALID_SESSION, 0).encode()
        account = self.machine.accounts.named(request.user.decode("latin-1"))
        if account is None or not account.enabled or account.locked or account.level == NO_ACCESS:
            del self.sessions[request.bmc]
            return rakp.Rakp2(request.tag, rakp.UNAUTHORIZED_NAME, session.console).encode()
        wanted = request.role & 0x0F
        if wanted > account.level:
            del self.sessions[request.bmc]
            return rakp.Rakp2(request.tag, rakp.UNAUTHORIZED_ROLE, session.console).encode()
        session.role = min(wanted or session.role, session.role, account.level)
        session.account = account
        password = account.password if "wrong-password" not in self.machine.faults else secrets.token_hex(8)
        session.handshake = Handshake(
            session.suite,
            password.encode()[:20],
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
        if session is None or session.handshake is None or session.account is None:
            return rakp.Proof(request.tag, rakp.INVALID_SESSION, 0).encode()
        if request.status:  # the console gave up (13.23): no answer is due
            del self.sessions[request.session]
            return None
        right = same(request.code, session.handshake.code3())
        self.machine.accounts.tried(session.account, right=right)
        if not right:
            del self.sessions[request.session]
            return rakp.Proof(request.tag, rakp.INVALID_CODE, session.console).encode()
        session.keys = session.handshake.keys()
        session.active = True
        return rakp.Proof(request.tag, rakp.OK, session.console, session.handshake.code4(session.keys)).encode()

    # In a session

    def _in_session(self, data: bytes, number: int, addr: Address) -> bytes | None:
        session = self.sessions.get(number)
        if session is None or not session.active or session.keys is None:
            return None
        packet = wire.decode(data, session.suite.code_length)
        if not self._genuine(session, packet) or session.keys is None:
            return None
        if packet.sequence in session.answered:
            return session.answered[packet.sequence]  # a repeat: the same answer, and nothing is done twice
        if packet.sequence + 15 < session.highest_in:
            return None
        session.highest_in = max(session.highest_in, packet.sequence)
        session.used, session.address = time.monotonic(), addr[:2]
        session.answered[packet.sequence] = None
        for old in [n for n in session.answered if n + 32 < session.highest_in]:
            del session.answered[old]
        answer = self._payload(session, packet.payload_type, decrypt(session.keys.k2, packet.payload))
        session.answered[packet.sequence] = answer
        return answer

    def _genuine(self, session: Session, packet: wire.Packet) -> bool:
        known = packet.payload_type in (wire.Payload.IPMI, SOL_PAYLOAD)
        if not packet.authenticated or not packet.encrypted or not known or session.keys is None:
            return False
        code = session.suite.mac(session.keys.k1, packet.covered)[: session.suite.code_length]
        return same(packet.code, code)

    def _payload(self, session: Session, kind: int, payload: bytes) -> bytes | None:
        if kind == SOL_PAYLOAD:
            if self.console and self.console.session is session:
                self.console.received(payload)
            return None
        message = wire.Message.decode(payload)
        return self._seal(session, message.answer(self._command(session, message)).encode(), wire.Payload.IPMI)

    def _seal(self, session: Session, message: bytes, kind: int) -> bytes:
        assert session.keys is not None
        session.sequence_out += 1
        payload = encrypt(session.keys.k2, message)
        body = wire.covered(kind, session.console, session.sequence_out, payload)
        return wire.RMCP + body + session.suite.mac(session.keys.k1, body)[: session.suite.code_length]

    def _command(self, session: Session, message: wire.Message) -> bytes:
        if message.netfn == commands.APP:
            if message.command == 0x3B:
                return self._set_privilege(session, message.data)
            if message.command == 0x3C:
                return self._close(session, message.data)
            if message.command in (0x38, 0x54):
                return self._discovery(message)
        try:
            call = commands.Call(self.machine, self, session, message.data)
            return commands.execute(call, message.netfn, message.command)
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
        if self.console and self.console.session is session:
            self.close_console()
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
