"""What scenarios work with, and what they say."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Literal

from scs_rack.bmc.errors import BmcError, Busy, NoAnswer
from scs_rack.bmc.fleet import Fleet
from scs_rack.bmc.types import Bmc, ProtocolName, Target
from scs_rack.model.quirks import Quirk

Word = Literal["pass", "fail", "not proven", "not applicable", "not run"]


@dataclass(frozen=True)
class Verdict:
    """What came of a scenario."""

    word: Word
    evidence: str
    quirks: tuple[Quirk, ...] = ()
    """Departures that were seen, for the rack file."""
    figures: dict[str, float | int | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Bench:
    """A server on the bench."""

    fleet: Fleet
    target: Target
    rounds: int = 10
    """How often what shall be reliable is done."""
    post: float = 120.0
    """Seconds that POST may take, until what it does to settings can be seen."""
    image: str = ""
    """URL of an image for virtual media; without it they are not tried."""

    @property
    def limits(self) -> float:
        """Seconds until a power state must be observed."""
        return self.fleet.limits.power

    def only(self, protocol: ProtocolName) -> Target:
        """The server's BMC over one protocol, without falling back to the other."""
        if protocol == self.target.protocol:
            return replace(self.target, fallback=False)
        port, other = self.target.fallback_port, self.target.port
        return replace(self.target, protocol=protocol, port=port, fallback_port=other, fallback=False)

    def call(self, protocol: ProtocolName | None = None) -> AbstractAsyncContextManager[Bmc]:
        """Log in over one protocol (the model's when None)."""
        return self.fleet.bmc(self.only(protocol or self.target.protocol))


Run = Callable[[Bench], Awaitable[Verdict]]


@dataclass(frozen=True)
class Scenario:
    """One thing that is tried."""

    name: str
    what: str
    """What a server must do, in words for its vendor."""
    run: Run
    needs: Literal["any", "redfish", "both"] = "any"
    disturbs: Literal["nothing", "bmc", "server"] = "nothing"
    """What it switches off or resets."""


def spread(seconds: Sequence[float]) -> str:
    """Median and longest of some times, in words."""
    ordered = sorted(seconds)
    return f"median {ordered[len(ordered) // 2]:.1f} s, longest {ordered[-1]:.1f} s" if ordered else "never"


async def until(look: Callable[[], Awaitable[bool]], seconds: float, pause: float = 0.5) -> float | None:
    """Seconds until something is so; None where it is not so within a time. Silence meanwhile is no answer."""
    begin = time.monotonic()
    while time.monotonic() - begin <= seconds:
        try:
            if await look():
                return time.monotonic() - begin
        except (NoAnswer, Busy):
            pass
        await asyncio.sleep(pause)
    return None


async def supported(bench: Bench, protocol: ProtocolName) -> str:
    """Why a protocol is of no use with this server; empty where it is."""
    try:
        async with bench.call(protocol) as bmc:
            await bmc.power_state()
    except BmcError as error:
        return error.message
    return ""
