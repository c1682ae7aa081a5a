"""Open a session by RAKP: three exchanges, nothing asked before them.

Lost steps are repeated. A BMC that gets a message twice may have drawn a new random number or finished meanwhile, and
then refuses what follows; so after a repeat a refused proof is no wrong password (RAKP message 2 has shown that it is
right), and the handshake starts afresh, once. Source: IPMI v2.0 rev. 1.1, 13.15 to 13.24.
"""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from scs_rack.bmc.errors import (
    Busy,
    LoginFailed,
    NoAnswer,
    NonsenseAnswer,
    PortClosed,
    PrivilegeTooLow,
    SuiteRefused,
    WrongPassword,
    WrongUser,
)
from scs_rack.bmc.ipmi import rakp, wire
from scs_rack.bmc.ipmi.link import Link
from scs_rack.bmc.ipmi.suites import SUITES, Handshake, Keys, Suite, same
from scs_rack.bmc.types import Target, TimeLimits

A = TypeVar("A")
T = TypeVar("T", rakp.Rakp2, rakp.Proof)

_ROLE = rakp.NAME_ONLY | rakp.ADMINISTRATOR


@dataclass(frozen=True)
class Login:
    """What both sides agreed on."""

    suite: Suite
    keys: Keys
    console: int
    bmc: int


async def login(link: Link, target: Target, limits: TimeLimits, suites: tuple[int, ...]) -> Login:
    """Log in with the first cipher suite that the BMC takes.

    Raises:
        NoAnswer: the BMC is silent.
        WrongPassword, WrongUser, PrivilegeTooLow, LoginFailed: it answers and refuses; one try was made.
        SuiteRefused: it takes none of the suites.
        Busy: it has no free session.
    """
    refused = SuiteRefused(f"{link.where}: no cipher suite to try")
    for number in suites:
        try:
            return await _patient(_Attempt(link, target, limits, SUITES[number]))
        except SuiteRefused as error:
            refused = error
    raise refused


async def _patient(attempt: "_Attempt") -> Login:
    opened = await attempt.open()
    try:
        return await attempt.prove(opened)
    except PortClosed:
        raise
    except (NoAnswer, LoginFailed):
        if not attempt.repeated or attempt.refused:
            raise
    return await attempt.prove(await attempt.open())


class _Attempt:
    """The exchanges of a login with one suite."""

    def __init__(self, link: Link, target: Target, limits: TimeLimits, suite: Suite) -> None:
        self.repeated = False
        """True once a message was sent a second time."""
        self.refused = False
        """True once it is certain that user, password or role are refused."""
        self._limits = limits
        self._link = link
        self._target = target
        self._suite = suite

    async def open(self) -> rakp.OpenResponse:
        """Ask for a session; repeats are harmless, since the numbers of the answer decide."""
        tag, console = secrets.randbelow(254), secrets.randbelow(0xFFFFFFFE) + 1
        request = wire.plain(wire.Payload.OPEN_REQUEST, rakp.open_request(tag, console, self._suite))

        def match(raw: bytes) -> rakp.OpenResponse | None:
            packet = wire.decode(raw)
            if packet.payload_type != wire.Payload.OPEN_RESPONSE:
                return None
            answer = rakp.OpenResponse.decode(packet.payload)
            return answer if answer.tag == tag and (answer.status or answer.console == console) else None

        answer = await self._exchange(request, match)
        if answer.status in rakp.SUITE_STATUS:
            words = rakp.STATUS[answer.status]
            raise SuiteRefused(f"{self._link.where}: cipher suite {self._suite.number} refused: {words}")
        if answer.status == rakp.NO_RESOURCES:
            raise Busy(f"{self._link.where}: it has no free session")
        if answer.status != rakp.OK:
            raise LoginFailed(f"{self._link.where}: session refused: {_words(answer.status)}")
        if answer.algorithms != (self._suite.authentication, self._suite.integrity, 1):
            # Some answer with other algorithms than those asked for where they should refuse.
            raise SuiteRefused(
                f"{self._link.where}: it chose other algorithms than those of suite {self._suite.number}"
            )
        return answer

    async def prove(self, opened: rakp.OpenResponse) -> Login:
        """RAKP messages 1 to 4."""
        link, user, random = self._link, self._target.user.encode(), os.urandom(16)
        first = rakp.Rakp1(opened.tag + 1, opened.bmc, random, _ROLE, user)
        second = await self._step(wire.Payload.RAKP1, first.encode(), rakp.Rakp2, opened.console)
        self.refused = second.status != rakp.OK
        self._judge(second.status)
        shared = Handshake(
            self._suite,
            self._target.password.encode(),
            opened.console,
            opened.bmc,
            random,
            second.random,
            second.guid,
            _ROLE,
            user,
        )
        if not same(second.code, shared.code2()):
            # Tell the BMC that no proof will follow, so that it frees the session (13.23).
            gone = rakp.Proof(opened.tag + 2, rakp.INVALID_CODE, opened.bmc)
            link.send(wire.plain(wire.Payload.RAKP3, gone.encode()))
            self.refused = True
            raise WrongPassword(f"{link.where}: the password of user {self._target.user} is wrong")
        proof = rakp.Proof(opened.tag + 2, rakp.OK, opened.bmc, shared.code3())
        fourth = await self._step(wire.Payload.RAKP3, proof.encode(), rakp.Proof, opened.console)
        self._judge(fourth.status)
        keys = shared.keys()
        if not same(fourth.code, shared.code4(keys)):
            raise NonsenseAnswer(f"{link.where}: it does not prove that it made the same keys")
        return Login(self._suite, keys, opened.console, opened.bmc)

    async def _step(self, kind: wire.Payload, payload: bytes, answer: type[T], console: int) -> T:
        """Send and wait for the answer of this very step."""

        def match(raw: bytes) -> T | None:
            packet = wire.decode(raw)
            if packet.payload_type != kind + 1:
                return None
            found = answer.decode(packet.payload)
            session = found.console if isinstance(found, rakp.Rakp2) else found.session
            # With an error some leave the session id empty.
            return found if found.tag == payload[0] and (session == console or found.status) else None

        return await self._exchange(wire.plain(kind, payload), match)

    async def _exchange(self, datagram: bytes, match: Callable[[bytes], A | None]) -> A:
        sent = 0

        def make() -> bytes:
            nonlocal sent
            sent += 1
            self.repeated = self.repeated or sent > 1
            return datagram

        sends = (0.0, *(at for at in self._limits.repeats if at < self._limits.answer))
        return await self._link.exchange(make, match, sends, self._limits.answer)

    def _judge(self, status: int) -> None:
        if status == rakp.OK:
            return
        who = f"{self._link.where}: user {self._target.user}"
        if status in (rakp.UNAUTHORIZED_NAME, rakp.INVALID_NAME_LENGTH):
            raise WrongUser(f"{self._link.where}: it does not know user {self._target.user}")
        if status in (rakp.INVALID_ROLE, rakp.UNAUTHORIZED_ROLE):
            raise PrivilegeTooLow(f"{who}: {_words(status)}")
        if status == rakp.INVALID_CODE:
            raise WrongPassword(f"{who}: the BMC says that the password is wrong")
        raise LoginFailed(f"{who}: login refused: {_words(status)}")


def _words(status: int) -> str:
    return rakp.STATUS.get(status, f"status {status:#04x}")
