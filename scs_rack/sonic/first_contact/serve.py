"""Answer switches until each of them is in our hands."""

import asyncio
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from scs_rack import ssh
from scs_rack.engine.stage import Context
from scs_rack.errors import ScsRackError, StageFailed, UsageError
from scs_rack.sonic.first_contact.contacts import Contact, Service
from scs_rack.sonic.first_contact.dhcp import dnsmasq_conf
from scs_rack.sonic.first_contact.pin import pin
from scs_rack.sonic.first_contact.web import Answers, Told
from scs_rack.sonic.plan import read
from scs_rack.sonic.transport import Switch

SETTLE = 300.0
"""Seconds that a switch may take from its hello until its configuration is in place: a reload takes minutes."""
PAUSE = 2.0
WORDS = {
    "onie-installer": "ONIE fetches the installer",
    "ztp.json": "ZTP asks what to do",
    "image": "fetches the image",
    "login.sh": "fetches our key",
    "config_db.json": "fetches its configuration",
    "host.sh": "fetches its accounts",
    "hello": "told its host key",
}
_LEASED = re.compile(r"DHCPACK\([^)]+\) (?P<ip>\S+) (?P<mac>[0-9a-f:]{17})")
_IGNORED = re.compile(r"DHCPDISCOVER\([^)]+\) (?P<mac>[0-9a-f:]{17}) ignored")

Say = Callable[[str, str], None]
"""Called with the name of a switch (or a MAC address that is not known) and what it does."""


async def serve(ctx: Context, service: Service, image: Path | None, say: Say) -> None:
    """Answer until all switches are reachable over SSH with a pinned key and run what they were given.

    Raises:
        UsageError: dnsmasq is missing, or a port is taken.
        StageFailed: dnsmasq ended, or a switch did not settle after its hello.
    """
    program = shutil.which("dnsmasq", path="/usr/sbin:/sbin:/usr/local/sbin:/usr/bin")
    if program is None:
        raise UsageError("the manager has no dnsmasq", "apt-get install dnsmasq-base")
    hellos: asyncio.Queue[Told] = asyncio.Queue()

    def told(what: Told) -> None:
        say(what.contact.name, WORDS[what.what])
        if what.what == "hello":
            hellos.put_nowait(what)

    answers = Answers(service, ctx.design, ssh.ensure(ctx.state_dir).public.read_text(encoding="ascii"), image, told)
    folder = ctx.state_dir / "first-contact"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    conf = folder / "dnsmasq.conf"
    conf.write_text(dnsmasq_conf(service, folder, installer=image is not None), encoding="utf-8")
    try:
        runner = await answers.start()
    except OSError as error:
        raise UsageError(f"can't answer over HTTP: {error.strerror or error}", "does another `serve` run?") from error
    try:
        await _until_done(ctx, service, [program, f"--conf-file={conf}", f"--pid-file={folder / 'pid'}"], hellos, say)
    finally:
        await runner.cleanup()


async def _until_done(
    ctx: Context, service: Service, command: list[str], hellos: "asyncio.Queue[Told]", say: Say
) -> None:
    dhcp = await asyncio.create_subprocess_exec(
        *command, "--keep-in-foreground",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    left = {contact.name for contact in service.contacts}
    log = ctx.state_dir / "first-contact/dnsmasq.log"
    watching = asyncio.create_task(_watch(dhcp, service, log, say))
    settling: set[asyncio.Task[Contact]] = set()
    hello = asyncio.create_task(hellos.get())
    try:
        while left:
            await asyncio.wait({watching, hello, *settling}, return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                raise StageFailed(f"dnsmasq ended: {watching.result()}", f"its log is {log}")
            if hello.done():
                settling.add(asyncio.create_task(_settle(ctx, hello.result(), say)))
                hello = asyncio.create_task(hellos.get())
            for settled in [task for task in settling if task.done()]:
                settling.discard(settled)
                left.discard(settled.result().name)
    finally:
        for task in (watching, hello, *settling):
            task.cancel()
        await asyncio.gather(watching, hello, *settling, return_exceptions=True)
        if dhcp.returncode is None:
            dhcp.terminate()
            await dhcp.wait()


async def _watch(dhcp: asyncio.subprocess.Process, service: Service, log: Path, say: Say) -> str:
    """Tell what dnsmasq does; returns its last words when it ends."""
    names = {contact.mac: contact.name for contact in service.contacts}
    strangers: set[str] = set()
    last = ""
    with log.open("a", encoding="utf-8") as file:
        while line := (await dhcp.stderr.readline() if dhcp.stderr else b"").decode(errors="replace"):
            file.write(line)
            file.flush()
            last = line.strip()
            if match := _LEASED.search(line):
                say(names.get(match["mac"], match["mac"]), f"has the address {match['ip']}")
            elif (match := _IGNORED.search(line)) and match["mac"] not in strangers:
                strangers.add(match["mac"])
                say(match["mac"], "asks for an address, and is not one of the switches that are waited for")
    await dhcp.wait()
    return last


async def _settle(ctx: Context, told: Told, say: Say) -> Contact:
    """Pin the key, and wait until the switch runs what it was given."""
    contact = told.contact
    files = ssh.files(ctx.state_dir)
    if pin(files.known_hosts, contact.name, contact.address.ip, told.host_key):
        say(contact.name, "its host key is pinned")
    deadline = asyncio.get_running_loop().time() + SETTLE
    seen = "nothing"
    while asyncio.get_running_loop().time() < deadline:
        seen = await asyncio.to_thread(_seen, ctx, contact)
        if not seen:
            say(contact.name, "reached over SSH, and configured")
            return contact
        await asyncio.sleep(PAUSE)
    raise StageFailed(
        f"{contact.name} did not settle within {SETTLE:.0f} s: {seen}", "look at `show ztp status` on its console"
    )


def _seen(ctx: Context, contact: Contact) -> str:
    """What is not yet as it should be, seen over a new connection; empty when all is well."""
    switch = Switch(ctx, contact.name).renewed()
    try:
        tables = read(switch)
    except ScsRackError as error:
        return error.message
    finally:
        switch.hang_up()
    name = tables.get("DEVICE_METADATA", {}).get("localhost", {}).get("hostname")
    if name != contact.name:
        return f"it is called {name}"
    if tables.get("ZTP", {}).get("mode", {}).get("profile") == "active":
        return "ZTP is still at work"
    return ""
