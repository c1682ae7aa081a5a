"""Set, then read back: a power action counts only when the BMC was seen to have done it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal

from scs_rack.bmc.errors import AnswerLost, BmcError, Busy, NoAnswer, Refused
from scs_rack.bmc.types import Bmc, Power, TimeLimits
from scs_rack.results import Finding, Result

Action = Literal["on", "off", "soft", "cycle", "reset", "nmi"]

_FIRST_LOOK = 0.1
_SLOWEST_LOOK = 3.0


async def act(bmc: Bmc, action: Action, limits: TimeLimits) -> Result:
    """Do a power action and observe it.

    Raises:
        BmcError: the BMC can't be spoken to. That it did nothing is no error of this kind, but a finding.
    """
    begin = time.monotonic()
    steps: dict[Action, Callable[[Bmc, TimeLimits], Awaitable[Result]]] = {
        "on": _on,
        "off": _off,
        "soft": _soft,
        "cycle": _cycle,
        "reset": _reset,
        "nmi": _nmi,
    }
    result = await steps[action](bmc, limits)
    return Result(
        result.device,
        result.step,
        result.changed,
        result.diff,
        result.findings,
        time.monotonic() - begin,
        result.error,
    )


async def _on(bmc: Bmc, limits: TimeLimits) -> Result:
    return await _ensure(bmc, "power on", Power.ON, bmc.power_on, limits.power)


async def _off(bmc: Bmc, limits: TimeLimits) -> Result:
    return await _ensure(bmc, "power off", Power.OFF, lambda: bmc.power_off(hard=True), limits.power)


async def _soft(bmc: Bmc, limits: TimeLimits) -> Result:
    return await _ensure(bmc, "shut down", Power.OFF, lambda: bmc.power_off(hard=False), limits.shutdown)


async def _cycle(bmc: Bmc, limits: TimeLimits) -> Result:
    """Off, seen off, on, seen on: each half may be repeated, and each is observed. Refused for a server that is off."""
    step = "power cycle"
    if await bmc.power_state() is Power.OFF:
        raise Refused(f"{bmc.target.name} is off: nothing to cycle", "`scs-rack power on` switches it on")
    off = await _off(bmc, limits)
    if off.error:
        return Result(bmc.target.name, step, changed=off.changed, findings=off.findings, error=off.error)
    on = await _on(bmc, limits)
    return Result(bmc.target.name, step, changed=True, findings=on.findings, error=on.error, diff="on -> off -> on")


async def _reset(bmc: Bmc, limits: TimeLimits) -> Result:
    """Reset once; observed by the time of the last reset where the BMC tells it, and by the power in any case."""
    step = "reset"
    if await bmc.power_state() is Power.OFF:
        raise Refused(f"{bmc.target.name} is off: nothing to reset", "`scs-rack power on` switches it on")
    before = await bmc.last_reset()
    try:
        await bmc.reset()
    except AnswerLost:
        if before is None:  # nothing would show whether it happened
            raise
    if before is None and await bmc.last_reset() is None:
        seen = await _wait(bmc, Power.ON, limits.power)
        if seen is not Power.ON:
            return lied(bmc, step, "power on after the reset", seen, limits.power)
        unseen = Finding(
            type="reset-not-observable",
            severity="info",
            where=bmc.target.name,
            expected="a time of the last reset",
            seen="the BMC tells none over this protocol: that it accepted the reset is all that is known",
        )
        return Result(bmc.target.name, step, changed=True, findings=(unseen,))
    deadline = time.monotonic() + limits.power
    while await bmc.last_reset() == before or await bmc.power_state() is not Power.ON:
        if time.monotonic() > deadline:
            return lied(bmc, step, "a new time of the last reset", str(before), limits.power)
        await asyncio.sleep(0.5)
    return Result(bmc.target.name, step, changed=True)


async def _nmi(bmc: Bmc, limits: TimeLimits) -> Result:  # noqa: ARG001 (as all actions)
    """Sent once; only the server's own console could tell what came of it."""
    step = "NMI"
    if await bmc.power_state() is Power.OFF:
        raise Refused(f"{bmc.target.name} is off: nothing to interrupt", "`scs-rack power on` switches it on")
    await bmc.nmi()
    expected, seen = "a sign that the processors were interrupted", "no BMC tells; that it accepted the NMI is known"
    unseen = Finding("nmi-not-observable", "info", bmc.target.name, expected, seen, "see the server's console")
    return Result(bmc.target.name, step, changed=True, findings=(unseen,))


async def _ensure(bmc: Bmc, step: str, wanted: Power, ask: Callable[[], Awaitable[None]], limit: float) -> Result:
    before = await bmc.power_state()
    if before is wanted:
        return Result(bmc.target.name, step)
    lost: AnswerLost | None = None
    try:
        await ask()
    except AnswerLost as error:  # what it did is seen below
        lost = error
    seen = await _wait(bmc, wanted, limit)
    if seen is wanted:
        return Result(bmc.target.name, step, changed=True, diff=f"{before} -> {wanted}")
    if lost is not None:  # it never said yes
        raise lost
    return lied(bmc, step, f"power {wanted}", f"power {seen}", limit)


async def _wait(bmc: Bmc, wanted: Power, limit: float) -> Power:
    """Look until the power is as wanted or the time is over; a lost answer in between is no news."""
    deadline = time.monotonic() + limit
    pause = _FIRST_LOOK
    while True:
        failure: BmcError | None = None
        seen: Power | None = None
        try:
            seen = await bmc.power_state()
        except (NoAnswer, Busy) as error:
            failure = error
        if seen is wanted:
            return seen
        left = deadline - time.monotonic()
        if left <= 0:
            if failure is not None:
                raise failure
            return Power.OFF if wanted is Power.ON else Power.ON
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 1.5, _SLOWEST_LOOK)


def lied(bmc: Bmc, step: str, expected: str, seen: str, seconds: float) -> Result:
    """The BMC said yes, and nothing came of it."""
    finding = Finding(
        type="bmc-lied",
        severity="error",
        where=bmc.target.name,
        expected=expected,
        seen=f"{seen} after {seconds:.0f} s, although the BMC accepted the request",
        hint="look at the server's own state; resetting the BMC or a firmware update may help",
    )
    return Result(bmc.target.name, step, findings=(finding,), error=f"{step}: {expected} expected, {finding.seen}")
