"""Servers that do something together: those that are written form a chain, those that are burnt in form pairs."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Place = TypeVar("Place")

QUIET = 60.0
"""Seconds that those who wait go on waiting for others, from the last arrival on."""
MOST = 600.0
"""The same from the first arrival on."""
_LOOK = 0.1
"""Seconds between two looks."""


@dataclass(frozen=True)
class Link:
    """A server's place in a chain."""

    before: str
    """Server that hands on the image; empty: it comes from the manager."""
    after: str
    """Server that takes it; empty: this is the last."""


def chain(names: Sequence[str]) -> dict[str, Link]:
    """Each hands on to the next."""
    around = ["", *names, ""]
    return {name: Link(around[at], around[at + 2]) for at, name in enumerate(names)}


@dataclass(frozen=True)
class Pair:
    """A server's mate."""

    mate: str
    """Empty: it is alone."""
    serves: bool
    """True for the one that waits to be asked."""


def pairs(names: Sequence[str]) -> dict[str, Pair]:
    """Two and two, in their order."""
    found = {}
    for one, other in zip(names[::2], [*names[1::2], ""], strict=False):
        found[one] = Pair(other, serves=True)
        if other:
            found[other] = Pair(one, serves=False)
    return found


class Gathering(Generic[Place]):
    """Waits until all that are on their way have come, and gives each its place.

    Args:
        names: servers that are on their way.
        placed: gives those who came their places.
        quiet: see `QUIET`.
        most: see `MOST`.
    """

    def __init__(
        self, names: Iterable[str], placed: Callable[[Sequence[str]], dict[str, Place]],
        quiet: float = QUIET, most: float = MOST,
    ) -> None:  # fmt: skip
        self._coming, self._placed, self._quiet, self._most = set(names), placed, quiet, most
        self._waiting: list[str] = []
        self._places: dict[str, Place] = {}
        self._first = self._last = 0.0

    def gone(self, name: str) -> None:
        """Nobody needs to wait for this server any more."""
        self._coming.discard(name)
        if name in self._waiting:
            self._waiting.remove(name)

    async def place(self, name: str, patience: float = 20.0) -> Place | None:
        """The place of a server; None when others are still awaited after `patience` seconds: it asks again."""
        if name not in self._waiting and name not in self._places:
            self._last = time.monotonic()
            if not self._waiting:
                self._first = self._last
            self._waiting.append(name)
            self._coming.discard(name)
        end = time.monotonic() + patience
        while name not in self._places:
            now = time.monotonic()
            if not self._coming or now - self._last > self._quiet or now - self._first > self._most:
                self._places |= self._placed(self._waiting)
                self._waiting = []
            elif now > end:
                return None
            else:
                await asyncio.sleep(_LOOK)
        return self._places.pop(name)
