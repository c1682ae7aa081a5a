"""Set, then read back: over both protocols, with honest, slow and lying BMCs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scs_rack.bmc import Action, Bmc, Fleet, act, boot_once
from scs_rack.bmc.errors import AnswerLost, Refused
from scs_rack.results import Result

from .emulators import QUICK, Emulated, emulated

BOTH = pytest.mark.parametrize("protocol", ["ipmi", "redfish"])


@asynccontextmanager
async def called(protocol: str, tls_files: tuple[Path, Path], **changes: Any) -> AsyncIterator[tuple[Emulated, Bmc]]:
    async with (
        emulated(protocol, cert=tls_files[0], key=tls_files[1], **changes) as it,
        Fleet.open(tls_files[0], QUICK) as fleet,
        fleet.bmc(it.target) as bmc,
    ):
        yield it, bmc


@BOTH
@pytest.mark.parametrize(
    ("action", "before", "done"),
    [
        ("on", False, ["start"]),
        ("on", True, []),
        ("off", True, ["kill"]),
        ("off", False, []),
        ("soft", True, ["shutdown"]),
        ("soft", False, []),
        ("cycle", True, ["kill", "start"]),
        ("reset", True, ["kill", "start"]),
    ],
)
async def test_what_is_done_and_said(
    protocol: str, tls_files: tuple[Path, Path], action: Action, before: bool, done: list[str]
) -> None:
    async with called(protocol, tls_files, on=before) as (it, bmc):
        result = await act(bmc, action, QUICK)
        await it.machine.settle()
        assert it.power.actions == done
        assert (result.changed, result.error) == (bool(done), None)


@BOTH
async def test_slow_power_is_waited_for(protocol: str, tls_files: tuple[Path, Path]) -> None:
    async with called(protocol, tls_files, on=True, delay=0.5) as (it, bmc):
        result = await act(bmc, "soft", QUICK)
        assert (result.changed, result.error) == (True, None)
        assert result.duration >= 0.5
        assert it.power.on is False


@BOTH
@pytest.mark.parametrize(("action", "before"), [("on", False), ("off", True), ("soft", True), ("cycle", True)])
async def test_a_lie_is_found(protocol: str, tls_files: tuple[Path, Path], action: Action, before: bool) -> None:
    async with called(protocol, tls_files, on=before, faults=["lies"]) as (it, bmc):
        result = await act(bmc, action, replace(QUICK, power=0.3, shutdown=0.3))
        assert [finding.type for finding in result.findings] == ["bmc-lied"]
        assert result.error
        assert result.changed is False
        assert it.power.actions == []


async def test_a_reset_that_did_not_happen_is_found_where_the_bmc_tells_its_time(
    tls_files: tuple[Path, Path],
) -> None:
    limits = replace(QUICK, power=0.6)
    async with called("redfish", tls_files) as (it, bmc):
        await act(bmc, "on", limits)
        await it.machine.settle()
        it.machine.faults.set("lies")
        assert [finding.type for finding in (await act(bmc, "reset", limits)).findings] == ["bmc-lied"]
    async with called("ipmi", tls_files, on=True) as (it, bmc):
        assert [finding.type for finding in (await act(bmc, "reset", limits)).findings] == ["reset-not-observable"]


@BOTH
async def test_boot_override_is_read_back(protocol: str, tls_files: tuple[Path, Path]) -> None:
    async with called(protocol, tls_files) as (it, bmc):
        assert (await boot_once(bmc, "pxe", QUICK)).error is None
        it.machine.faults.set("lies")
        result = await boot_once(bmc, "disk", QUICK)
        assert [finding.type for finding in result.findings] == ["bmc-lied"]
        assert "pxe" in result.findings[0].seen


@BOTH
@pytest.mark.parametrize("action", ["cycle", "reset"])
async def test_what_is_off_is_neither_cycled_nor_reset(
    protocol: str, tls_files: tuple[Path, Path], action: Action
) -> None:
    async with called(protocol, tls_files) as (it, bmc):
        with pytest.raises(Refused):
            await act(bmc, action, QUICK)
        assert it.power.actions == []


async def test_a_lost_answer_is_cleared_up_by_looking(tls_files: tuple[Path, Path]) -> None:
    async with called("ipmi", tls_files) as (it, bmc):
        honest = bmc.power_on

        async def lost() -> None:
            await honest()
            raise AnswerLost("lost")

        bmc.power_on = lost  # type: ignore[method-assign]
        result = await act(bmc, "on", QUICK)
        assert (result.changed, result.error) == (True, None)
        assert it.power.actions == ["start"]

        async def never(*, hard: bool) -> None:
            raise AnswerLost(f"lost, {hard}")

        bmc.power_off = never  # type: ignore[method-assign]
        with pytest.raises(AnswerLost):  # the BMC never said yes, so it did not lie
            await act(bmc, "off", replace(QUICK, power=0.3))


@BOTH
async def test_a_hard_off_overtakes_a_shutdown_that_hangs(protocol: str, tls_files: tuple[Path, Path]) -> None:
    async with called(protocol, tls_files, on=True) as (it, bmc):
        gate = asyncio.Event()
        loop = asyncio.get_running_loop()
        original = it.power.stop

        def stop(*, hard: bool) -> None:
            if not hard:
                asyncio.run_coroutine_threadsafe(gate.wait(), loop).result()
            original(hard=hard)

        it.power.stop = stop  # type: ignore[method-assign]
        soft = asyncio.create_task(bmc.power_off(hard=False))
        await soft
        result: Result = await act(bmc, "off", QUICK)
        assert (result.changed, result.error) == (True, None)
        gate.set()
