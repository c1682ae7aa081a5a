"""Our IPMI client against OpenIPMI's ipmi_sim: a server that is not ours (cipher suite 3; it has no 17)."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from scs_rack.bmc import BootOverride, Power, act, settings
from scs_rack.bmc.errors import NoAnswer, NotSupported, ProtocolLacks, Refused, SuiteRefused, WrongPassword, WrongUser
from scs_rack.bmc.ipmi.driver import IpmiBmc
from scs_rack.bmc.ipmi.session import IpmiSession
from scs_rack.bmc.types import TimeLimits

from .emulators import PASSWORD
from .ipmi_sim import CELSIUS, LIMITS, SERIAL, Serial, ipmi_sim

pytestmark = pytest.mark.skipif(not shutil.which("ipmi_sim"), reason="needs ipmi_sim (Debian package openipmi)")


@asynccontextmanager
async def called(folder: Path, limits: TimeLimits = LIMITS) -> AsyncIterator[tuple[IpmiBmc, Serial]]:
    async with ipmi_sim(folder) as (judge, serial), IpmiSession(judge, limits) as session:
        assert session.suite == 3  # 17 was offered first and refused
        yield IpmiBmc(judge, session), serial


async def test_fleet_verbs(tmp_path: Path) -> None:
    async with called(tmp_path) as (bmc, _):
        assert await bmc.power_state() is Power.OFF
        result = await act(bmc, "on", LIMITS)
        assert (result.changed, result.error) == (True, None)
        assert (await act(bmc, "on", LIMITS)).changed is False
        assert (await act(bmc, "off", LIMITS)).changed is True
        result = await settings.boot(bmc, BootOverride("pxe", mode="uefi"), LIMITS)
        assert (result.changed, result.error) == (True, None)
        assert [finding.type for finding in result.findings] == ["boot-flag-invalid"]  # it never sets the valid bit
        identity = await bmc.identity()
        assert (identity.bmc_firmware, identity.serial) == ("9.08", SERIAL)
        assert len((await bmc.macs()).bmc) == 1


async def test_refusals(tmp_path: Path) -> None:
    async with ipmi_sim(tmp_path) as (judge, _):
        with pytest.raises(WrongPassword):
            await IpmiSession(replace(judge, password="wrong"), LIMITS).__aenter__()
        with pytest.raises(WrongUser):
            await IpmiSession(replace(judge, user="nobody"), LIMITS).__aenter__()
        with pytest.raises(SuiteRefused):
            await IpmiSession(judge, LIMITS, suites=(17,)).__aenter__()


async def test_deep_functions(tmp_path: Path) -> None:
    async with called(tmp_path) as (bmc, _):
        (sensor,) = await bmc.sensors()
        assert (sensor.name, sensor.kind, sensor.value, sensor.unit) == ("Inlet Temp", "temperature", CELSIUS, "°C")
        log = await bmc.events()
        assert (len(log.events), log.capacity, log.full) == (1, 100, False)
        assert log.events[0].sensor == "Inlet Temp"
        await bmc.clear_events()
        assert (await bmc.events()).events == ()
        boards = (await bmc.inventory()).boards
        assert boards is not None
        assert [board.serial for board in boards] == [SERIAL]
        assert await bmc.clock() is not None


async def test_users(tmp_path: Path) -> None:
    async with called(tmp_path) as (bmc, _):
        assert [(user.name, user.role) for user in await bmc.users()] == [("admin", "administrator")]
        await bmc.add_user("watcher", "look-touch-not", "operator")
        added = {user.name: user for user in await bmc.users()}["watcher"]
        assert (added.role, added.enabled) == ("operator", True)
        await bmc.set_user("watcher", role="readonly", enabled=False)
        changed = {user.name: user for user in await bmc.users()}["watcher"]
        assert (changed.role, changed.enabled) == ("readonly", False)
        await bmc.set_user("watcher", role="administrator", enabled=True)
        async with IpmiSession(replace(bmc.target, user="watcher", password="look-touch-not"), LIMITS):
            pass
        await bmc.set_password("watcher", PASSWORD)
        async with IpmiSession(replace(bmc.target, user="watcher"), LIMITS):
            pass
        await bmc.remove_user("watcher")
        assert [user.name for user in await bmc.users() if user.enabled] == ["admin"]
        with pytest.raises(Refused, match="no user watcher"):
            await bmc.set_password("watcher", PASSWORD)
        with pytest.raises(Refused, match="at most 20 bytes"):
            await bmc.set_password("admin", "x" * 21)


async def test_the_serial_console(tmp_path: Path) -> None:
    async with called(tmp_path) as (bmc, serial):
        async with bmc.console() as console:
            await console.send(b"root\r")
            printed = b""
            async with asyncio.timeout(10):
                async for data in console.output():
                    printed += data
                    if b"ROOT" in printed:
                        break
        assert serial.heard == b"root\r"
        assert Serial.GREETING in printed
        async with bmc.console() as again:  # the first one was closed
            await again.send(b"x")


async def test_what_it_lacks_is_said(tmp_path: Path) -> None:
    async with called(tmp_path) as (bmc, _):
        with pytest.raises(NotSupported, match="DCMI"):
            await bmc.power_draw()
        with pytest.raises(ProtocolLacks) as lacks:
            await bmc.bios()
        assert "Redfish" in lacks.value.hint


async def test_a_deep_function_ends_in_time_and_leaves_no_process(tmp_path: Path) -> None:
    async with called(tmp_path, replace(LIMITS, deep=0.05)) as (bmc, _):
        with pytest.raises(NoAnswer, match="took longer"):
            await bmc.sensors()
