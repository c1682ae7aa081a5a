"""One RMCP+ session with one BMC: commands that are encrypted, authenticated and numbered.

What must not happen twice is sent once; all else is repeated with a fresh session sequence number (a BMC drops a
number that it knows) and the same request number. Source: IPMI v2.0 rev. 1.1, 6.12 and 13.
"""

import asyncio
from typing import Self

from scs_rack.bmc.errors import (
    AnswerLost,
    BmcError,
    Busy,
    NoAnswer,
    NonsenseAnswer,
    NotSupported,
    PrivilegeTooLow,
    Refused,
)
from scs_rack.bmc.ipmi import rakp, wire
from scs_rack.bmc.ipmi.link import Link
from scs_rack.bmc.ipmi.login import Login, login
from scs_rack.bmc.ipmi.sockets import Sockets
from scs_rack.bmc.ipmi.suites import decrypt, encrypt, same
from scs_rack.bmc.types import Target, TimeLimits

APP = 0x06
_WINDOW = 16
"""How many numbers an answer may come late (6.12.13)."""
_COMPLETION = {
    0xC0: "node busy",
    0xC1: "unknown command",
    0xC2: "unknown command for this LUN",
    0xC3: "time-out inside the BMC",
    0xC4: "out of space",
    0xC7: "request of a wrong length",
    0xC9: "parameter out of range",
    0xCB: "not present",
    0xCC: "invalid data field",
    0xCE: "can't answer now",
    0xD0: "records are being updated",
    0xD1: "firmware update mode",
    0xD2: "BMC is starting",
    0xD3: "destination unavailable",
    0xD4: "privilege too low",
    0xD5: "not possible in this state",
    0xD6: "disabled",
}
_TIME_OUT = 0xC3
_PATIENCE = 2
"""How often a command is run again that a BMC was too busy for."""
_BUSY = frozenset({0xC0, 0xC3, 0xCE, 0xD0, 0xD1, 0xD2})


class IpmiSession:
    """A session; an async context manager, so that it is always closed.

    Args:
        target: whom to call.
        limits: time limits.
        suites: cipher suites to try, best first.
        sockets: those that a fleet shares; one of its own when None.
    """

    def __init__(
        self,
        target: Target,
        limits: TimeLimits,
        suites: tuple[int, ...] = (17, 3),
        sockets: Sockets | None = None,
    ) -> None:
        self._target = target
        self.limits = limits
        self._suites = suites
        self._link = Link(target, sockets)
        self._login: Login | None = None
        self._raised = False
        self._sequence_out = 0
        self._highest_in = 0
        self._seen: set[int] = set()
        self._request = 0
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self._link.open()
        try:
            await self._begin()
        except BaseException:
            self._link.close()
            raise
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self.release()
        self._suites = ()
        self._link.close()

    def release(self) -> None:
        """Close the session, so that another program may have its place; the next command opens one again."""
        if self._login is not None:  # the answer to a close is not waited for
            self._link.send(self._sealed(self._message(APP, 0x3C, self._login.bmc.to_bytes(4, "little"))))
        self._login = None

    async def _begin(self) -> None:
        """Log in; again after a pause where the BMC has no free session."""
        self._sequence_out, self._highest_in, self._seen, self._raised = 0, 0, set(), False
        for pause in self.limits.patience[:_PATIENCE]:
            try:
                self._login = await login(self._link, self._target, self.limits, self._suites)
            except Busy:
                await asyncio.sleep(pause)
            else:
                return
        self._login = await login(self._link, self._target, self.limits, self._suites)

    @property
    def suite(self) -> int:
        """Number of the cipher suite in use; 0 before the login."""
        return self._login.suite.number if self._login else 0

    async def command(self, netfn: int, number: int, data: bytes = b"", *, once: bool = False) -> bytes:
        """Run a command and return its data after the completion code.

        It is run again after a pause where the BMC says that it was too busy to do it.

        Args:
            netfn: network function.
            number: command number.
            data: request data.
            once: never send it a second time; a lost answer becomes AnswerLost.

        Raises:
            BmcError: no answer, or the BMC refused.
        """
        for pause in self.limits.patience[:_PATIENCE]:
            try:
                return await self._run(netfn, number, data, once=once)
            except Busy as error:
                if once and error.status == _TIME_OUT:  # it may have been done
                    raise
            await asyncio.sleep(pause)
        return await self._run(netfn, number, data, once=once)

    async def _run(self, netfn: int, number: int, data: bytes, *, once: bool) -> bytes:
        async with self._lock:
            if self._login is None and self._suites:
                await self._begin()
            request = self._message(netfn, number, data)

            def match(raw: bytes) -> wire.Message | None:
                answer = self._opened(raw)
                wanted = (netfn | 1, number, request.sequence)
                return answer if answer and (answer.netfn, answer.command, answer.sequence) == wanted else None

            repeats = () if once else tuple(at for at in self.limits.repeats if at < self.limits.answer)
            try:
                answer = await self._link.exchange(
                    lambda: self._sealed(request), match, (0.0, *repeats), self.limits.answer
                )
            except NoAnswer as error:
                if once:
                    raise AnswerLost(f"{self._link.where}: the answer to an action was lost") from error
                raise
        if not answer.data:
            raise NonsenseAnswer(f"{self._link.where}: an answer without a completion code")
        self._judge(netfn, number, answer.data[0])
        return answer.data[1:]

    async def administrator(self) -> None:
        """Raise the session's privilege, which changes ask for (22.18); once a session."""
        if self._raised and self._login is not None:
            return
        try:
            await self.command(APP, 0x3B, bytes([rakp.ADMINISTRATOR]))
        except Refused as error:
            raise PrivilegeTooLow(f"{self._link.where}: user {self._target.user} is no administrator") from error
        self._raised = True

    def _message(self, netfn: int, number: int, data: bytes) -> wire.Message:
        self._request = (self._request + 1) % 64
        return wire.Message(netfn, number, data, self._request)

    def _sealed(self, message: wire.Message) -> bytes:
        agreed = self._agreed()
        self._sequence_out += 1
        payload = encrypt(agreed.keys.k2, message.encode())
        body = wire.covered(wire.Payload.IPMI, agreed.bmc, self._sequence_out, payload)
        return wire.RMCP + body + agreed.suite.mac(agreed.keys.k1, body)[: agreed.suite.code_length]

    def _opened(self, raw: bytes) -> wire.Message | None:
        """The message in a datagram of this session; None for anything else, repeats and forgeries included."""
        agreed = self._agreed()
        packet = wire.decode(raw, agreed.suite.code_length)
        ours = packet.session == agreed.console and packet.payload_type == wire.Payload.IPMI
        if not ours or not packet.authenticated or not packet.encrypted:
            return None
        if not same(packet.code, agreed.suite.mac(agreed.keys.k1, packet.covered)[: agreed.suite.code_length]):
            return None
        if packet.sequence in self._seen or packet.sequence + _WINDOW < self._highest_in:
            return None
        self._highest_in = max(self._highest_in, packet.sequence)
        self._seen = {n for n in self._seen if n + _WINDOW >= self._highest_in} | {packet.sequence}
        return wire.Message.decode(decrypt(agreed.keys.k2, packet.payload))

    def _agreed(self) -> Login:
        if self._login is None:
            raise NoAnswer(f"{self._link.where}: the session is closed")
        return self._login

    def _judge(self, netfn: int, number: int, code: int) -> None:
        if code == 0:
            return
        words = _COMPLETION.get(code, "refused")
        what = f"{self._link.where}: command {netfn:#04x}/{number:#04x}: {words} ({code:#04x})"
        kinds: dict[int, type[BmcError]] = {0xD4: PrivilegeTooLow, 0xC1: NotSupported, 0xC2: NotSupported}
        error = kinds.get(code, Busy if code in _BUSY else Refused)(what)
        error.status = code
        raise error
