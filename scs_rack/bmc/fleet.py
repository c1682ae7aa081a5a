"""Many BMCs at once: bounded, each with its own time limits, answers as they come."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from scs_rack.bmc.bounds import Bounds, bounds
from scs_rack.bmc.choice import chosen, spoken
from scs_rack.bmc.errors import BmcError, NoAnswer, NonsenseAnswer, SuiteRefused
from scs_rack.bmc.ipmi.driver import IpmiBmc
from scs_rack.bmc.ipmi.session import IpmiSession
from scs_rack.bmc.ipmi.sockets import Sockets
from scs_rack.bmc.known import Hint, Known
from scs_rack.bmc.types import Bmc, ProtocolName, Target, TimeLimits

if TYPE_CHECKING:
    import ssl

    from scs_rack.bmc.redfish.transport import Service

log = logging.getLogger(__name__)
T = TypeVar("T")

READING = 90.0
"""Seconds that all of a call that only reads may take at one BMC, however slowly it drips."""
_BATCH = 32
"""BMCs that are begun before answers get their turn: so the pace follows the machine, and no answer lies for long."""


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What came of the work on one BMC: a value or an error."""

    target: Target
    value: T | None
    error: BmcError | None
    duration: float
    """Seconds."""
    over: tuple[ProtocolName, ...] = ()
    """Protocols that were spoken, the first one first; empty where there is an error."""


class Fleet:
    """Calls BMCs. Use it as `async with Fleet.open(...) as fleet`.

    It holds what all BMCs share: UDP sockets, one TLS context, and what is known of them.
    """

    def __init__(
        self, ca_file: Path | None, limits: TimeLimits, at_once: int | None, rate: float | None, known: Known
    ) -> None:
        self.limits = limits
        self.known = known
        self._ca_file = ca_file
        self._at_once = at_once
        self._rate = rate
        self._sockets = Sockets()
        self._context: ssl.SSLContext | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        ca_file: Path | None = None,
        limits: TimeLimits | None = None,
        at_once: int | None = None,
        rate: float | None = None,
        known: Path | None = None,
    ) -> AsyncIterator["Fleet"]:
        """Make the shared parts and close them at the end.

        Args:
            ca_file: the CA that signs the BMCs' certificates.
            limits: time limits of each BMC.
            at_once: BMCs in work at the same time, at most; as files and memory allow when None.
            rate: BMCs begun in a second, at most.
            known: file that keeps what was learnt of BMCs.
        """
        fleet = cls(ca_file, limits or TimeLimits(), at_once, rate, Known(known))
        try:
            yield fleet
        finally:
            fleet._sockets.close()
            fleet.known.save()

    @asynccontextmanager
    async def bmc(self, target: Target) -> AsyncIterator[Bmc]:
        """Log in to one BMC and out again; over the other protocol where its own is silent (see `choice`)."""
        async with chosen(target, self.limits, self._spoken) as bmc:
            yield bmc

    @asynccontextmanager
    async def _spoken(self, target: Target) -> AsyncIterator[Bmc]:
        """Log in over the protocol of the target."""
        if target.protocol == "ipmi":
            async with self._ipmi(target) as session:
                yield IpmiBmc(target, session)
        else:
            from scs_rack.bmc.redfish.driver import logged_in
            from scs_rack.bmc.redfish.transport import Service

            service = Service(target, self._tls(), self.limits, self.known.hint(target))
            try:
                async with logged_in(service) as bmc:
                    yield bmc
            finally:
                service.close()

    @asynccontextmanager
    async def service(self, target: Target) -> AsyncIterator["Service"]:
        """A Redfish service without a login, for what looks at logins themselves; nothing is known of it before."""
        from scs_rack.bmc.redfish.transport import Service

        service = Service(target, self._tls(), self.limits, Hint())
        try:
            yield service
        finally:
            service.close()

    async def run(
        self, targets: Iterable[Target], work: Callable[[Bmc], Awaitable[T]], within: float | None = None
    ) -> AsyncIterator[Outcome[T]]:
        """Do the same work on all BMCs and give each outcome as soon as it is there.

        Whatever goes wrong with one BMC becomes its outcome and touches no other. Closing the iterator ends all work.

        Args:
            targets: whom to call.
            work: what to do, logged in.
            within: seconds for all of it at one BMC; without it, the limits of single requests end what hangs.

        Raises:
            TooFewFiles: this process may not open enough files to call one.
        """
        chosen = list(targets)
        if not chosen:
            return
        done: asyncio.Queue[Outcome[T]] = asyncio.Queue()
        running: set[asyncio.Task[None]] = set()

        async def one(target: Target) -> None:
            done.put_nowait(await self._outcome(target, work, within))

        def begin(target: Target) -> None:
            task = asyncio.create_task(one(target))
            running.add(task)
            task.add_done_callback(running.discard)

        queue = _Queue(chosen, bounds(chosen, self._at_once, self._rate))
        starter = asyncio.create_task(queue.start(begin))
        try:
            for _ in chosen:
                outcome = await done.get()
                queue.ended(outcome.target.protocol)
                yield outcome
        finally:
            rest = [starter, *running]
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)

    async def one(self, target: Target, work: Callable[[Bmc], Awaitable[T]], within: float | None = None) -> Outcome[T]:
        """As `run`, for one BMC; for callers that keep an order of their own."""
        return await self._outcome(target, work, within)

    @asynccontextmanager
    async def _ipmi(self, target: Target) -> AsyncIterator[IpmiSession]:
        """A session, with the cipher suite first that the BMC took the last time."""
        hint = self.known.hint(target)
        suites = (hint.suite, *(number for number in (17, 3) if number != hint.suite)) if hint.suite else (17, 3)
        try:
            async with IpmiSession(target, self.limits, suites, self._sockets) as session:
                hint.suite = session.suite
                yield session
        except SuiteRefused:
            self.known.forget(target)
            raise

    def _tls(self) -> "ssl.SSLContext":
        """The TLS context of all BMCs; made when the first one needs it, since that takes its time."""
        if self._context is None:
            from scs_rack.bmc.redfish.transport import tls_context

            self._context = tls_context(self._ca_file)
        return self._context

    async def _outcome(self, target: Target, work: Callable[[Bmc], Awaitable[T]], within: float | None) -> Outcome[T]:
        begin = time.monotonic()
        try:
            value, over = await self._worked(target, work, within)
        except BmcError as error:
            return Outcome(target, None, error, time.monotonic() - begin)
        except Exception as error:
            # A BMC sends anything; what we did not foresee costs this one BMC only.
            log.exception("work on the BMC of %s failed", target.name)
            strange = NonsenseAnswer(f"{target.where}: {type(error).__name__}: {str(error)[:200]}")
            return Outcome(target, None, strange, time.monotonic() - begin)
        return Outcome(target, value, None, time.monotonic() - begin, over)

    async def _worked(
        self, target: Target, work: Callable[[Bmc], Awaitable[T]], within: float | None
    ) -> tuple[T, tuple[ProtocolName, ...]]:
        if within is None:
            async with self.bmc(target) as bmc:
                return await work(bmc), spoken(bmc)
        try:
            async with asyncio.timeout(within) as clock, self.bmc(target) as bmc:
                return await work(bmc), spoken(bmc)
        except TimeoutError as error:
            if not clock.expired():
                raise
            words = f"{target.where}: it answers, but was not done within {within:g} s"
            raise NoAnswer(words, "a BMC that is overloaded or broken; resetting it may help") from error


class _Queue:
    """BMCs that wait for their turn: as many in work as the bounds allow, no more begun in a second than they say."""

    def __init__(self, targets: Iterable[Target], allowed: Bounds) -> None:
        self._waiting: dict[ProtocolName, deque[Target]] = {"ipmi": deque(), "redfish": deque()}
        for target in targets:
            self._waiting[target.protocol].append(target)
        self._places: dict[ProtocolName, int] = {name: allowed.of(name) for name in self._waiting}
        self._rate = allowed.rate
        self._free = asyncio.Event()

    def ended(self, protocol: ProtocolName) -> None:
        """A BMC is done: its place is free."""
        self._places[protocol] += 1
        self._free.set()

    async def start(self, begin: Callable[[Target], None]) -> None:
        """Begin all of them, each in its turn."""
        loop = asyncio.get_running_loop()
        since, begun = loop.time(), 0
        while any(self._waiting.values()):
            batch = [target for _ in range(_BATCH) if (target := self._next())]
            for target in batch:
                begin(target)
            begun += len(batch)
            early = begun / self._rate - (loop.time() - since)
            if not batch:
                self._free.clear()
                await self._free.wait()
            else:
                await asyncio.sleep(max(0.0, early))

    def _next(self) -> Target | None:
        """The next BMC that has a place; both protocols in turn, so that neither waits for the other."""
        for protocol in sorted(self._waiting, key=lambda name: -self._places[name]):
            if self._waiting[protocol] and self._places[protocol] > 0:
                self._places[protocol] -= 1
                return self._waiting[protocol].popleft()
        return None
