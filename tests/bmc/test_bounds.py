"""A fleet stays within open files and its pace, and shares sockets."""

import asyncio
import resource
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from scs_rack.bmc import Bmc, Fleet, Power
from scs_rack.bmc.bounds import RATE, TooFewFiles, bounds
from scs_rack.bmc.errors import PortClosed
from scs_rack.bmc.ipmi.sockets import SHARED, Owner, Sockets
from scs_rack.bmc.types import TimeLimits

from .emulators import emulated, target

PATIENT = TimeLimits(answer=20.0, repeats=(5.0,))


async def power(bmc: Bmc) -> Power:
    return await bmc.power_state()


@pytest.fixture
def few_files() -> Iterator[None]:
    """No more than 160 open files, and no way to raise that."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (160, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_limits_follow_the_files_that_may_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _what, limits: raised.append(limits))
    hall = [target("redfish", 1, name=f"r{n}") for n in range(500)] + [
        target("ipmi", 1, name=f"i{n}") for n in range(500)
    ]
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (160, 160))
    tight = bounds(hall)
    assert tight.ipmi == 500
    assert 0 < tight.redfish < 160
    assert raised == []
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (160, 4096))
    bounds(hall)
    assert 160 < raised[0][0] < 4096, "raised as far as it is needed"
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (20, 20))
    with pytest.raises(TooFewFiles, match="20 open files"):
        bounds(hall)
    assert bounds(hall[:1] * 0).rate == RATE


def test_one_may_ask_for_less() -> None:
    hall = [target("ipmi", 1, name=f"i{n}") for n in range(500)]
    asked = bounds(hall, at_once=7, rate=3.0)
    assert (asked.ipmi, asked.rate) == (7, 3.0)


@pytest.mark.usefixtures("few_files")
async def test_too_few_files_make_it_slower_and_nothing_else() -> None:
    async with AsyncExitStack() as stack:
        machines = [await stack.enter_async_context(emulated("ipmi", server=f"n{n}")) for n in range(20)]
        hall = [replace(machines[n % 20].target, name=f"c{n}") for n in range(200)]
        async with Fleet.open(None, PATIENT) as fleet:
            outcomes = [outcome async for outcome in fleet.run(hall, power)]
    assert [outcome.error for outcome in outcomes if outcome.error] == []
    assert len(outcomes) == 200


async def test_the_pace_is_kept() -> None:
    async with emulated("ipmi") as it:
        hall = [replace(it.target, name=f"n{n}") for n in range(80)]
        begin = time.monotonic()
        async with Fleet.open(None, PATIENT, rate=80.0) as fleet:
            outcomes = [outcome async for outcome in fleet.run(hall, power)]
    assert len(outcomes) == 80
    assert time.monotonic() - begin > 0.5  # the first batch goes at once


async def test_many_share_a_socket_and_a_closed_port_is_told_to_its_owner_only() -> None:
    async with AsyncExitStack() as stack:
        machines = [await stack.enter_async_context(emulated("ipmi", server=f"n{n}")) for n in range(10)]
        closed = [target("ipmi", port, name=f"closed{port}") for port in range(1, 6)]
        hall = [one for pair in zip([machine.target for machine in machines], closed * 2, strict=True) for one in pair]
        async with Fleet.open(None, PATIENT) as fleet:
            outcomes = [outcome async for outcome in fleet.run(hall, power)]
    assert {outcome.target.name for outcome in outcomes if outcome.error} == {one.name for one in closed}
    assert all(isinstance(outcome.error, PortClosed) for outcome in outcomes if outcome.error)


async def test_sockets_are_made_for_64_each_and_never_mix_two_visits_of_one_bmc() -> None:
    sockets, owner = Sockets(), Owner(lambda _raw: None, lambda _error: None)
    joined = [sockets.join(("127.0.0.1", 1000 + number), owner) for number in range(3 * SHARED)]
    assert len(set(map(id, joined))) == 3
    again = sockets.join(("127.0.0.1", 1000), owner)
    assert again is not joined[0]
    joined[0].owners.pop(("127.0.0.1", 1000))
    assert sockets.join(("127.0.0.1", 9), owner) in (*joined, again)
    sockets.close()
    await asyncio.sleep(0)
