"""Layer bmc: power, identity, MAC addresses, and the model's baseline of firmware and BIOS, in one visit to a BMC."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from scs_rack import pki
from scs_rack.bmc import Bmc, Fleet, Power, targets
from scs_rack.bmc.audit.checks import off_baseline
from scs_rack.bmc.audit.facts import Facts
from scs_rack.bmc.bring_up import judge
from scs_rack.bmc.errors import NotSupported
from scs_rack.bmc.survey import Survey, survey
from scs_rack.drift.layers import Blind, Drift, Layer
from scs_rack.engine.stage import Context

NOT_COMPARED = frozenset({"mac-not-listed"})
"""Findings that say what a BMC does not tell, not that anything differs."""
WITHIN = 120.0
"""Seconds for one BMC."""
T = TypeVar("T")


@dataclass(frozen=True)
class Seen:
    """One visit."""

    survey: Survey
    facts: Facts


async def visit(bmc: Bmc) -> Seen:
    """Read one BMC; a BMC that has no way to tell its firmware or its BIOS is not compared in these."""

    async def ask(question: Callable[[], Awaitable[T]]) -> T | None:
        try:
            return await question()
        except NotSupported:
            return None

    seen = await survey(bmc)
    return Seen(seen, Facts(firmware=await ask(bmc.firmware), bios=await ask(bmc.bios)))


def look(ctx: Context) -> Layer:
    """Ask all BMCs at once."""
    return asyncio.run(_look(ctx))


async def _look(ctx: Context) -> Layer:
    layer = Layer("bmc")
    wanted = targets(ctx.design, ctx.secrets, [name for name in ctx.design.nodes if ctx.selected(name)])
    known = ctx.state_dir / "bmc/known.json"
    async with Fleet.open(pki.files(ctx.state_dir).ca, known=known) as fleet:
        found = {outcome.target.name: outcome async for outcome in fleet.run(wanted, visit, WITHIN)}
    for target in wanted:
        outcome, node = found[target.name], ctx.design.nodes[target.name]
        if outcome.value is None:
            layer.blind.append(Blind(target.name, outcome.error.message if outcome.error else "no answer"))
            continue
        seen = outcome.value
        layer.add(one for one in judge(ctx.design, node, seen.survey) if one.type not in NOT_COMPARED)
        if node.in_service and seen.survey.power is Power.OFF:
            layer.drifts.append(Drift(node.name, "server-is-off", "power on", "power off"))
        layer.add(off_baseline(target, seen.facts, ctx.design.rack.model(node.name).baseline))
    return layer
