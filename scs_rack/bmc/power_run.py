"""Switch many servers: on in the order that feeds can carry, off in the reverse order; each outcome as it comes."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from scs_rack.bmc.actions import Action, act
from scs_rack.bmc.bounds import bounds
from scs_rack.bmc.errors import BmcError
from scs_rack.bmc.fleet import Fleet, Outcome
from scs_rack.bmc.power_budget import Load, Meter
from scs_rack.bmc.types import Bmc, Power, Target
from scs_rack.results import Finding, Result


class NoRoomOnFeed(BmcError):
    """A server was not switched on, since a feed can't carry it; servers whose state is unknown count as on."""

    hint = "find out about servers that did not answer, or switch something off"


class LeftOn(BmcError):
    """A server was left on, since one that needs it still runs or may run."""

    hint = "mend what failed and run it again, or `--now` cuts the power of all"


@dataclass(frozen=True)
class Seen:
    """Power of the chosen servers before anything is done."""

    states: Mapping[str, Power]
    """Of those whose BMC told it."""
    silent: Mapping[str, Outcome[Power]]
    """The others, with their errors."""


async def look(fleet: Fleet, targets: Sequence[Target]) -> Seen:
    """Ask all BMCs for the power state."""
    states, silent = dict[str, Power](), dict[str, Outcome[Power]]()

    async def power(bmc: Bmc) -> Power:
        return await bmc.power_state()

    async for outcome in fleet.run(targets, power):
        if outcome.value is None:
            silent[outcome.target.name] = outcome
        else:
            states[outcome.target.name] = outcome.value
    return Seen(states, silent)


def count(meter: Meter, known: Sequence[Load], seen: Seen, chosen: Sequence[str]) -> None:
    """Set a meter to what is drawn before the first is switched: only what is known to be off draws nothing."""
    for load in known:
        off = load.name in chosen and seen.states.get(load.name) is Power.OFF
        meter.set(load, "off" if off else "steady")


async def in_order(
    fleet: Fleet, targets: Mapping[str, Target], wanted: Sequence[Load], meter: Meter, action: Literal["on", "cycle"]
) -> AsyncIterator[Outcome[Result]]:
    """Switch servers on, or off and on, each when its feeds can carry its peak, none before one that stands first.

    One that fails keeps its share of the feeds, for it may be on, and makes no other wait for longer than that.
    """
    news: asyncio.Queue[tuple[Load, Outcome[Result] | None]] = asyncio.Queue()
    running: dict[str, asyncio.Task[None]] = {}
    settling: dict[str, asyncio.TimerHandle] = {}
    waiting = deque(wanted)
    places = _places([targets[load.name] for load in wanted])

    async def one(load: Load) -> None:
        news.put_nowait((load, await fleet.one(targets[load.name], lambda bmc: act(bmc, action, fleet.limits))))

    try:
        while waiting or running:
            while waiting and len(running) < places and not meter.hinders(waiting[0]):
                load = waiting.popleft()
                meter.set(load, "peak")
                running[load.name] = asyncio.create_task(one(load))
            if waiting and not running and not settling:
                load = waiting.popleft()
                words = f"{load.name} was left off: {meter.hinders(load)} has no room for its {load.peak} W"
                yield Outcome(targets[load.name], None, NoRoomOnFeed(words), 0.0)
                continue
            load, outcome = await news.get()
            if outcome is None:
                del settling[load.name]
                meter.set(load, "steady")
                continue
            del running[load.name]
            if outcome.value and outcome.value.changed:
                loop = asyncio.get_running_loop()
                settling[load.name] = loop.call_later(load.settle, news.put_nowait, (load, None))
            else:
                meter.set(load, "steady")
            yield outcome
    finally:
        for handle in settling.values():
            handle.cancel()
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)


async def in_reverse(
    fleet: Fleet, targets: Mapping[str, Target], wanted: Sequence[Load], unknown: Sequence[Load] = (), *, cut: bool
) -> AsyncIterator[Outcome[Result]]:
    """Ask operating systems to shut down, compute before storage before control; the next when all before are off.

    Args:
        fleet: to call by.
        targets: BMCs by server.
        wanted: servers that are on.
        unknown: servers that may be on, since their BMCs do not answer; what they need is left on.
        cut: cut the power of what does not shut down in time.
    """
    unsure: list[str] = []
    ordered = sorted(wanted, key=lambda load: -load.rank)
    for rank, group in groupby(ordered, key=lambda load: load.rank):
        chosen = [targets[load.name] for load in group]
        above = unsure + [load.name for load in unknown if load.rank > rank]
        if above:
            words = f"was left on: {', '.join(above)} may still run and need it"
            for target in chosen:
                yield Outcome(target, None, LeftOn(f"{target.name} {words}"), 0.0)
            continue
        async for outcome in fleet.run(chosen, lambda bmc: _shut_down(bmc, fleet, cut=cut)):
            if outcome.value is None or outcome.value.error:
                unsure.append(outcome.target.name)
            yield outcome


async def at_once(
    fleet: Fleet, targets: Mapping[str, Target], wanted: Sequence[Load], action: Action
) -> AsyncIterator[Outcome[Result]]:
    """The same action on all, begun in the reverse order of power-on, no one waiting for another."""
    ordered = sorted(wanted, key=lambda load: -load.rank)
    async for outcome in fleet.run(
        [targets[load.name] for load in ordered], lambda bmc: act(bmc, action, fleet.limits)
    ):
        yield outcome


def _places(targets: Sequence[Target]) -> int:
    """Servers that may be in work at the same time, whichever protocol they speak."""
    allowed = bounds(targets)
    return min((allowed.of(target.protocol) for target in targets), default=1)


async def _shut_down(bmc: Bmc, fleet: Fleet, *, cut: bool) -> Result:
    result = await act(bmc, "soft", fleet.limits)
    if result.error is None or not cut:
        return result
    hard = await act(bmc, "off", fleet.limits)
    limit = fleet.limits.shutdown
    seen = f"on after {limit:.0f} s; its power was cut"
    hint = "does its operating system listen to the power button (ACPI)?"
    finding = Finding("shutdown-ignored", "warning", bmc.target.name, "a shutdown when asked", seen, hint)
    return replace(hard, step="power off", findings=(finding, *hard.findings), duration=result.duration + hard.duration)
