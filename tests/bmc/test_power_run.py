"""Switching many servers in an order: what emulated BMCs saw, and when."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from scs_rack.bmc import Fleet, Outcome, Target
from scs_rack.bmc.errors import NoAnswer
from scs_rack.bmc.power_budget import Load, Meter
from scs_rack.bmc.power_run import LeftOn, NoRoomOnFeed, at_once, count, in_order, in_reverse, look
from scs_rack.results import Result

from .emulators import QUICK, Emulated, emulated

Hall = dict[str, Emulated]
LIMITS = replace(QUICK, answer=1.0, repeats=(0.4,), power=1.0, shutdown=1.0)


@asynccontextmanager
async def hall(count: int, *, on: bool, **faults: list[str]) -> AsyncIterator[Hall]:
    async with AsyncExitStack() as stack:
        yield {
            name: await stack.enter_async_context(emulated("ipmi", on=on, server=name, faults=faults.get(name, [])))
            for name in (f"n{number}" for number in range(count))
        }


def load(name: str, rank: int = 0, *, settle: float = 0.4) -> Load:
    return Load(name, 100, 200, settle, ("A",), rank)


def targets(machines: Hall) -> dict[str, Target]:
    return {name: machine.target for name, machine in machines.items()}


async def gathered(outcomes: AsyncIterator[Outcome[Result]]) -> dict[str, Outcome[Result]]:
    return {outcome.target.name: outcome async for outcome in outcomes}


async def test_a_server_waits_until_those_before_it_have_settled() -> None:
    async with hall(4, on=False) as machines, Fleet.open(None, LIMITS) as fleet:
        wanted, came = [load(name) for name in machines], list[tuple[str, float]]()
        begin = time.monotonic()
        async for outcome in in_order(fleet, targets(machines), wanted, Meter({"A": 500}, None), "on"):
            assert outcome.value
            assert outcome.value.changed
            came.append((outcome.target.name, time.monotonic() - begin))
        assert all(machine.power.on for machine in machines.values())
    at = dict(came)
    assert max(at["n0"], at["n1"]) < 0.4 <= at["n2"]  # two peaks fit, three don't
    assert at["n3"] >= at["n2"]


async def test_one_that_fails_counts_as_on_and_stops_no_other() -> None:
    async with hall(3, on=False, n0=["silent"]) as machines, Fleet.open(None, LIMITS) as fleet:
        wanted = [load(name, settle=0.0) for name in machines]
        found = await gathered(in_order(fleet, targets(machines), wanted, Meter({"A": 400}, None), "on"))
        assert isinstance(found["n0"].error, NoAnswer)
        assert found["n1"].value
        assert found["n1"].value.changed
        assert found["n2"].value  # 100 of n0 + 100 of n1 + 200: just fits
        tight = await gathered(in_order(fleet, targets(machines), wanted, Meter({"A": 250}, None), "cycle"))
        assert isinstance(tight["n1"].error, NoRoomOnFeed)
        assert "A has no room for its 200 W" in tight["n1"].error.message


async def test_what_is_unknown_or_not_chosen_counts_as_drawn() -> None:
    async with hall(3, on=False, n1=["silent"]) as machines, Fleet.open(None, LIMITS) as fleet:
        chosen = [machine.target for machine in machines.values()][:2]
        seen = await look(fleet, chosen)
        meter = Meter({"A": 900}, None)
        count(meter, [load(name) for name in machines], seen, [one.name for one in chosen])
        assert meter.carried() == {"A": 200.0}
        assert set(seen.silent) == {"n1"}


async def test_off_goes_backwards_and_waits() -> None:
    async with hall(3, on=True) as machines, Fleet.open(None, LIMITS) as fleet:
        for machine in machines.values():
            machine.power.delay = 0.3
        wanted = [load("n0", 0), load("n1", 2), load("n2", 3)]
        order = [outcome.target.name async for outcome in in_reverse(fleet, targets(machines), wanted, cut=False)]
        assert order == ["n2", "n1", "n0"]
        assert not any(machine.power.on for machine in machines.values())


async def test_what_others_need_is_left_on() -> None:
    async with hall(2, on=True, n1=["silent"]) as machines, Fleet.open(None, LIMITS) as fleet:
        found = await gathered(in_reverse(fleet, targets(machines), [load("n0", 0), load("n1", 3)], cut=True))
        assert isinstance(found["n0"].error, LeftOn)
        assert machines["n0"].power.on
        found = await gathered(in_reverse(fleet, targets(machines), [load("n0", 0)], [load("n1", 3)], cut=True))
        assert isinstance(found["n0"].error, LeftOn)
        found = await gathered(at_once(fleet, targets(machines), [load("n0", 0), load("n1", 3)], "off"))
        assert found["n0"].error is None
        assert not machines["n0"].power.on


async def test_an_operating_system_that_does_not_obey_is_cut_or_left(monkeypatch: pytest.MonkeyPatch) -> None:
    async with hall(1, on=True) as machines, Fleet.open(None, LIMITS) as fleet:
        power = machines["n0"].power
        stop, asked = power.stop, list[bool]()

        def deaf(*, hard: bool) -> None:
            asked.append(hard)
            if hard:
                stop(hard=True)

        monkeypatch.setattr(power, "stop", deaf)
        found = await gathered(in_reverse(fleet, targets(machines), [load("n0")], cut=False))
        assert found["n0"].value
        assert found["n0"].value.error
        assert power.on
        found = await gathered(in_reverse(fleet, targets(machines), [load("n0")], cut=True))
        assert found["n0"].value
        assert found["n0"].value.error is None
        assert [finding.type for finding in found["n0"].value.findings] == ["shutdown-ignored"]
        assert not power.on
        assert asked == [False, False, True]
