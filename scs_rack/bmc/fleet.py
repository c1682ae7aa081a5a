"""Many BMCs at once: bounded, each with its own time limits, answers as they come."""

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from scs_rack.bmc.errors import BmcError, NonsenseAnswer
from scs_rack.bmc.ipmi.driver import IpmiBmc
from scs_rack.bmc.ipmi.session import IpmiSession
from scs_rack.bmc.types import Bmc, Target, TimeLimits

if TYPE_CHECKING:
    import ssl

    import aiohttp

log = logging.getLogger(__name__)
T = TypeVar("T")

AT_ONCE = 128
"""BMCs in work at the same time; each holds one socket."""


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What came of the work on one BMC: a value or an error."""

    target: Target
    value: T | None
    error: BmcError | None
    duration: float
    """Seconds."""


class Fleet:
    """Calls BMCs. Use it as `async with Fleet.open(...) as fleet`.

    It holds what all BMCs share: one HTTP client and one TLS context.
    """

    def __init__(
        self, client: "aiohttp.ClientSession", context: "ssl.SSLContext", limits: TimeLimits, at_once: int
    ) -> None:
        self.limits = limits
        self._client = client
        self._context = context
        self._at_once = at_once

    @classmethod
    @asynccontextmanager
    async def open(
        cls, ca_file: Path | None = None, limits: TimeLimits | None = None, at_once: int = AT_ONCE
    ) -> AsyncIterator["Fleet"]:
        """Make the shared parts and close them at the end.

        Args:
            ca_file: the CA that signs the BMCs' certificates.
            limits: time limits of each BMC.
            at_once: BMCs in work at the same time.
        """
        from scs_rack.bmc.redfish.transport import http_client, tls_context

        known = limits or TimeLimits()
        async with http_client(known) as client:
            yield cls(client, tls_context(ca_file), known, at_once)

    @asynccontextmanager
    async def bmc(self, target: Target) -> AsyncIterator[Bmc]:
        """Log in to one BMC and out again."""
        if target.protocol == "ipmi":
            async with IpmiSession(target, self.limits) as session:
                yield IpmiBmc(target, session)
        else:
            from scs_rack.bmc.redfish.driver import logged_in
            from scs_rack.bmc.redfish.transport import Service

            async with logged_in(Service(target, self._client, self._context, self.limits)) as bmc:
                yield bmc

    async def run(self, targets: Iterable[Target], work: Callable[[Bmc], Awaitable[T]]) -> AsyncIterator[Outcome[T]]:
        """Do the same work on all BMCs and give each outcome as soon as it is there.

        Whatever goes wrong with one BMC becomes its outcome and touches no other. Closing the iterator ends all work.
        """
        done: asyncio.Queue[Outcome[T]] = asyncio.Queue()
        running: set[asyncio.Task[None]] = set()

        async def one(target: Target) -> None:
            await done.put(await self._outcome(target, work))

        def begin(target: Target) -> None:
            task = asyncio.create_task(one(target))
            running.add(task)
            task.add_done_callback(running.discard)

        chosen = list(targets)
        waiting = iter(chosen)
        for target in itertools.islice(waiting, self._at_once):
            begin(target)
        try:
            for _ in chosen:
                outcome = await done.get()
                for target in itertools.islice(waiting, 1):
                    begin(target)
                yield outcome
        finally:
            rest = list(running)
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)

    async def _outcome(self, target: Target, work: Callable[[Bmc], Awaitable[T]]) -> Outcome[T]:
        begin = time.monotonic()
        try:
            async with self.bmc(target) as bmc:
                value = await work(bmc)
        except BmcError as error:
            return Outcome(target, None, error, time.monotonic() - begin)
        except Exception as error:
            # A BMC sends anything; what we did not foresee costs this one BMC only.
            log.exception("work on the BMC of %s failed", target.name)
            strange = NonsenseAnswer(
                f"BMC of {target.name} ({target.address}): {type(error).__name__}: {str(error)[:200]}"
            )
            return Outcome(target, None, strange, time.monotonic() - begin)
        return Outcome(target, value, None, time.monotonic() - begin)
