"""Many BMCs at once."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from scs_rack.bmc import Bmc, Fleet, Outcome, Power, act
from scs_rack.bmc.errors import NoAnswer, NonsenseAnswer, PortClosed
from scs_rack.bmc.stream import stream
from scs_rack.results import Result

from .emulators import QUICK, emulated, target

PATIENT = replace(QUICK, answer=20.0, repeats=(3.0,), login=30.0, slow_answer=30.0, power=30.0)


async def power(bmc: Bmc) -> Power:
    return await bmc.power_state()


async def test_200_bmcs_in_one_breath(tls_files: tuple[Path, Path]) -> None:
    async with AsyncExitStack() as stack:
        machines = []
        for number in range(200):
            protocol = "redfish" if number % 4 == 0 else "ipmi"
            options = {"cert": tls_files[0], "key": tls_files[1], "server": f"n{number}"}
            machines.append(await stack.enter_async_context(emulated(protocol, on=bool(number % 2), **options)))
        targets = [machine.target for machine in machines]
        async with Fleet.open(tls_files[0], PATIENT) as fleet:
            seen = {outcome.target.name: outcome.value async for outcome in fleet.run(targets, power)}
            assert seen == {f"n{number}": Power.ON if number % 2 else Power.OFF for number in range(200)}

            async def on(bmc: Bmc) -> Result:
                return await act(bmc, "on", PATIENT)

            results = [outcome.value async for outcome in fleet.run(targets, on)]
        assert sum(result.changed for result in results if result) == 100
        assert all(machine.power.on for machine in machines)
        assert all(len(machine.power.actions) <= 1 for machine in machines)


async def test_a_dead_bmc_costs_only_its_own_time() -> None:
    async with AsyncExitStack() as stack:
        machines = [await stack.enter_async_context(emulated("ipmi", server=f"n{n}")) for n in range(20)]
        dead = await stack.enter_async_context(emulated("ipmi", server="dead", faults=["silent"]))
        targets = [dead.target, *(machine.target for machine in machines), target("ipmi", 1, name="closed")]
        limits = replace(QUICK, answer=3.0)
        order: list[Outcome[Power]] = []
        begin = time.monotonic()
        async with Fleet.open(None, limits) as fleet:
            async for outcome in fleet.run(targets, power):
                order.append(outcome)
                if len(order) == 21:
                    assert time.monotonic() - begin < 3.0, "the living had to wait for the dead"
        assert order[-1].target.name == "dead"
        assert isinstance(order[-1].error, NoAnswer)
        assert 3.0 <= order[-1].duration < 4.5
        errors = {outcome.target.name: type(outcome.error) for outcome in order if outcome.error}
        assert errors == {"dead": NoAnswer, "closed": PortClosed}


async def test_no_more_at_once_than_allowed() -> None:
    working = most = 0

    async def work(bmc: Bmc) -> None:
        nonlocal working, most
        working += 1
        most = max(most, working)
        await asyncio.sleep(0.02)
        working -= 1

    async with emulated("ipmi") as it, Fleet.open(None, PATIENT, at_once=3) as fleet:
        targets = [replace(it.target, name=f"n{n}") for n in range(12)]
        done = [outcome.target.name async for outcome in fleet.run(targets, work)]
    assert sorted(done) == sorted(one.name for one in targets)
    assert most == 3


async def test_what_nobody_foresaw_touches_one_bmc_only() -> None:
    async def work(bmc: Bmc) -> Power:
        if bmc.target.name == "strange":
            raise KeyError("x")
        return await bmc.power_state()

    async with emulated("ipmi") as it, Fleet.open(None, PATIENT) as fleet:
        targets = [it.target, replace(it.target, name="strange")]
        found = {outcome.target.name: outcome async for outcome in fleet.run(targets, work)}
    assert found["node1"].value is Power.OFF
    assert isinstance(found["strange"].error, NonsenseAnswer)


async def test_stopping_early_ends_all_work() -> None:
    started: list[str] = []
    cancelled: list[str] = []

    async def work(bmc: Bmc) -> None:
        started.append(bmc.target.name)
        if bmc.target.name == "quick":
            return
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(bmc.target.name)
            raise

    async with emulated("ipmi") as it, Fleet.open(None, PATIENT) as fleet:
        outcomes = fleet.run([replace(it.target, name=name) for name in ("slow1", "slow2", "quick")], work)
        assert (await anext(outcomes)).target.name == "quick"
        await outcomes.aclose()
    assert sorted(cancelled) == sorted(name for name in started if name != "quick")


def test_a_stream_gives_items_as_they_come_and_is_closed() -> None:
    closed = []

    async def numbers():
        try:
            for number in range(5):
                await asyncio.sleep(0)
                yield number
        finally:
            closed.append(True)

    assert list(stream(numbers)) == [0, 1, 2, 3, 4]
    items = stream(numbers)
    assert next(items) == 0
    items.close()
    assert closed == [True, True]
