"""The datagram path to one BMC: send, wait for the answer that fits, repeat where that is harmless."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from scs_rack.bmc.errors import NoAnswer, NonsenseAnswer, PortClosed
from scs_rack.bmc.ipmi.sockets import Owner, SharedSocket, Sockets
from scs_rack.bmc.ipmi.wire import Malformed
from scs_rack.bmc.types import Target

T = TypeVar("T")

PORT = 623
_MISFITS = 256
"""Datagrams that fit nothing until a BMC is given up."""
_TICK = 0.001


class Link:
    """The datagram path to one BMC; one exchange at a time.

    The answer is looked for when the datagram arrives, before anyone waits for it, so none is lost; one timer serves
    all exchanges.

    Args:
        target: whom to call.
        sockets: those of the fleet; a socket of its own when None.
    """

    def __init__(self, target: Target, sockets: Sockets | None = None) -> None:
        self.where = f"BMC of {target.name} ({target.address})"
        """How messages call this BMC."""
        self._address = (str(target.address), target.port or PORT)
        self._shared = sockets
        self._own: Sockets | None = None
        self._socket: SharedSocket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._answer: asyncio.Future[Any] | None = None
        self._match: Callable[[bytes], Any] = lambda _raw: None
        self._repeat: Callable[[], bytes] = bytes
        self._times: list[float] = []
        """When to send again, then when to give up, last first; of the event loop's clock."""
        self._limit = 0.0
        self._misfits = 0

    async def open(self) -> None:
        """Take a place on a socket.

        Raises:
            NoAnswer: there is none.
        """
        self._loop = asyncio.get_running_loop()
        sockets = self._shared
        if sockets is None:
            sockets = self._own = Sockets()
        try:
            self._socket = sockets.join(self._address, Owner(self._received, self._failed))
        except OSError as error:
            raise NoAnswer(f"{self.where}: {error.strerror or error}") from error

    def close(self) -> None:
        """Leave the socket."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._socket is not None:
            self._socket.owners.pop(self._address, None)
            self._socket = None
        if self._own is not None:
            self._own.close()
            self._own = None

    def send(self, datagram: bytes) -> None:
        """Send without waiting for anything."""
        if self._socket is None:
            return
        try:
            self._socket.send(datagram, self._address)
        except OSError as error:
            self._failed(error)

    async def exchange(
        self, make: Callable[[], bytes], match: Callable[[bytes], T | None], sends: tuple[float, ...], until: float
    ) -> T:
        """Send and return the first answer that fits; what does not fit is dropped and the time goes on.

        Args:
            make: makes the datagram, anew for each repeat.
            match: gives the answer, None, or raises Malformed.
            sends: seconds after the start at which to send; the first is 0.
            until: seconds after the start at which to give up.

        Raises:
            NoAnswer: the time is over. PortClosed: the BMC's host says that nothing listens.
            NonsenseAnswer: it floods us with what fits nothing.
        """
        if self._socket is None or self._loop is None:
            raise NoAnswer(f"{self.where}: the session is closed")
        now = self._loop.time()
        self._times = [now + until, *(now + at for at in reversed(sends[1:]))]
        self._limit, self._misfits = until, 0
        self._match, self._repeat = match, make
        self._answer = self._loop.create_future()
        try:
            self.send(make())
            self._arm(self._loop)
            found: T = await self._answer
        finally:
            self._answer = None
        return found

    def _received(self, raw: bytes) -> None:
        if self._answer is None or self._answer.done():
            return
        try:
            found = self._match(raw)
        except Malformed:
            found = None
        except Exception as error:  # noqa: BLE001 (it is raised where the answer is waited for)
            self._answer.set_exception(error)
            return
        if found is not None:
            self._answer.set_result(found)
            return
        self._misfits += 1
        if self._misfits > _MISFITS:
            self._give_up(NonsenseAnswer(f"{self.where}: it floods us with datagrams that answer nothing"))

    def _failed(self, error: OSError) -> None:
        if isinstance(error, ConnectionRefusedError):
            self._give_up(PortClosed(f"{self.where}: nothing listens on UDP port {self._address[1]}"))
        else:
            self._give_up(NoAnswer(f"{self.where}: {error.strerror or error}"))

    def _give_up(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have the timer run no later than the next time; one that runs too early looks and goes on."""
        if self._timer is not None and self._timer.when() > self._times[-1]:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = loop.call_at(self._times[-1], self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if self._answer is None or self._answer.done():
            return
        if loop.time() + _TICK >= self._times[-1]:
            if len(self._times) == 1:
                self._give_up(NoAnswer(f"{self.where}: no answer within {self._limit:g} s"))
                return
            self._times.pop()
            try:
                self.send(self._repeat())
            except Exception as error:  # noqa: BLE001 (it is raised where the answer is waited for)
                self._give_up(error)
                return
        self._arm(loop)
