"""Stage `provision`: servers that have nothing but a BMC and cables get an operating system on their own disk.

Only for servers whose model states `provision`; a rack without such a server does not have this stage at all.
"""

import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from scs_rack.bmc.stream import stream
from scs_rack.design import Design
from scs_rack.engine.stage import Context
from scs_rack.provision import artifact, boot_order, burnt, records
from scs_rack.provision.install import Installer, Wish
from scs_rack.remote import Answer, run_many
from scs_rack.results import Change, Finding, Result

GATE_WAIT = 60.0
"""Seconds that the gate waits for SSH: a server may just be rebooting."""


def needed(design: Design) -> bool:
    """True if a server of the rack is installed by us."""
    return any(design.rack.model(name).provision for name in design.in_service)


def dark(ctx: Context) -> list[str]:
    """Servers in service that are installed by us and were never seen to run from their own disk."""
    return [
        name
        for name in ctx.design.in_service
        if ctx.design.rack.model(name).provision and not records.installed(ctx.state_dir, name)
    ]


@dataclass(frozen=True)
class ProvisionStage:
    """Installs what is not installed; leaves alone what is."""

    name: str = "provision"
    needs: tuple[str, ...] = ("bmc",)
    summary: str = "servers installed over the network, and running from their own disks"

    def plan(self, ctx: Context) -> Iterator[Change]:
        """List the servers that would be installed."""
        for name in self._wanted(ctx):
            options = ctx.design.rack.model(name).provision
            assert options
            made = artifact.artifact_of(ctx.design.rack.image, options.image)
            ways = ", then ".join(options.ways)
            why = self._to_burn(ctx, name)
            first = f"burn-in of {options.burn_in_s} s a part ({why}); then " if why else ""
            diff = f"{first}root disk: empty -> image {made.digest} ({options.image}), booted by {ways}"
            yield Change(self.name, name, "install", diff)

    def apply(self, ctx: Context) -> Iterator[Result]:
        """Install them side by side; those whose model asks for it pass a burn-in before."""
        wanted = self._wanted(ctx)
        failed: set[str] = set()
        for seconds, names in self._burn_ins(ctx, wanted).items():
            for result in stream(partial(_work, ctx, names, Wish(burn_s=seconds))):
                if result.error:
                    failed.add(result.device)
                yield result
        if good := [name for name in wanted if name not in failed]:
            yield from stream(partial(_work, ctx, good, Wish()))

    def gate(self, ctx: Context) -> Iterable[Finding]:
        """Ask every server over SSH who it is, which disk it runs from, and what its firmware boots next time."""
        ours = [name for name in ctx.design.in_service if ctx.selected(name) and ctx.design.rack.model(name).provision]
        known = [name for name in ours if records.installed(ctx.state_dir, name)]
        for name in sorted(set(ours) - set(known)):
            yield Finding("not-installed", "error", name, "installed", "not installed", "`scs-rack up` installs it")
        end = time.monotonic() + ctx.wait_for(GATE_WAIT)
        command = ["sh", "-c", f"head -n 1 /etc/scs-rack/server; findmnt -no UUID /\n{boot_order.COMMAND}"]
        answers = run_many(ctx, known, command)
        while any(answer.unreachable for answer in answers.values()) and time.monotonic() < end:
            if ctx.stop.wait(2):
                break
            answers |= run_many(ctx, [name for name, answer in answers.items() if answer.unreachable], command)
        for name, answer in answers.items():
            yield from _judge(ctx, name, answer)

    def _to_burn(self, ctx: Context, name: str) -> str:
        """Why a server has to be burnt in first; empty when it has not."""
        options = ctx.design.rack.model(name).provision
        assert options
        return burnt.lacking(ctx.state_dir, name, options.burn_in_s, ctx.design.rack.servers[name].serial)

    def _burn_ins(self, ctx: Context, names: Iterable[str]) -> dict[int, list[str]]:
        """Servers to burn in, by seconds for each part: those of one time test their network in pairs."""
        found: dict[int, list[str]] = {}
        for name in names:
            options = ctx.design.rack.model(name).provision
            if options and self._to_burn(ctx, name):
                found.setdefault(options.burn_in_s, []).append(name)
        return found

    def _wanted(self, ctx: Context) -> list[str]:
        return [name for name in dark(ctx) if ctx.selected(name)]


def _judge(ctx: Context, name: str, answer: Answer) -> Iterator[Finding]:
    record = records.read(ctx.state_dir, name)
    uuid = record.root_uuid if record else ""
    if not answer.ok:
        hint = "see its console: `scs-rack node console`"
        yield Finding("ssh-unreachable", "error", name, "an answer over SSH", answer.why, hint)
        return
    lines = answer.out.splitlines()
    if lines[:2] != [name, uuid]:
        seen = " on ".join(lines[:2])
        hint = f"it boots another disk, or was installed by somebody else; `scs-rack node reinstall {name}`"
        yield Finding("other-installation", "error", name, f"{name} on {uuid}", seen, hint)
    order = boot_order.parse(answer.out)
    if order is not None and record is not None:
        yield from boot_order.judge(name, order, record.boot_order)


async def _work(ctx: Context, names: list[str], wish: Wish) -> AsyncIterator[Result]:
    def say(who: str, what: str) -> None:
        ctx.emit(Result(who, what))

    async for result in Installer(ctx, names, wish, say).run():
        yield result
