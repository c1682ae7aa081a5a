"""Bring the servers of a rack to the power that the rack file wants: in service means on, spares are left alone."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scs_rack.bmc.actions import act
from scs_rack.bmc.boot import wait_for_ssh
from scs_rack.bmc.fleet import Fleet
from scs_rack.bmc.survey import Survey, differences, survey
from scs_rack.bmc.types import Bmc, Power, Target, TimeLimits
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


async def bring_up(design: Design, bmc: Bmc, limits: TimeLimits) -> list[Result]:
    """Ask a BMC and switch its server on if it is in service; what may be another server is not switched."""
    _, looked = await look(design, bmc)
    if looked.error or not design.nodes[bmc.target.name].in_service:
        return [looked]
    return [looked, await act(bmc, "on", limits)]


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

    async def work(bmc: Bmc) -> Server:
        seen, looked = await look(design, bmc)
        wanted = design.nodes[bmc.target.name].in_service and not looked.error
        if only_look or not wanted:
            would = wanted and seen.power is Power.OFF
            return Server(bmc.target.name, seen, looked.findings, changed=would, error=looked.error)
        done = await act(bmc, "on", fleet.limits)
        return Server(bmc.target.name, seen, (*looked.findings, *done.findings), done.changed, done.error)

    found: dict[str, Server] = {}
    async with Fleet.open(ca_file) as fleet:
        async for outcome in fleet.run(targets, work):
            failed = Server(outcome.target.name, error=outcome.error.message if outcome.error else "no answer")
            found[outcome.target.name] = outcome.value or failed
    servers = [found[target.name] for target in targets]
    return servers if only_look or not boot else await _booted(design, servers, boot)


async def _booted(design: Design, servers: list[Server], limit: float) -> list[Server]:
    async def one(server: Server) -> Server:
        node = design.nodes[server.server]
        if server.error or not node.in_service:
            return server
        failure = await wait_for_ssh(str(node.mgmt.ip), limit)
        words = f"{node.mgmt.ip} by SSH: {failure} ({limit:.0f} s after power on)"
        return replace(server, error=words) if failure else server

    return list(await asyncio.gather(*(one(server) for server in servers)))
