"""Boot a server's ramdisk: by each of its ways until one works."""

import asyncio
import contextlib
import secrets
import time

from scs_rack import bmc, pki
from scs_rack.bmc import actions, settings
from scs_rack.bmc.boot import boot_limit
from scs_rack.bmc.errors import BmcError
from scs_rack.bmc.types import Bmc
from scs_rack.errors import StageFailed
from scs_rack.provision import ramdisk, records
from scs_rack.provision.netboot import medium, script
from scs_rack.provision.work import Server, Work
from scs_rack.results import Finding

_WORDS = {"http": "UEFI HTTP boot", "pxe": "PXE", "ipmi": "PXE by boot flags of IPMI", "media": "virtual media"}


async def booted(work: Work, fleet: bmc.Fleet, server: Server) -> None:
    """Boot the ramdisk by the first way that works.

    Raises:
        StageFailed: none did, or the ramdisk is not wanted.
    """
    name = server.node.name
    limit = boot_limit(work.ctx.design) * 2
    await may_be_switched(work, fleet, server)
    for way in server.options.ways:
        server.trail.clear()
        while not server.events.empty():
            server.events.get_nowait()
        server.way = _WORDS[way]
        work.say(name, f"boots by {server.way}")
        try:
            failure = await power(work, fleet, server, way)
            if failure is None and await called(work, server, limit):
                return
        finally:
            if way == "media":
                await _eject(work, fleet, server)
        seen = (
            failure
            or f"no call of the ramdisk within {limit:.0f} s; seen: {', '.join(server.trail) or 'nothing at all'}"
        )
        kind = "bmc-boot-failed" if failure else "network-boot-failed" if server.trail else "bmc-did-nothing"
        hint = "is the boot override ignored by this BMC, or the cable of the boot port on another port?"
        if kind == "bmc-did-nothing":
            seen = f"the BMC said yes, and nothing came of it: {seen}"
        severity = "error" if way == server.options.ways[-1] else "warning"
        server.findings.append(Finding(kind, severity, name, f"the ramdisk by {server.way}", seen, hint))  # type: ignore[arg-type]
        work.say(name, f"{server.way}: {seen}")
    raise StageFailed(f"{name} does not boot from the network: {server.findings[-1].seen}")


async def may_be_switched(work: Work, fleet: bmc.Fleet, server: Server) -> None:
    """Leave alone what runs and was not begun by us.

    Raises:
        StageFailed: the server is on, and nobody knows what it runs; or its BMC can't be asked.
    """
    name = server.node.name
    record = records.read(work.ctx.state_dir, name)
    begun = record is not None and record.state != "installed"
    if not begun and name not in work.wish.reinstall:
        try:
            async with fleet.bmc(work.target(name)) as one:
                power = await one.power_state()
        except BmcError as error:
            raise StageFailed(error.message, error.hint) from error
        if power is bmc.Power.ON:
            hint = f"if nobody needs it: `scs-rack power soft {name}`, and again"
            raise StageFailed(f"{name} is on, and nobody knows what it runs: it was not touched", hint)
    if record is None:
        records.write(work.ctx.state_dir, records.Record(name, "called", "", ""))


async def power(work: Work, fleet: bmc.Fleet, server: Server, way: str) -> str | None:
    """Set the boot override, read it back, and power-cycle; returns why that failed."""
    mode = "legacy" if server.options.firmware == "bios" else "uefi"
    device = {"ipmi": "pxe", "media": "cd"}.get(way, way)

    async def switch(one: Bmc) -> str | None:
        with contextlib.suppress(BmcError):
            server.bmc_serial = (await one.identity()).serial
        results = []
        if way == "media":
            results.append(await settings.insert_media(one, await _medium(work, server), fleet.limits))
        if not results or not results[-1].error:
            override = bmc.BootOverride(device, mode=mode)  # type: ignore[arg-type]
            results.append(await settings.boot(one, override, fleet.limits))
        if not results[-1].error:
            on = await one.power_state() is bmc.Power.ON
            results.append(await actions.act(one, "cycle" if on else "on", fleet.limits))
        server.findings += [finding for result in results for finding in result.findings]
        return next((result.error for result in results if result.error), None)

    async with work.powering:  # one after the other, so that their inrush does not add up
        try:
            async with fleet.bmc(work.target(server.node.name, way)) as one:
                failure = await switch(one)
        except BmcError as error:
            return error.message
        await asyncio.sleep(0 if work.ctx.design.rack.lab else work.ctx.design.rack.model(server.node.name).settle_s)
    return failure


async def _medium(work: Work, server: Server) -> str:
    """Make the medium that boots a server's ramdisk; returns its URL, which is another one each time."""
    caller = server.caller
    caller.token, caller.session = secrets.token_urlsafe(24), ""
    trust = ramdisk.trust(pki.files(work.ctx.state_dir).ca.read_text(encoding="ascii"))
    words = script.kernel_words(work.place, caller, int(time.time()), own_address=True)
    made = work.artifact(caller)
    caller.medium = f"{secrets.token_urlsafe(8)}.iso"
    path = work.ctx.state_dir / "netboot" / f"{caller.name}.iso"
    await asyncio.to_thread(medium.make, work.kit, made, trust, words, path)
    return work.place.http(caller, caller.medium)


async def _eject(work: Work, fleet: bmc.Fleet, server: Server) -> None:
    """Take the medium out again."""
    name = server.node.name
    server.caller.medium = ""
    (work.ctx.state_dir / "netboot" / f"{name}.iso").unlink(missing_ok=True)
    try:
        async with fleet.bmc(work.target(name)) as one:
            result = await settings.eject_media(one, fleet.limits)
    except BmcError as error:
        failure: str | None = error.message
    else:
        failure = result.error
    if failure:
        hint = f"`scs-rack bmc media {name} --eject`"
        server.findings.append(Finding("medium-left", "warning", name, "an empty virtual drive", failure, hint))


async def called(work: Work, server: Server, limit: float) -> bool:
    """Wait for the ramdisk's hello.

    Raises:
        StageFailed: the server is not the one that the rack file means, or must not be written.
    """
    end = time.monotonic() + limit
    while (left := end - time.monotonic()) > 0:
        told = await work.next(server, left)
        if told is None:
            return False
        if told.what == "hello":
            note_way(server)
            if told.words:
                raise StageFailed(f"{server.node.name} was not touched: {told.words.replace(chr(10), '; ')}")
            work.say(server.node.name, f"its ramdisk is up, by {server.way}")
            return True
    return False


def note_way(server: Server) -> None:
    """Say so when the server came by another way than it was told to."""
    by_http = "ipxe.efi" in server.trail and "TFTP ipxe.efi" not in server.trail
    if server.way == _WORDS["http"] and not by_http and server.options.firmware == "uefi":
        hint = "this firmware does not do UEFI HTTP boot, or the BMC set something else; state `boot: [pxe]`"
        server.findings.append(
            Finding("booted-otherwise", "warning", server.node.name, server.way, _WORDS["pxe"], hint)
        )
        server.way = _WORDS["pxe"]
