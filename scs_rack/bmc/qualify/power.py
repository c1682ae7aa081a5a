"""Power: transitions and their times, the boot override, the boot order, virtual media."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from scs_rack.bmc import settings
from scs_rack.bmc.actions import Action, act
from scs_rack.bmc.errors import BmcError, NotSupported
from scs_rack.bmc.facts import BootOverride, Power
from scs_rack.bmc.qualify.bench import Bench, Verdict, spread, until
from scs_rack.bmc.redfish.driver import RedfishBmc
from scs_rack.bmc.redfish.read import at
from scs_rack.bmc.types import Bmc
from scs_rack.model.quirks import Quirk


async def transitions(bench: Bench) -> Verdict:
    """Off, on and reset, again and again, each observed."""
    times: dict[Action, list[float]] = {"off": [], "on": [], "reset": []}
    failures: list[str] = []
    async with bench.call() as bmc:
        await act(bmc, "on", bench.fleet.limits)
        for number in range(1, bench.rounds + 1):
            for action, took in times.items():
                begin = time.monotonic()
                try:
                    result = await act(bmc, action, bench.fleet.limits)
                except BmcError as error:
                    failures.append(f"{action} {number}: {error.message}")
                    continue
                if result.error:
                    failures.append(f"{action} {number}: {result.error}")
                else:
                    took.append(time.monotonic() - begin)
    evidence = "; ".join(f"{action}: {len(took)} of {bench.rounds}, {spread(took)}" for action, took in times.items())
    if failures:
        return Verdict("fail", f"{evidence}; {failures[0]}{f' and {len(failures) - 1} more' if failures[1:] else ''}")
    return Verdict("pass", evidence, figures={f"{action}_s": round(max(took), 2) for action, took in times.items()})


async def boot_once(bench: Bench) -> Verdict:
    """An override for one boot: taken, used up by that boot, and not there at the next."""
    taken = used = quiet = 0
    wanted = BootOverride("pxe", mode="uefi")
    async with bench.call() as bmc:
        for _ in range(bench.rounds):
            await act(bmc, "off", bench.fleet.limits)
            result = await settings.boot(bmc, wanted, bench.fleet.limits)
            if result.error:
                continue
            taken += 1
            await act(bmc, "on", bench.fleet.limits)
            if await until(_overridden(bmc, "none"), bench.post) is None:
                await settings.boot(bmc, BootOverride(), bench.fleet.limits)
                continue
            used += 1
            await act(bmc, "reset", bench.fleet.limits)
            quiet += (await bmc.boot_override()).device == "none"
    evidence = f"of {bench.rounds}: taken {taken}, used up by the boot {used}, gone at the next {quiet}"
    if taken == used == quiet == bench.rounds:
        return Verdict("pass", f"{evidence}; that the device itself was booted, no BMC tells")
    return Verdict("fail", evidence)


def _overridden(bmc: Bmc, device: str) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return (await bmc.boot_override()).device == device

    return look


async def boot_persistent(bench: Bench) -> Verdict:
    """A persistent override, and the boot order, outlive POST and a reset."""
    quirks: tuple[Quirk, ...] = ()
    async with bench.call() as bmc:
        order = await _order(bmc)
        await act(bmc, "off", bench.fleet.limits)
        result = await settings.boot(bmc, BootOverride("pxe", persistent=True, mode="uefi"), bench.fleet.limits)
        armed = await bmc.boot_override()
        if not result.error and armed.device == "pxe" and not armed.persistent:
            quirks = ("boot-once-only",)
        await act(bmc, "on", bench.fleet.limits)
        await asyncio.sleep(bench.post)
        await act(bmc, "reset", bench.fleet.limits)
        await asyncio.sleep(bench.post)
        left, later = await bmc.boot_override(), await _order(bmc)
        await settings.boot(bmc, BootOverride(), bench.fleet.limits)
    if order != later:
        return Verdict(
            "fail", f"the boot order was rewritten: {', '.join(order)} before, {', '.join(later)} after", quirks
        )
    if result.error or (left.device, left.persistent) != ("pxe", True):
        seen = f"{left.device}{' always' if left.persistent else ' once'}" if left.device != "none" else "no override"
        return Verdict("fail", f"asked for pxe always; two boots later: {seen}", quirks)
    told = f"boot order of {len(order)} entries unchanged" if order else "it tells no boot order"
    return Verdict("pass", f"pxe always is there after two boots; {told}")


async def _order(bmc: Bmc) -> tuple[str, ...]:
    if not isinstance(bmc, RedfishBmc):
        return ()
    found = at(await bmc.tree.system(), "Boot", "BootOrder")
    return tuple(str(one)[:80] for one in found[:64]) if isinstance(found, list) else ()


async def media(bench: Bench) -> Verdict:
    """Virtual media stay inserted over POST and a reset, and leave when they are told to."""
    if not bench.image:
        return Verdict("not run", "needs --image: the URL of an ISO that the BMC can fetch")
    async with bench.call("redfish") as bmc:
        try:
            result = await settings.insert_media(bmc, bench.image, bench.fleet.limits)
        except NotSupported as error:
            return Verdict("not applicable", error.message)
        if result.error:
            return Verdict("fail", f"inserting: {result.error}")
        await act(bmc, "off", bench.fleet.limits)
        await act(bmc, "on", bench.fleet.limits)
        await asyncio.sleep(bench.post)
        after_post = await _inserted(bmc)
        await act(bmc, "reset", bench.fleet.limits)
        await asyncio.sleep(bench.post)
        after_reset = await _inserted(bmc)
        ejected = await settings.eject_media(bmc, bench.fleet.limits)
    evidence = f"there after POST: {after_post}; after a reset: {after_reset}; ejected: {not ejected.error}"
    return Verdict("pass" if after_post and after_reset and not ejected.error else "fail", evidence)


async def _inserted(bmc: Bmc) -> bool:
    return any(slot.inserted for slot in await bmc.media())


async def soft_off(bench: Bench) -> Verdict:
    """The operating system is asked to shut down, and the server is off then."""
    async with bench.call() as bmc:
        await act(bmc, "on", bench.fleet.limits)
        await asyncio.sleep(min(bench.post, 60.0))
        begin = time.monotonic()
        result = await act(bmc, "soft", bench.fleet.limits)
        state = await bmc.power_state()
        await act(bmc, "on", bench.fleet.limits)
    if result.error or state is not Power.OFF:
        return Verdict("not proven", f"{result.error or 'still on'}: without an operating system nobody obeys")
    return Verdict("pass", f"off after {time.monotonic() - begin:.1f} s")
