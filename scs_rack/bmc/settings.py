"""Set, then read back: what a BMC was told counts when the BMC was seen to have taken it.

Each function returns a Result: unchanged where everything was so already, with a finding `bmc-lied` where the BMC said
yes and nothing came of it within `TimeLimits.setting`. What the BMC refuses, and what it can't do, is raised.
"""

import datetime as dt
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from scs_rack.bmc.errors import Refused
from scs_rack.bmc.facts import BootDevice, BootOverride, MediaSlot, NetworkService, Task
from scs_rack.bmc.read_back import change_and_look, override_words
from scs_rack.bmc.types import Bmc, TimeLimits
from scs_rack.results import Finding, Result

_CLOCK_OFF = 30.0
"""Seconds that a clock may be off right after it was set."""
_EMPTY_LOG = 2
"""Entries that a log may have right after it was cleared: many BMCs note that they cleared it."""


async def boot(bmc: Bmc, wanted: BootOverride, limits: TimeLimits) -> Result:
    """Set the boot override."""
    often = "" if wanted.device == "none" else " always" if wanted.persistent else " once"
    step = f"boot {wanted.device}{often}"

    def taken(seen: BootOverride) -> bool:
        mode = wanted.mode is None or seen.mode is None or seen.mode == wanted.mode
        return seen.device == wanted.device and (wanted.device == "none" or mode)

    def whole(seen: BootOverride) -> bool:
        return seen.certain and taken(seen) and (wanted.device == "none" or seen.persistent == wanted.persistent)

    # What is for one boot only is always set again: nobody can tell whether it was used up meanwhile.
    if (wanted.persistent or wanted.device == "none") and not wanted.uri and whole(await bmc.boot_override()):
        return Result(bmc.target.name, step)
    seen = BootOverride()

    async def look() -> BootOverride:
        nonlocal seen
        seen = await bmc.boot_override()
        return seen

    expected = override_words(wanted)
    result = await change_and_look(
        bmc, step, lambda: bmc.set_boot(wanted), look, taken=taken, expected=expected, limits=limits
    )
    if result.error is not None or whole(seen):
        return result
    if not seen.certain:
        finding = Finding(
            type="boot-flag-invalid",
            severity="warning",
            where=bmc.target.name,
            expected=override_words(wanted),
            seen=f"{seen.device} stands there, but the BMC calls its own boot flags invalid",
            hint="watch whether the server boots from it; Redfish may be more reliable",
        )
    else:
        finding = Finding(
            type="boot-not-as-often",
            severity="warning",
            where=bmc.target.name,
            expected=override_words(wanted),
            seen=override_words(seen),
            hint="this BMC knows one kind of override only; arm it again before each boot, or leave it",
        )
    return replace(result, findings=(*result.findings, finding))


async def boot_once(bmc: Bmc, device: BootDevice, limits: TimeLimits | None = None) -> Result:
    """Boot from a device once, by UEFI."""
    return await boot(bmc, BootOverride(device, mode=None if device == "none" else "uefi"), limits or TimeLimits())


async def identify(bmc: Bmc, limits: TimeLimits, *, on: bool) -> Result:
    """Switch the identify light; a finding says so where the BMC does not tell its state."""
    step = f"identify {_on(on)}"
    before = await bmc.identify()
    if before is on:
        return Result(bmc.target.name, step)
    if before is None:
        await bmc.set_identify(on=on)
        seen = "the BMC does not tell the state of its light: that it accepted the request is all that is known"
        unseen = Finding("light-not-observable", "info", bmc.target.name, f"light {_on(on)}", seen)
        return Result(bmc.target.name, step, changed=True, findings=(unseen,))
    return await change_and_look(
        bmc,
        step,
        lambda: bmc.set_identify(on=on),
        bmc.identify,
        taken=lambda seen: seen is on,
        expected=f"light {_on(on)}",
        limits=limits,
    )


async def power_limit(bmc: Bmc, watts: int | None, limits: TimeLimits) -> Result:
    """Limit the draw of a server, or lift the limit."""
    step = "lift the power limit" if watts is None else f"limit power to {watts} W"
    if (await bmc.power_limit()).watts == watts:
        return Result(bmc.target.name, step)
    expected = "no power limit" if watts is None else f"a limit of {watts} W"
    return await change_and_look(
        bmc,
        step,
        lambda: bmc.set_power_limit(watts),
        bmc.power_limit,
        taken=lambda seen: seen.watts == watts,
        expected=expected,
        limits=limits,
    )


async def insert_media(bmc: Bmc, image: str, limits: TimeLimits, slot: str = "") -> Result:
    """Insert an image into a virtual drive."""
    step = f"insert {image}"
    if any(one.image == image and one.inserted and slot in ("", one.name) for one in await bmc.media()):
        return Result(bmc.target.name, step)
    used = ""

    async def insert() -> None:
        nonlocal used
        used = await bmc.insert_media(image, slot)

    def taken(seen: tuple[MediaSlot, ...]) -> bool:
        # Some show the image by another name (without the password in it, or its last part only).
        return any(one.inserted and (one.name == used or one.image == image) for one in seen)

    return await change_and_look(
        bmc, step, insert, bmc.media, taken=taken, expected=f"{image} in a virtual drive", limits=limits
    )


async def eject_media(bmc: Bmc, limits: TimeLimits, slot: str = "") -> Result:
    """Eject from a virtual drive, or from all."""
    step = f"eject {slot or 'all virtual media'}"

    def empty(seen: tuple[MediaSlot, ...]) -> bool:
        return not any(one.inserted and one.usable for one in seen if slot in ("", one.name))

    if empty(await bmc.media()):
        return Result(bmc.target.name, step)
    patient = replace(limits, setting=limits.setting * 4)  # iDRAC shows the old image for a while
    return await change_and_look(
        bmc,
        step,
        lambda: bmc.eject_media(slot),
        bmc.media,
        taken=empty,
        expected="empty virtual drives",
        limits=patient,
    )


async def bios(bmc: Bmc, attributes: Mapping[str, str | int | bool], limits: TimeLimits) -> Result:
    """Change settings of the firmware; they count as taken when they are in force or wait for the next reset."""
    step = "set BIOS attributes"
    before = await bmc.bios()
    now = {**before.attributes, **before.pending}
    wanted = {name: value for name, value in attributes.items() if now.get(name) != value}
    if not wanted:
        return Result(bmc.target.name, step)
    diff = "\n".join(f"{name}: {now.get(name)} -> {value}" for name, value in wanted.items())

    async def look() -> dict[str, Any]:
        seen = await bmc.bios()
        return {name: {**seen.attributes, **seen.pending}.get(name) for name in wanted}

    result = await change_and_look(
        bmc, step, lambda: bmc.set_bios(wanted), look, taken=lambda seen: seen == wanted, expected=diff, limits=limits
    )
    if result.error:
        return result
    waits = Finding(
        type="reset-needed",
        severity="info",
        where=bmc.target.name,
        expected="settings in force",
        seen=f"{', '.join(wanted)} wait for the next reset",
        hint=f"`scs-rack power reset {bmc.target.name}`",
    )
    return replace(result, diff=diff, findings=(*result.findings, waits) if (await bmc.bios()).pending else ())


async def secure_boot(bmc: Bmc, limits: TimeLimits, *, on: bool) -> Result:
    """Switch Secure Boot from the next reset on."""
    step = f"Secure Boot {_on(on)}"
    if (await bmc.secure_boot()).enabled is on:
        return Result(bmc.target.name, step)
    return await change_and_look(
        bmc,
        step,
        lambda: bmc.set_secure_boot(on=on),
        bmc.secure_boot,
        taken=lambda seen: seen.enabled is on,
        expected=step,
        limits=limits,
    )


async def clear_events(bmc: Bmc, limits: TimeLimits) -> Result:
    """Empty the event log."""
    step = "clear the event log"
    before = {event.number + event.time + event.text for event in (await bmc.events()).events}
    if not before:
        return Result(bmc.target.name, step)

    async def look() -> int:
        return len((await bmc.events()).events)

    expected = "an empty event log"
    result = await change_and_look(
        bmc, step, bmc.clear_events, look, taken=lambda seen: seen <= _EMPTY_LOG, expected=expected, limits=limits
    )
    return replace(result, diff=f"{len(before)} entries removed") if result.changed else result


async def network_service(bmc: Bmc, name: str, limits: TimeLimits, *, enabled: bool) -> Result:
    """Switch a service of the BMC on or off."""

    def taken(seen: tuple[NetworkService, ...]) -> bool:
        return any((one.name, one.enabled) == (name, enabled) for one in seen)

    word = "on" if enabled else "off"
    if taken(await bmc.network_services()):
        return Result(bmc.target.name, f"switch {name} {word}")
    return await change_and_look(
        bmc,
        f"switch {name} {word}",
        lambda: bmc.set_network_service(name, enabled=enabled),
        bmc.network_services,
        taken=taken,
        expected=f"{name} {word}",
        limits=limits,
    )


async def clock(bmc: Bmc, limits: TimeLimits) -> Result:
    """Set the clock of the BMC by that of this machine."""

    def taken(seen: dt.datetime | None) -> bool:
        return seen is not None and abs((seen - dt.datetime.now(dt.UTC)).total_seconds()) <= _CLOCK_OFF

    if taken(await bmc.clock()):
        return Result(bmc.target.name, "set the clock")
    return await change_and_look(
        bmc,
        "set the clock",
        lambda: bmc.set_clock(dt.datetime.now(dt.UTC)),
        bmc.clock,
        taken=taken,
        expected="the time of this machine",
        limits=limits,
    )


async def update_firmware(
    bmc: Bmc,
    image: Path | str,
    limits: TimeLimits,  # noqa: ARG001 (the driver follows the task within them)
    target: str = "",
    report: Callable[[Task], None] = lambda _: None,
) -> Result:
    """Update firmware, follow its task, and compare versions before and after."""
    begin = time.monotonic()
    step = f"update firmware from {image}"
    before = {one.number or one.name: one for one in await bmc.firmware()}
    if target and target not in before:
        raise Refused(f"{bmc.target.where}: no firmware {target}", "`scs-rack bmc firmware SERVER` lists NUMBERs")
    task = await bmc.update_firmware(image, target, report)
    after = {one.number or one.name: one for one in await bmc.firmware()}
    news = [
        f"{one.name}: {before[number].version if number in before else 'new'} -> {one.version}"
        for number, one in after.items()
        if number not in before or before[number].version != one.version
    ]
    took = time.monotonic() - begin
    if news:
        return Result(bmc.target.name, step, changed=True, diff="\n".join(news), duration=took)
    unseen = Finding(
        type="version-as-before",
        severity="warning",
        where=bmc.target.name,
        expected="a new version",
        seen=f"all versions as before, although the task ended well{f': {task.text}' if task.text else ''}",
        hint="some firmware counts after the next reset of the server or the BMC; the same version changes nothing",
    )
    return Result(bmc.target.name, step, changed=True, findings=(unseen,), duration=took)


def _on(on: bool) -> str:
    return "on" if on else "off"
