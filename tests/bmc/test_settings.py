"""Set, then read back: with honest and lying BMCs, over both protocols."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scs_rack.bmc import Bmc, BootOverride, Fleet, accounts, settings
from scs_rack.bmc.errors import AnswerLost, Refused
from scs_rack.results import Result

from .emulators import QUICK, Emulated, emulated

Files = tuple[Path, Path]
Change = Callable[[Bmc], Awaitable[Result]]

BOTH: dict[str, Change] = {
    "boot": lambda bmc: settings.boot(bmc, BootOverride("disk", persistent=True, mode="uefi"), QUICK),
    "light": lambda bmc: settings.identify(bmc, QUICK, on=True),
    "limit": lambda bmc: settings.power_limit(bmc, 120, QUICK),
    "role": lambda bmc: accounts.set_user(bmc, "watcher", QUICK, "operator"),
    "disable": lambda bmc: accounts.set_user(bmc, "watcher", QUICK, enabled=False),
}
"""Changes that both protocols know; each is as it was when it is made a second time."""
REDFISH: dict[str, Change] = {
    "media": lambda bmc: settings.insert_media(bmc, "http://192.0.2.1/rescue.iso", QUICK),
    "bios": lambda bmc: settings.bios(bmc, {"NumLock": False}, QUICK),
    "secure boot": lambda bmc: settings.secure_boot(bmc, QUICK, on=True),
}
ALL = [("ipmi", name) for name in BOTH] + [("redfish", name) for name in (*BOTH, *REDFISH)]


@asynccontextmanager
async def called(protocol: str, tls_files: Files, **changes: Any) -> AsyncIterator[tuple[Emulated, Bmc]]:
    async with (
        emulated(protocol, cert=tls_files[0], key=tls_files[1], **changes) as it,
        Fleet.open(tls_files[0], QUICK) as fleet,
        fleet.bmc(it.target) as bmc,
    ):
        yield it, bmc


@pytest.mark.parametrize(("protocol", "name"), ALL)
async def test_what_is_set_is_seen_and_not_set_again(protocol: str, name: str, tls_files: Files) -> None:
    change = (BOTH | REDFISH)[name]
    async with called(protocol, tls_files) as (_, bmc):
        await bmc.add_user("watcher", "s3cret-Watch3r", "administrator")
        first = await change(bmc)
        assert (first.changed, first.error) == (True, None)
        second = await change(bmc)
        assert (second.changed, second.error) == (False, None)


@pytest.mark.parametrize(("protocol", "name"), ALL)
async def test_a_lie_is_found(protocol: str, name: str, tls_files: Files) -> None:
    async with called(protocol, tls_files) as (it, bmc):
        await bmc.add_user("watcher", "s3cret-Watch3r", "administrator")
        it.machine.faults.set("lies")
        result = await (BOTH | REDFISH)[name](bmc)
        assert [finding.type for finding in result.findings] == ["bmc-lied"]
        assert result.changed is False
        assert result.error


@pytest.mark.parametrize("protocol", ["ipmi", "redfish"])
async def test_users_come_and_go(protocol: str, tls_files: Files) -> None:
    async with called(protocol, tls_files) as (it, bmc):
        assert (await accounts.add_user(bmc, "watcher", "s3cret-Watch3r", "administrator", QUICK)).changed is True
        watcher = replace(it.target, user="watcher", password="s3cret-Watch3r")
        async with Fleet.open(tls_files[0], QUICK) as fleet, fleet.bmc(watcher) as other:
            await other.power_state()
            for change in (
                accounts.remove_user(other, "watcher", QUICK),
                accounts.set_user(other, "watcher", QUICK, enabled=False),
                accounts.set_password(other, "watcher", "x", QUICK),
            ):
                with pytest.raises(Refused, match="logs in with"):
                    await change
        assert (await accounts.set_password(bmc, "watcher", "an0ther-Secret", QUICK)).changed is True
        async with Fleet.open(tls_files[0], QUICK) as fleet:
            outcome = await fleet.one(replace(watcher, password="an0ther-Secret"), lambda one: one.power_state())
            assert outcome.error is None
        assert (await accounts.remove_user(bmc, "watcher", QUICK)).changed is True
        assert (await accounts.remove_user(bmc, "watcher", QUICK)).changed is False


@pytest.mark.parametrize("protocol", ["ipmi", "redfish"])
async def test_events_are_cleared(protocol: str, tls_files: Files) -> None:
    async with called(protocol, tls_files) as (it, bmc):
        await bmc.power_on()
        await it.machine.settle()
        await bmc.power_off(hard=True)
        await it.machine.settle()
        before = await bmc.events()
        assert before.events
        result = await settings.clear_events(bmc, QUICK)
        assert (result.changed, result.error) == (True, None)
        assert len((await bmc.events()).events) < max(len(before.events), 3)


async def test_a_lost_answer_is_cleared_up_by_looking(tls_files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    async with called("redfish", tls_files) as (_, bmc):
        honest = bmc.set_identify

        async def lost(*, on: bool) -> None:
            await honest(on=on)
            raise AnswerLost("lost")

        monkeypatch.setattr(bmc, "set_identify", lost)
        assert (await settings.identify(bmc, QUICK, on=True)).changed is True

        async def never(*, on: bool) -> None:
            raise AnswerLost(f"lost, {on}")

        monkeypatch.setattr(bmc, "set_identify", never)
        with pytest.raises(AnswerLost):
            await settings.identify(bmc, QUICK, on=False)
