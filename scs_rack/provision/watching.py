"""See a server through: its ramdisk until it is done, and then its own disk."""

import datetime as dt

from scs_rack import bmc, ssh
from scs_rack.bmc.boot import boot_limit, wait_for_ssh
from scs_rack.bmc.errors import BmcError
from scs_rack.errors import StageFailed
from scs_rack.provision import boot_order, burnt, records
from scs_rack.provision.work import Server, Work
from scs_rack.remote import gather
from scs_rack.results import Finding
from scs_rack.sonic.first_contact.pin import pin

QUIET = 240.0
"""Seconds that a ramdisk may be silent at work; it speaks at least once a minute."""
LOOK = 20.0
"""Seconds of silence after which the BMC is asked whether the server is still on."""


async def worked(work: Work, fleet: bmc.Fleet, server: Server) -> None:
    """Listen until the ramdisk says that it is done.

    Raises:
        StageFailed: it failed, fell silent, or started anew.
    """
    name = server.node.name
    doing = "burn-in" if work.wish.burn_s else "installation"
    quiet = 0.0
    while quiet < QUIET + 3 * work.wish.burn_s:
        told = await work.next(server, LOOK)
        quiet = 0.0 if told else quiet + LOOK
        if told is None:
            await still_on(work, fleet, server)
        elif told.what == "phase":
            work.say(name, f"{told.words} ({told.percent} %)")
        elif told.what == "failed":
            raise StageFailed(f"{name}: {_reason(told.words)}")
        elif told.what == "script":
            raise StageFailed(f"{name} started anew in the middle of its {doing}: did it lose power?")
        elif told.what == "burnin":
            what, verdict, words = (*told.words.split("\t"), "", "")[:3]
            server.burnt[what] = (verdict == "ok", words)
            work.say(name, f"{what}: {verdict}, {words}")
        elif told.what == "burnt":
            serial = server.report.serial if server.report else ""
            burnt.keep(work.ctx.state_dir, name, burnt.BurnIn(serial, work.wish.burn_s, server.burnt))
            return
        elif told.what == "done":
            if pin(ssh.files(work.ctx.state_dir).known_hosts, name, server.node.mgmt.ip, told.words):
                work.say(name, "is written, and its host key is pinned")
            return
    raise StageFailed(f"{name} fell silent for {quiet:.0f} s in the middle of its {doing}; see its console")


async def still_on(work: Work, fleet: bmc.Fleet, server: Server) -> None:
    """Ask the BMC of a server that is silent.

    Raises:
        StageFailed: it is off.
    """
    try:
        async with fleet.bmc(work.target(server.node.name)) as one:
            power = await one.power_state()
    except BmcError as error:
        work.say(server.node.name, f"is silent, and so is its BMC: {error.message}")
        return
    if power is bmc.Power.OFF:
        raise StageFailed(f"{server.node.name} lost its power in the middle of its installation")


async def seen_running(work: Work, fleet: bmc.Fleet, server: Server) -> None:
    """See the server run from the disk that was written.

    Raises:
        StageFailed: it does not.
    """
    name, address = server.node.name, str(server.node.mgmt.ip)
    limit = boot_limit(work.ctx.design) * 2
    failure = await wait_for_ssh(address, limit, work.ctx.stop.requested.is_set)
    if failure:
        raise StageFailed(f"{name} was written, but does not answer to SSH on {address}: {failure}")
    command = ["sh", "-c", "cat /etc/scs-rack/server; findmnt -no UUID /"]
    answer = (await gather(work.ctx, [name], {name: command}, 60))[name]
    lines = answer.out.splitlines()
    if not answer.ok or not lines or lines[0] != name or lines[-1] != server.ids.root_uuid:
        raise StageFailed(f"{name} answers to SSH, but not from the disk that was written: {answer.why}")
    order = await boots_again(work, fleet, server)
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    made = work.artifact(server.caller)
    records.write(
        work.ctx.state_dir,
        records.Record(name, "installed", made.digest, server.ids.root_uuid, server.way, now, order),
    )
    work.say(name, "runs from its own disk")


async def boots_again(work: Work, fleet: bmc.Fleet, server: Server) -> str:
    """Verify what it will boot from next time: firmware's order and the BMC's override; returns the order."""
    name = server.node.name
    answer = (await gather(work.ctx, [name], {name: ["sh", "-c", boot_order.COMMAND]}, 60))[name]
    order = boot_order.parse(answer.out) if answer.ok else None
    if order is not None:
        server.findings += boot_order.judge(name, order, "")
    try:
        async with fleet.bmc(work.target(name)) as one:
            left = await one.boot_override()
    except BmcError as error:
        server.findings.append(Finding("bmc-silent", "warning", name, "its boot override", error.message, error.hint))
    else:
        if left.device not in ("none", "disk"):
            often = "always" if left.persistent else "once more"
            hint = f"`scs-rack bmc boot none {name}`; this BMC does not take its override back"
            finding = Finding("boot-override-left", "warning", name, "none", f"{left.device} {often}", hint)
            server.findings.append(finding)
    return order.words if order else ""


def _reason(words: str) -> str:
    """Why a ramdisk failed: its own words, and the last ones of the tool that failed."""
    first, *log = words.splitlines() or ["failed"]
    tools = [line for line in log if line and not line.startswith("scs-rack: ") and line not in first]
    return f"{first} ({tools[-1]})" if tools else first
