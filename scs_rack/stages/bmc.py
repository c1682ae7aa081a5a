"""Stage `bmc`: every BMC reached, every server the one that the rack file means, and on what should be on."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass

from scs_rack import bmc, pki
from scs_rack.bmc.boot import boot_limit, wait_for_ssh
from scs_rack.bmc.bring_up import bring_up, judge, look
from scs_rack.bmc.errors import NoAnswer
from scs_rack.bmc.stream import stream
from scs_rack.bmc.survey import Survey, survey
from scs_rack.design import NodeDesign
from scs_rack.engine.stage import Context
from scs_rack.errors import StageFailed
from scs_rack.results import Change, Finding, Result
from scs_rack.stages.provision import dark

GATE_WAIT = 20.0
"""Seconds that the gate waits for SSH: a server may just be rebooting."""


@dataclass(frozen=True)
class BmcStage:
    """Reaches BMCs and switches servers on."""

    name: str = "bmc"
    needs: tuple[str, ...] = ()
    summary: str = "BMCs reached, servers recognised and switched on"

    def plan(self, ctx: Context) -> Iterator[Change]:
        """List the servers that are off and should be on.

        Raises:
            StageFailed: a BMC answers, but can't be asked; what the others said was listed before.
        """
        failures = []
        for outcome in asyncio.run(_surveys(ctx)):
            node = ctx.design.nodes[outcome.target.name]
            if isinstance(outcome.error, NoAnswer):
                words = "power can't be foreseen (its BMC does not answer yet)"
                yield Change(self.name, node.name, words, unseen=True)
            elif outcome.error is not None:
                failures.append(outcome.error.message)
            elif outcome.value and _should_run(ctx, node) and outcome.value.power is bmc.Power.OFF:
                yield Change(self.name, node.name, "power on", "power off -> on")
        if failures:
            raise StageFailed("; ".join(failures), "`scs-rack bmc show` asks all BMCs again")

    def apply(self, ctx: Context) -> Iterator[Result]:
        """Look at every BMC, switch on what should be on, and wait until it answers to SSH."""
        yield from stream(lambda: _apply(ctx))

    def gate(self, ctx: Context) -> Iterable[Finding]:
        """Ask every BMC again; servers in service are on and answer to SSH."""
        return asyncio.run(_gate(ctx))


async def _surveys(ctx: Context) -> list[bmc.Outcome[Survey]]:
    """Ask all BMCs; in the order of the rack file."""
    async with _fleet(ctx) as fleet:
        found = {outcome.target.name: outcome async for outcome in fleet.run(_targets(ctx), survey)}
    return [found[name] for name in ctx.design.nodes if name in found]


def _fleet(ctx: Context) -> contextlib.AbstractAsyncContextManager[bmc.Fleet]:
    return bmc.Fleet.open(pki.files(ctx.state_dir).ca)


def _targets(ctx: Context) -> list[bmc.Target]:
    return bmc.targets(ctx.design, ctx.secrets, [name for name in ctx.design.nodes if ctx.selected(name)])


async def _apply(ctx: Context) -> AsyncIterator[Result]:
    to_boot: list[NodeDesign] = []
    async with _fleet(ctx) as fleet:
        async for outcome in _brought_up(ctx, fleet):
            node = ctx.design.nodes[outcome.target.name]
            if outcome.error is not None:
                prefix = "unreachable: " if isinstance(outcome.error, NoAnswer) else ""
                error = f"{prefix}{outcome.error.message}"
                yield Result(node.name, "ask the BMC", duration=outcome.duration, error=error)
                continue
            results = outcome.value or []
            for result in results:
                yield result
            if _should_run(ctx, node) and not any(result.error for result in results):
                to_boot.append(node)
            if ctx.stop.requested.is_set():
                return
    waits = [asyncio.ensure_future(_boot(ctx, node)) for node in to_boot]
    try:
        for done in asyncio.as_completed(waits):
            yield await done
    finally:
        for wait in waits:
            wait.cancel()


def _should_run(ctx: Context, node: NodeDesign) -> bool:
    """True for servers in service, unless there is nothing yet that they could boot: stage `provision` does that."""
    return node.in_service and node.name not in dark(ctx)


async def _brought_up(ctx: Context, fleet: bmc.Fleet) -> AsyncIterator[bmc.Outcome[list[Result]]]:
    """Switch on what should run; of all others only ask the BMC."""
    empty = set(dark(ctx))
    targets = _targets(ctx)
    async for looked in fleet.run([one for one in targets if one.name in empty], lambda one: look(ctx.design, one)):
        results = [looked.value[1]] if looked.value else None
        yield bmc.Outcome(looked.target, results, looked.error, looked.duration)
    async for outcome in bring_up(ctx.design, fleet, [one for one in targets if one.name not in empty]):
        yield outcome


async def _boot(ctx: Context, node: NodeDesign) -> Result:
    begin = time.monotonic()
    limit = boot_limit(ctx.design)
    failure = await wait_for_ssh(str(node.mgmt.ip), limit, ctx.stop.requested.is_set)
    error = f"unreachable: {node.mgmt.ip} by SSH: {failure} ({limit:.0f} s after power on)" if failure else None
    return Result(node.name, "answer to SSH", duration=time.monotonic() - begin, error=error)


async def _gate(ctx: Context) -> list[Finding]:
    found: list[Finding] = []
    running: list[NodeDesign] = []
    for outcome in await _surveys(ctx):
        node = ctx.design.nodes[outcome.target.name]
        if outcome.value is None:
            found.append(_unasked(node, outcome.error))
            continue
        found += judge(ctx.design, node, outcome.value)
        if _should_run(ctx, node) and outcome.value.power is bmc.Power.OFF:
            hint = "`scs-rack up` switches it on"
            found.append(Finding("server-is-off", "error", node.name, "power on", "power off", hint))
        elif _should_run(ctx, node):
            running.append(node)
    failures = await asyncio.gather(
        *(wait_for_ssh(str(node.mgmt.ip), ctx.wait_for(GATE_WAIT), ctx.stop.requested.is_set) for node in running)
    )
    for node, failure in zip(running, failures, strict=True):
        if failure:
            expected = f"SSH on {node.mgmt.ip}"
            found.append(Finding("ssh-unreachable", "error", node.name, expected, failure, "see the server's console"))
    return found


def _unasked(node: NodeDesign, error: bmc.BmcError | None) -> Finding:
    kind = "bmc-unreachable" if isinstance(error, NoAnswer) else "bmc-refuses"
    seen, hint = (error.message, error.hint) if error else ("no answer", "")
    return Finding(kind, "error", node.name, "a BMC that lets us ask", seen, hint)
