"""Bring the servers of a rack to the power that the rack file wants: in service means on, spares are left alone."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scs_rack.bmc.boot import wait_for_ssh
from scs_rack.bmc.fleet import Fleet, Outcome
from scs_rack.bmc.power_budget import Meter, loads
from scs_rack.bmc.power_run import Seen, count, in_order
from scs_rack.bmc.survey import Survey, differences, survey
from scs_rack.bmc.types import Bmc, Power, Target
from scs_rack.design import Design, NodeDesign
from scs_rack.results import Finding, Result


@dataclass(frozen=True)
class Server:
    """What a BMC said of its server, and what was done."""

    server: str
    seen: Survey | None = None
    findings: tuple[Finding, ...] = ()
    changed: bool = False
    """True when it was switched on (or would be, when only looked at)."""
    error: str | None = None


def judge(design: Design, node: NodeDesign, seen: Survey) -> tuple[Finding, ...]:
    """What is not as the rack file states; a server in service that is off is not among it."""
    found = differences(design, node, seen)
    if node.in_service or seen.power is Power.OFF:
        return found
    hint = f"`scs-rack power soft {node.name}` shuts it down; `up` never switches a server off"
    return (*found, Finding("spare-is-on", "warning", node.name, "power off, since it is a spare", "power on", hint))


async def look(design: Design, bmc: Bmc) -> tuple[Survey, Result]:
    """Ask a BMC; the result has an error when this does not seem to be the server that the rack file means."""
    begin = time.monotonic()
    node = design.nodes[bmc.target.name]
    seen = await survey(bmc)
    findings = judge(design, node, seen)
    wrong = [finding for finding in findings if finding.severity == "error"]
    error = "; ".join(f"{f.where}: {f.type}: {f.expected} expected, {f.seen} seen" for f in wrong) or None
    took = time.monotonic() - begin
    return seen, Result(node.name, "ask the BMC", findings=findings, duration=took, error=error)


async def bring_up(design: Design, fleet: Fleet, targets: Sequence[Target]) -> AsyncIterator[Outcome[list[Result]]]:
    """Ask all BMCs and switch on what is in service and off, in the order that the feeds can carry.

    What may be another server is not switched. Gives one outcome for each target, those that need nothing first.
    """
    by_name = {target.name: target for target in targets}
    looked: dict[str, Outcome[tuple[Survey, Result]]] = {}
    async for outcome in fleet.run(targets, lambda bmc: look(design, bmc)):
        looked[outcome.target.name] = outcome
        if not _wanted(design, outcome):
            yield Outcome(outcome.target, _unswitched(design, outcome), outcome.error, outcome.duration)
    states = {name: outcome.value[0].power for name, outcome in looked.items() if outcome.value}
    known, meter = loads(design.rack), Meter.of(design.rack)
    count(meter, known, Seen(states, {}), list(by_name))
    wanted = [load for load in known if load.name in looked and _wanted(design, looked[load.name])]
    async for done in in_order(fleet, by_name, wanted, meter, "on"):
        first = looked[done.target.name]
        results = [first.value[1], done.value] if first.value and done.value else None
        yield Outcome(done.target, results, done.error, first.duration + done.duration)


def _wanted(design: Design, looked: Outcome[tuple[Survey, Result]]) -> bool:
    """True for what should be on, is off, and is the server that the rack file means."""
    if looked.value is None or not design.nodes[looked.target.name].in_service:
        return False
    seen, result = looked.value
    return seen.power is Power.OFF and not result.error


def _unswitched(design: Design, looked: Outcome[tuple[Survey, Result]]) -> list[Result] | None:
    """Results of a server that is left as it is."""
    if looked.value is None:
        return None
    _, result = looked.value
    if result.error or not design.nodes[result.device].in_service:
        return [result]
    return [result, Result(result.device, "power on")]


async def switch_on(
    design: Design, targets: Sequence[Target], ca_file: Path, *, only_look: bool = False, boot: float = 0.0
) -> list[Server]:
    """Do the same with many BMCs at once.

    Args:
        design: the rack.
        targets: BMCs to call.
        ca_file: the CA that signs their certificates.
        only_look: change nothing, say what would be changed.
        boot: seconds to wait for SSH of what is on and in service; 0 does not wait.

    Returns:
        One for each target, in their order.
    """
    found: dict[str, Server] = {}
    async with Fleet.open(ca_file) as fleet:
        if only_look:
            async for seen in fleet.run(targets, lambda bmc: look(design, bmc)):
                found[seen.target.name] = _foreseen(design, seen)
        else:
            async for done in bring_up(design, fleet, targets):
                found[done.target.name] = _switched(done)
    servers = [found[target.name] for target in targets]
    return servers if only_look or not boot else await _booted(design, servers, boot)


def _foreseen(design: Design, looked: Outcome[tuple[Survey, Result]]) -> Server:
    """What would be done with a server."""
    name = looked.target.name
    if looked.value is None:
        return Server(name, error=looked.error.message if looked.error else "no answer")
    seen, result = looked.value
    return Server(name, seen, result.findings, changed=_wanted(design, looked), error=result.error)


def _switched(done: Outcome[list[Result]]) -> Server:
    """What was done with a server."""
    results = done.value or []
    findings = tuple(finding for result in results for finding in result.findings)
    errors = [result.error for result in results if result.error]
    if done.error is not None:
        errors.append(done.error.message)
    changed = any(result.changed for result in results)
    return Server(done.target.name, None, findings, changed, "; ".join(errors) or None)


async def _booted(design: Design, servers: list[Server], limit: float) -> list[Server]:
    async def one(server: Server) -> Server:
        node = design.nodes[server.server]
        if server.error or not node.in_service:
            return server
        failure = await wait_for_ssh(str(node.mgmt.ip), limit)
        words = f"{node.mgmt.ip} by SSH: {failure} ({limit:.0f} s after power on)"
        return replace(server, error=words) if failure else server

    return list(await asyncio.gather(*(one(server) for server in servers)))
