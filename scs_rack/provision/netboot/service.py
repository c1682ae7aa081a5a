"""Run the boot service for as long as a block lasts: dnsmasq, HTTP, HTTPS; what servers do comes as events."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from scs_rack import pki
from scs_rack.errors import StageFailed, UsageError
from scs_rack.provision.kit import Kit
from scs_rack.provision.netboot.callers import Caller, Place, Strangers
from scs_rack.provision.netboot.dhcp import (
    BIOS_LOADER,
    GRUB_MENU,
    SIGNED_LOADER,
    SIGNED_SECOND,
    UEFI_LOADER,
    dnsmasq_conf,
)
from scs_rack.provision.netboot.script import grub_menu
from scs_rack.provision.netboot.web import Desk, Web

_EVENT = re.compile(r"DHCP(?P<what>DISCOVER|ACK)\(\S+\) (?:\S+ )?(?P<mac>[0-9a-f:]{17})(?P<rest>.*)")
_SENT = re.compile(r"sent \S*/(?P<file>[^/ ]+) to (?P<ip>\S+)")


@asynccontextmanager
async def running(
    state_dir: Path, place: Place, callers: list[Caller], kit: Kit, desk: Desk, *, strangers: Strangers | None = None
) -> AsyncIterator[None]:
    """Answer servers, and others too where `strangers` says so.

    Raises:
        UsageError: dnsmasq is missing, or a port is taken.
        StageFailed: dnsmasq ended.
    """
    program = shutil.which("dnsmasq", path="/usr/sbin:/sbin:/usr/local/sbin:/usr/bin")
    if program is None:
        raise UsageError("the manager has no dnsmasq", "apt-get install dnsmasq-base")
    folder = state_dir / "netboot"
    (folder / "tftp").mkdir(mode=0o755, parents=True, exist_ok=True)
    for name in (BIOS_LOADER, UEFI_LOADER):
        shutil.copy(kit.files / "usr/lib/ipxe" / name, folder / "tftp" / name)
    if any(caller.secure for caller in callers):
        signed = kit.files / "usr/lib"
        shutil.copy(signed / "shim/shimx64.efi.signed", folder / "tftp" / SIGNED_LOADER)
        shutil.copy(signed / "grub/x86_64-efi-signed/grubnetx64.efi.signed", folder / "tftp" / SIGNED_SECOND)
        (folder / "tftp" / GRUB_MENU).parent.mkdir(exist_ok=True)
        (folder / "tftp" / GRUB_MENU).write_text(grub_menu(place), encoding="ascii")
    for path in (folder, folder / "tftp", *(folder / "tftp").rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)  # dnsmasq gives up its rights
    conf = folder / "dnsmasq.conf"
    conf.write_text(dnsmasq_conf(place, callers, folder, strangers), encoding="utf-8")
    pki.issue(state_dir, "netboot", ["manager"], [place.address])
    ca = (state_dir / "ca/ca.crt").read_text(encoding="ascii")
    web = Web(place, callers, folder / "tftp", ca, desk, strangers=strangers is not None)
    try:
        runners = await web.start(state_dir / "ca/netboot.crt", state_dir / "ca/netboot.key")
    except OSError as error:
        raise UsageError(
            f"can't answer servers: {error.strerror or error}", "does another installation run?"
        ) from error
    try:
        async with _dnsmasq(
            [program, f"--conf-file={conf}", "--pid-file", f"--user={_user()}", f"--group={_user()}"], folder, desk
        ):
            yield
    finally:
        for runner in runners:
            await runner.cleanup()


def _user() -> str:
    """User and group: TFTP reads what the state folder may keep from others, so root where we are.

    A change of the group would also cancel the signal by which dnsmasq ends with a manager that is killed.
    """
    return "root" if os.geteuid() == 0 else ""


def _end_leftover(conf: str) -> None:
    """End a dnsmasq that a killed manager of this rack left: it would hand out addresses of files that are gone."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if conf in words and words[0].endswith("dnsmasq"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(path.parent.name), signal.SIGTERM)


@asynccontextmanager
async def _dnsmasq(command: list[str], folder: Path, desk: Desk) -> AsyncIterator[None]:
    _end_leftover(command[1])
    process = await asyncio.create_subprocess_exec(
        "setpriv", "--pdeathsig", "TERM", *command, "--keep-in-foreground",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    log = folder / "dnsmasq.log"
    watching = asyncio.create_task(_watch(process, log, desk))
    try:
        await asyncio.wait({watching}, timeout=0.5)
        if watching.done():
            raise StageFailed(f"dnsmasq ended: {watching.result()}", f"its log is {log}")
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await watching


async def _watch(process: asyncio.subprocess.Process, log: Path, desk: Desk) -> str:
    """Tell what dnsmasq does; returns its last words when it ends."""
    last = ""
    with log.open("a", encoding="utf-8") as file:
        while line := (await process.stderr.readline() if process.stderr else b"").decode(errors="replace"):
            file.write(line)
            file.flush()
            last = line.strip()
            if found := _EVENT.search(line):
                ignored = "ignored" in found["rest"]
                what = "asks by DHCP and is not known" if ignored else f"DHCP {found['what'].lower()}"
                desk.heard(found["mac"], what)
            elif found := _SENT.search(line):
                desk.heard(found["ip"], f"TFTP {found['file']}")
    await process.wait()
    return last
