"""Set, then look: what a BMC was told counts when the BMC was seen to have taken it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from scs_rack.bmc.actions import lied
from scs_rack.bmc.errors import AnswerLost, Busy, NoAnswer
from scs_rack.bmc.facts import BootOverride, MediaSlot, User
from scs_rack.bmc.types import Bmc, TimeLimits
from scs_rack.results import Result

T = TypeVar("T")

_FIRST_LOOK = 0.1
_SLOWEST_LOOK = 2.0


async def change_and_look(
    bmc: Bmc,
    step: str,
    change: Callable[[], Awaitable[object]],
    look: Callable[[], Awaitable[T]],
    *,
    taken: Callable[[T], bool],
    expected: str,
    limits: TimeLimits,
) -> Result:
    """Change, then look until it is as wanted or the time is over; a lost answer is cleared up by looking.

    Raises:
        BmcError: the BMC refused, or did not answer until the time was over.
    """
    begin = time.monotonic()
    lost: AnswerLost | None = None
    try:
        await change()
    except AnswerLost as error:
        lost = error
    pause = _FIRST_LOOK
    while True:
        seen: T | None = None
        failure: Exception | None = None
        try:
            seen = await look()
        except (NoAnswer, Busy) as error:
            failure = error
        took = time.monotonic() - begin
        if failure is None and taken(seen):  # type: ignore[arg-type]
            return Result(bmc.target.name, step, changed=True, duration=took)
        if took > limits.setting:
            if failure is not None or lost is not None:
                raise failure or lost  # type: ignore[misc]
            return lied(bmc, step, expected, words(seen), took)
        await asyncio.sleep(min(pause, limits.setting - took + _FIRST_LOOK))
        pause = min(pause * 1.5, _SLOWEST_LOOK)


def words(seen: object) -> str:
    """What was read back, for people."""
    if isinstance(seen, BootOverride):
        return override_words(seen)
    if isinstance(seen, tuple):
        return ", ".join(words(one) for one in seen) or "none"
    if isinstance(seen, User):
        return f"{seen.name or '(null user)'} {seen.role}{'' if seen.enabled else ' disabled'}"
    if isinstance(seen, MediaSlot):
        return f"{seen.name}: {seen.image or ('something' if seen.inserted else 'empty')}"
    return str(seen)[:300]


def override_words(seen: BootOverride) -> str:
    """A boot override in words."""
    if seen.device == "none":
        return "no boot override"
    mode = f" by {seen.mode}" if seen.mode else ""
    return f"boot override {seen.device} {'always' if seen.persistent else 'once'}{mode}"
