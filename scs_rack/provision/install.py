"""Install servers from nothing: boot each from the network, listen to its ramdisk, see it boot from its own disk."""

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from scs_rack import bmc, pki, ssh
from scs_rack.bmc import actions, settings
from scs_rack.bmc.boot import boot_limit, wait_for_ssh
from scs_rack.bmc.errors import BmcError
from scs_rack.bmc.types import Bmc
from scs_rack.design import NodeDesign
from scs_rack.engine.stage import Context
from scs_rack.errors import ScsRackError, StageFailed
from scs_rack.model.server import Provision
from scs_rack.provision import artifact, boot_order, facts, hardware, inventory, kit, records, together
from scs_rack.provision.netboot import callers as calling
from scs_rack.provision.netboot import seed
from scs_rack.provision.netboot.service import running
from scs_rack.provision.netboot.web import Answer, Told
from scs_rack.remote import gather
from scs_rack.results import Finding, Result
from scs_rack.sonic.first_contact.pin import pin

Say = Callable[[str, str], None]
"""Called with the name of a server and what it does."""

QUIET = 240.0
"""Seconds that a ramdisk may be silent at work; it speaks at least once a minute."""
LOOK = 20.0
"""Seconds of silence after which the BMC is asked whether the server is still on."""
_WORDS = {"http": "UEFI HTTP boot", "pxe": "PXE", "ipmi": "PXE by boot flags of IPMI"}


@dataclass(frozen=True)
class Wish:
    """What the operator allowed beyond the usual."""

    reinstall: frozenset[str] = frozenset()
    """Servers whose names were typed: their own installation may be replaced."""
    wipe: frozenset[str] = frozenset()
    """Serial numbers of disks that may lose whatever they hold."""
    only_look: bool = False
    """Boot the ramdisk, collect, write nothing."""
    burn_s: int = 0
    """Seconds for each part of a burn-in, which writes to disks without data only; 0: none."""

    @property
    def job(self) -> calling.Job:
        """What the ramdisk is booted for."""
        return "burnin" if self.burn_s else "inspect" if self.only_look else "install"


@dataclass
class _Server:
    """One server at work."""

    node: NodeDesign
    caller: calling.Caller
    options: Provision
    events: "asyncio.Queue[Told]" = field(default_factory=asyncio.Queue)
    trail: list[str] = field(default_factory=list)
    """What was seen of it since its last power-on: evidence where it does not come."""
    ids: seed.Ids = field(default_factory=seed.new_ids)
    report: facts.Facts | None = None
    findings: list[Finding] = field(default_factory=list)
    way: str = ""
    bmc_serial: str = ""
    """Serial number of the server that its BMC is in, by the BMC's own words."""
    burnt: dict[str, tuple[bool, str]] = field(default_factory=dict)
    """Results of a burn-in: whether it passed, and figures."""


class Installer:
    """Servers that are installed or looked at together.

    Args:
        ctx: rack, state and secrets.
        names: servers.
        wish: what the operator allowed.
        say: told what goes on.
    """

    def __init__(self, ctx: Context, names: Iterable[str], wish: Wish, say: Say) -> None:
        self._ctx, self._wish, self._say = ctx, wish, say
        design = ctx.design
        self._place = calling.place(design)
        found = calling.callers(design, names, wish.job)
        self._servers = {
            one.name: _Server(design.nodes[one.name], one, design.rack.model(one.name).provision or Provision())
            for one in found
        }
        self._powering = asyncio.Lock()
        self._chain = together.Gathering(self._servers, together.chain)
        self._pairs = together.Gathering(self._servers, together.pairs)
        self._strangers: list[tuple[str, str]] = []
        self._owners = {
            mac.lower(): (node.name, port) for node in design.nodes.values() for port, mac in node.macs.items()
        }
        image = design.rack.image
        self._kit = kit.built_kit(image, image.kernel)
        self._artifacts = {
            flavour: artifact.built(image, flavour) for flavour in {one.options.image for one in self._servers.values()}
        }

    async def run(self) -> AsyncIterator[Result]:
        """Install all of them side by side; one result for each, as it ends."""
        servers = list(self._servers.values())
        async with (
            running(self._ctx.state_dir, self._place, [one.caller for one in servers], self._kit, self),
            bmc.Fleet.open(pki.files(self._ctx.state_dir).ca) as fleet,
        ):  # fmt: skip
            tasks = [asyncio.create_task(self._one(fleet, one)) for one in servers]
            try:
                for done in asyncio.as_completed(tasks):
                    yield await done
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    # The desk of the boot service: what it asks and tells

    def artifact(self, caller: calling.Caller) -> artifact.Artifact:
        """Files of the flavour that the server's model states."""
        return self._artifacts[self._servers[caller.name].options.image]

    def told(self, told: Told) -> None:
        """Note it, and wake who waits for it."""
        server = self._servers[told.caller.name]
        server.trail.append({"script": "boot script", "file": told.words}.get(told.what, told.what))
        server.events.put_nowait(told)

    def heard(self, who: str, what: str) -> None:
        """Note it as evidence; tell of strangers."""
        for server in self._servers.values():
            if who in (server.caller.mac, str(server.caller.address.ip)):
                if not server.trail or server.trail[-1] != what:
                    server.trail.append(what)
                return
        if "not known" in what:
            owner, port = self._owners.get(who, ("", ""))
            self._say(f"{owner} ({who})" if owner else who, what)
            if owner and (who, what) not in self._strangers:
                self._strangers.append((who, what))
                for server in self._servers.values():
                    server.trail.append(f"{port} of {owner} asked by DHCP: are their BMCs swapped?")

    def hello(self, caller: calling.Caller, seen: facts.Facts) -> Answer:
        """Install it, look at it, or leave it alone."""
        server = self._servers[caller.name]
        server.report = seen
        inventory.keep(self._ctx.state_dir, caller.name, seen)
        design, node = self._ctx.design, server.node
        server.findings += self._swapped(server, seen)
        if server.findings and self._wish.job != "inspect" and server.findings[-1].type == "bmc-of-another":
            return Answer(None, f"its BMC is in another server: {server.findings[-1].seen}")
        if self._wish.job == "inspect":
            server.findings += hardware.differences(design, node, seen)
            return Answer({"JOB": "inspect"})
        if self._wish.job == "burnin":
            return Answer(self._burnin(caller, seen))
        begun = records.read(self._ctx.state_dir, node.name)
        verdict = hardware.judge(
            design, node, seen, wipe=self._wish.wipe,
            reinstall=node.name in self._wish.reinstall or (begun is not None and begun.state == "installing"),
            image_bytes=int(self.artifact(caller).manifest.get("unpacked", 0)),
        )  # fmt: skip
        server.findings += verdict.findings
        if not verdict.good:
            lines = [
                f"{f.where}: {f.expected} expected, {f.seen} seen" for f in verdict.findings if f.severity == "error"
            ]
            return Answer(None, "\n".join(lines))
        made = self.artifact(caller)
        files = made.manifest["files"]
        records.write(
            self._ctx.state_dir, records.Record(node.name, "installing", made.digest, server.ids.root_uuid, server.way)
        )
        return Answer({
            "JOB": "install",
            "HOST": node.name,
            "DISKS": " ".join(f"/dev/{disk.name}" for disk in verdict.disks),
            "KEY_DISK": f"/dev/{verdict.key_disk.name}" if verdict.key_disk else "",
            "KEY_UUID": server.ids.key_uuid,
            "LUKS_UUID": server.ids.luks_uuid,
            "RAID_UUID": server.ids.raid_uuid,
            "ESP_MIB": str(server.options.esp_mib),
            "ESP_ID": server.ids.esp_id,
            "ROOT_UUID": server.ids.root_uuid,
            "IMAGE_URL": self._place.http(caller, "root.tar.zst"),
            "IMAGE_BYTES": str(files["root.tar.zst"]["bytes"]),
            "IMAGE_SHA256": files["root.tar.zst"]["sha256"],
            "BOOT_URL": self._place.http(caller, "boot.tar"),
            "BOOT_SHA256": files["boot.tar"]["sha256"],
        })  # fmt: skip

    def _swapped(self, server: _Server, seen: facts.Facts) -> list[Finding]:
        """Is the server that called the one whose BMC was told to boot it? By the serial numbers that both tell."""
        others = {one.bmc_serial: name for name, one in self._servers.items() if one.bmc_serial and one is not server}
        if not seen.serial or not server.bmc_serial or seen.serial == server.bmc_serial:
            return []
        if seen.serial not in others:
            return []  # many vendors' BMCs tell the serial number of a chassis
        hint = f"are the BMC cables of {server.node.name} and {others[seen.serial]} swapped?"
        where = f"a server with serial number {seen.serial}, whose BMC is that of {others[seen.serial]}"
        return [Finding("bmc-of-another", "error", server.node.name, f"serial {server.bmc_serial}", where, hint)]

    def _burnin(self, caller: calling.Caller, seen: facts.Facts) -> dict[str, str]:
        """Variables of a burn-in; disks that hold anything are left out, and told."""
        files = self.artifact(caller).manifest["files"]
        server = self._servers[caller.name]
        for disk in seen.disks:
            if disk.holds and not disk.removable:
                held = "; ".join(f"{part}: {what}" for part, what in disk.holds)
                hint = "a disk with data is never written to"
                server.findings.append(
                    Finding("disk-not-burnt", "info", f"{caller.name} {disk.name}", "an empty disk", held, hint)
                )
        return {
            "JOB": "burnin",
            "BURN_S": str(self._wish.burn_s),
            "BURN_DISKS": " ".join(disk.name for disk in seen.disks if not disk.holds and not disk.removable),
            "TOOLS_URL": self._place.http(caller, "tools.tar.zst"),
            "TOOLS_SHA256": files["tools.tar.zst"]["sha256"],
        }

    async def meet(self, caller: calling.Caller, what: Literal["turn", "pair"]) -> dict[str, str]:
        """Who hands on the image to whom; who measures the network with whom."""
        if what == "turn":
            link = await self._chain.place(caller.name)
            if link is None:
                return {"TURN": "wait"}
            before = self._servers[link.before].caller.address.ip if link.before else None
            upstream = f"http://{before}:{calling.RELAY_PORT}/" if before else ""
            return {"TURN": "go", "UPSTREAM": upstream, "RELAY": "yes" if link.after else ""}
        pair = await self._pairs.place(caller.name)
        if pair is None:
            return {"PAIR": "wait"}
        mate = str(self._servers[pair.mate].caller.address.ip) if pair.mate else ""
        return {"PAIR": ("serve" if pair.serves else "ask") if mate else "alone", "PEER": mate}

    def seed(self, caller: calling.Caller) -> bytes:
        """Name, keys, network and mounts of the server."""
        server = self._servers[caller.name]
        key = ssh.ensure(self._ctx.state_dir).public.read_text(encoding="ascii")
        image = self.artifact(caller).digest
        return seed.archive(seed.files(self._ctx.design, server.node, key, server.ids, image))

    # One server

    async def _one(self, fleet: bmc.Fleet, server: _Server) -> Result:
        begin = time.monotonic()
        step = {"inspect": "look at", "burnin": "burn in", "install": "install"}[self._wish.job]
        name = server.node.name
        writes = self._wish.job == "install"
        try:
            await self._booted(fleet, server)
            if self._wish.job != "inspect":
                await self._worked(fleet, server)
            if writes:
                await self._seen_running(fleet, server)
        except ScsRackError as error:
            took = time.monotonic() - begin
            return Result(name, step, findings=tuple(server.findings), duration=took, error=error.message)
        finally:
            self._chain.gone(name)
            self._pairs.gone(name)
        took = time.monotonic() - begin
        diff = f"nothing -> image {self.artifact(server.caller).digest}, by {server.way}" if writes else ""
        failed = [what for what, (passed, _) in server.burnt.items() if not passed]
        error_words = f"{name} did not pass: {', '.join(failed)}" if failed else None
        return Result(
            name, step, changed=writes, diff=diff, findings=tuple(server.findings), duration=took, error=error_words
        )

    async def _booted(self, fleet: bmc.Fleet, server: _Server) -> None:
        """Boot the ramdisk by the first way that works.

        Raises:
            StageFailed: none did, or the ramdisk is not wanted.
        """
        name = server.node.name
        limit = boot_limit(self._ctx.design) * 2
        await self._may_be_switched(fleet, server)
        for way in server.options.ways:
            server.trail.clear()
            while not server.events.empty():
                server.events.get_nowait()
            server.way = _WORDS[way]
            self._say(name, f"boots by {server.way}")
            failure = await self._power(fleet, server, way)
            if failure is None and await self._called(server, limit):
                return
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
            self._say(name, f"{server.way}: {seen}")
        raise StageFailed(f"{name} does not boot from the network: {server.findings[-1].seen}")

    async def _may_be_switched(self, fleet: bmc.Fleet, server: _Server) -> None:
        """Leave alone what runs and was not begun by us.

        Raises:
            StageFailed: the server is on, and nobody knows what it runs; or its BMC can't be asked.
        """
        name = server.node.name
        record = records.read(self._ctx.state_dir, name)
        begun = record is not None and record.state != "installed"
        if not begun and name not in self._wish.reinstall:
            try:
                async with fleet.bmc(self._target(name)) as one:
                    power = await one.power_state()
            except BmcError as error:
                raise StageFailed(error.message, error.hint) from error
            if power is bmc.Power.ON:
                hint = f"if nobody needs it: `scs-rack power soft {name}`, and again"
                raise StageFailed(f"{name} is on, and nobody knows what it runs: it was not touched", hint)
        if record is None:
            records.write(self._ctx.state_dir, records.Record(name, "called", "", ""))

    def _target(self, name: str, way: str = "") -> bmc.Target:
        target = bmc.targets(self._ctx.design, self._ctx.secrets, [name])[0]
        if way != "ipmi" or target.protocol == "ipmi":
            return target
        return replace(target, protocol="ipmi", port=target.fallback_port, fallback=False, fallback_port=None)

    async def _power(self, fleet: bmc.Fleet, server: _Server, way: str) -> str | None:
        """Set the boot override, read it back, and power-cycle; returns why that failed."""
        mode = "legacy" if server.options.firmware == "bios" else "uefi"

        async def work(one: Bmc) -> str | None:
            with contextlib.suppress(BmcError):
                server.bmc_serial = (await one.identity()).serial
            device = "pxe" if way == "ipmi" else way
            results = [await settings.boot(one, bmc.BootOverride(device, mode=mode), fleet.limits)]  # type: ignore[arg-type]
            if not results[-1].error:
                on = await one.power_state() is bmc.Power.ON
                results.append(await actions.act(one, "cycle" if on else "on", fleet.limits))
            server.findings += [finding for result in results for finding in result.findings]
            return next((result.error for result in results if result.error), None)

        async with self._powering:  # one after the other, so that their inrush does not add up
            try:
                async with fleet.bmc(self._target(server.node.name, way)) as one:
                    failure = await work(one)
            except BmcError as error:
                return error.message
            await asyncio.sleep(
                0 if self._ctx.design.rack.lab else self._ctx.design.rack.model(server.node.name).settle_s
            )
        return failure

    async def _called(self, server: _Server, limit: float) -> bool:
        """Wait for the ramdisk's hello.

        Raises:
            StageFailed: the server is not the one that the rack file means, or must not be written.
        """
        end = time.monotonic() + limit
        while (left := end - time.monotonic()) > 0:
            told = await self._next(server, left)
            if told is None:
                return False
            if told.what == "hello":
                self._note_way(server)
                if told.words:
                    raise StageFailed(f"{server.node.name} was not touched: {told.words.replace(chr(10), '; ')}")
                self._say(server.node.name, f"its ramdisk is up, by {server.way}")
                return True
        return False

    def _note_way(self, server: _Server) -> None:
        """Say so when the server came by another way than it was told to."""
        by_http = "ipxe.efi" in server.trail and "TFTP ipxe.efi" not in server.trail
        if server.way == _WORDS["http"] and not by_http and server.options.firmware == "uefi":
            hint = "this firmware does not do UEFI HTTP boot, or the BMC set something else; state `boot: [pxe]`"
            server.findings.append(
                Finding("booted-otherwise", "warning", server.node.name, server.way, _WORDS["pxe"], hint)
            )
            server.way = _WORDS["pxe"]

    async def _next(self, server: _Server, limit: float) -> Told | None:
        """What the server does next; None when the time is over.

        Raises:
            StageFailed: the operator wants to stop.
        """
        end = time.monotonic() + limit
        while (left := end - time.monotonic()) > 0:
            if self._ctx.stop.requested.is_set():
                raise StageFailed("stopped; the server can be installed again")
            try:
                return await asyncio.wait_for(server.events.get(), min(left, 1.0))
            except TimeoutError:
                continue
        return None

    async def _worked(self, fleet: bmc.Fleet, server: _Server) -> None:
        """Listen until the ramdisk says that it is done.

        Raises:
            StageFailed: it failed, fell silent, or started anew.
        """
        name = server.node.name
        doing = "burn-in" if self._wish.burn_s else "installation"
        quiet = 0.0
        while quiet < QUIET + 3 * self._wish.burn_s:
            told = await self._next(server, LOOK)
            quiet = 0.0 if told else quiet + LOOK
            if told is None:
                await self._still_on(fleet, server)
            elif told.what == "phase":
                self._say(name, f"{told.words} ({told.percent} %)")
            elif told.what == "failed":
                raise StageFailed(f"{name}: {_reason(told.words)}")
            elif told.what == "script":
                raise StageFailed(f"{name} started anew in the middle of its {doing}: did it lose power?")
            elif told.what == "burnin":
                what, verdict, words = (*told.words.split("\t"), "", "")[:3]
                server.burnt[what] = (verdict == "ok", words)
                self._say(name, f"{what}: {verdict}, {words}")
            elif told.what == "burnt":
                inventory.keep_burnin(self._ctx.state_dir, name, server.burnt)
                return
            elif told.what == "done":
                if pin(ssh.files(self._ctx.state_dir).known_hosts, name, server.node.mgmt.ip, told.words):
                    self._say(name, "is written, and its host key is pinned")
                return
        raise StageFailed(f"{name} fell silent for {quiet:.0f} s in the middle of its {doing}; see its console")

    async def _still_on(self, fleet: bmc.Fleet, server: _Server) -> None:
        """Ask the BMC of a server that is silent.

        Raises:
            StageFailed: it is off.
        """
        try:
            async with fleet.bmc(self._target(server.node.name)) as one:
                power = await one.power_state()
        except BmcError as error:
            self._say(server.node.name, f"is silent, and so is its BMC: {error.message}")
            return
        if power is bmc.Power.OFF:
            raise StageFailed(f"{server.node.name} lost its power in the middle of its installation")

    async def _seen_running(self, fleet: bmc.Fleet, server: _Server) -> None:
        """See the server run from the disk that was written.

        Raises:
            StageFailed: it does not.
        """
        name, address = server.node.name, str(server.node.mgmt.ip)
        limit = boot_limit(self._ctx.design) * 2
        failure = await wait_for_ssh(address, limit, self._ctx.stop.requested.is_set)
        if failure:
            raise StageFailed(f"{name} was written, but does not answer to SSH on {address}: {failure}")
        command = ["sh", "-c", "cat /etc/scs-rack/server; findmnt -no UUID /"]
        answer = (await gather(self._ctx, [name], {name: command}, 60))[name]
        lines = answer.out.splitlines()
        if not answer.ok or not lines or lines[0] != name or lines[-1] != server.ids.root_uuid:
            raise StageFailed(f"{name} answers to SSH, but not from the disk that was written: {answer.why}")
        order = await self._boots_again(fleet, server)
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        made = self.artifact(server.caller)
        records.write(
            self._ctx.state_dir,
            records.Record(name, "installed", made.digest, server.ids.root_uuid, server.way, now, order),
        )
        self._say(name, "runs from its own disk")

    async def _boots_again(self, fleet: bmc.Fleet, server: _Server) -> str:
        """Verify what it will boot from next time: firmware's order and the BMC's override; returns the order."""
        name = server.node.name
        answer = (await gather(self._ctx, [name], {name: ["sh", "-c", boot_order.COMMAND]}, 60))[name]
        order = boot_order.parse(answer.out) if answer.ok else None
        if order is not None:
            server.findings += boot_order.judge(name, order, "")
        try:
            async with fleet.bmc(self._target(name)) as one:
                left = await one.boot_override()
        except BmcError as error:
            server.findings.append(
                Finding("bmc-silent", "warning", name, "its boot override", error.message, error.hint)
            )
        else:
            if left.device not in ("none", "disk"):
                often = "always" if left.persistent else "once more"
                hint = f"`scs-rack bmc boot none {name}`; this BMC does not take its override back"
                finding = Finding("boot-override-left", "warning", name, "none", f"{left.device} {often}", hint)
                server.findings.append(finding)
        return order.words if order else ""

    @property
    def burnt(self) -> dict[str, dict[str, tuple[bool, str]]]:
        """Results of burn-ins by server."""
        return {name: one.burnt for name, one in self._servers.items()}

    @property
    def seen(self) -> dict[str, facts.Facts]:
        """What ramdisks said of their servers."""
        return {name: one.report for name, one in self._servers.items() if one.report is not None}


def _reason(words: str) -> str:
    """Why a ramdisk failed: its own words, and the last ones of the tool that failed."""
    first, *log = words.splitlines() or ["failed"]
    tools = [line for line in log if line and not line.startswith("scs-rack: ") and line not in first]
    return f"{first} ({tools[-1]})" if tools else first


async def install(ctx: Context, names: Iterable[str], wish: Wish, say: Say) -> AsyncIterator[Result]:
    """As `Installer.run`."""
    async for result in Installer(ctx, names, wish, say).run():
        yield result
