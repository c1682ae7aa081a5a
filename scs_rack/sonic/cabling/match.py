"""Which plugs to move so that the cables seen become the cables planned. Pure functions on two sets of cables.

Put planned and seen cables into one drawing, and leave out what is in both: what remains are rounds and chains in
which planned and seen cables alternate (every port has at most one of each). Each of them is one mistake, mended by
moving one plug of each seen cable, all on the same side.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from scs_rack.sonic.cabling.seen import End, Mates


@dataclass(frozen=True)
class Move:
    """Take the plug out of one port and put it into another."""

    anchor: End
    """The other end of the cable, which stays."""
    source: End
    target: End


@dataclass(frozen=True)
class Mistake:
    """Cables that are wrong for one reason."""

    moves: tuple[Move, ...] = ()
    """Each frees the target of the next one; in a round all at once."""
    round: bool = False
    """True when the plugs change places among themselves."""
    missing: tuple[End, End] | None = None
    """A planned cable that is not there."""
    extra: tuple[End, End] | None = None
    """A cable that is not planned; pull it first."""


Cost = Callable[[tuple[Move, ...]], tuple[int | str, ...]]


def mistakes(plan: Mates, seen: Mates, cost: Cost) -> list[Mistake]:
    """All mistakes, in the order of their first ports.

    Args:
        plan: planned cables.
        seen: cables as they are.
        cost: what decides between the two sides on which plugs can be moved; the smaller one wins.
    """
    differing = {end for end in (*plan, *seen) if plan.get(end) != seen.get(end)}
    found: list[Mistake] = []
    done: set[End] = set()
    # chains first, from their ends; what is left are rounds
    ends = [end for end in sorted(differing) if end not in plan or end not in seen]
    for end in (*ends, *sorted(differing)):
        if end in done:
            continue
        walk = list(_walk(end, plan, seen))
        done |= set(walk)
        found.append(_chain(walk, plan, seen, cost) if end in ends else _round(walk, plan, seen, cost))
    return found


def _walk(first: End, plan: Mates, seen: Mates) -> Iterator[End]:
    """Ports of a chain or round, from a port on; planned and seen cables alternate, a seen one first if there is."""
    here, by_seen = first, first in seen
    while True:
        yield here
        following = (seen if by_seen else plan).get(here)
        if following is None or following == first:
            return
        here, by_seen = following, not by_seen


def _round(walk: list[End], plan: Mates, seen: Mates, cost: Cost) -> Mistake:
    sides = [
        tuple(Move(anchor, seen[anchor], plan[anchor]) for anchor in anchors) for anchors in (walk[::2], walk[1::2])
    ]
    best = min((_in_turn(side) for side in sides), key=cost)
    return Mistake(moves=best, round=True)


def _in_turn(moves: tuple[Move, ...]) -> tuple[Move, ...]:
    """Moves of a round in the order in which each one takes the place of the next."""
    by_source = {move.source: move for move in moves}
    first = min(moves, key=lambda move: move.anchor)
    order = [first]
    while (following := by_source[order[-1].target]) is not first:
        order.append(following)
    return tuple(order)


def _chain(walk: list[End], plan: Mates, seen: Mates, cost: Cost) -> Mistake:
    """Mistake of a chain; the walk begins with a seen cable if its first port has one."""
    both_ways = (walk, walk[::-1])
    if walk[0] in seen and walk[-1] in seen:
        ways = [Mistake(_moves(way[2::2], plan, seen), extra=(way[0], way[1])) for way in both_ways]
    elif walk[0] not in seen and walk[-1] not in seen:
        ways = [Mistake(_moves(way[1:-2:2], plan, seen), missing=(way[-2], way[-1])) for way in both_ways]
    else:  # it ends at a planned port that is free: fill that first
        ways = [Mistake(_moves(way[1::2], plan, seen)) for way in both_ways if way[0] not in seen]
    return min(ways, key=lambda one: cost(one.moves))


def _moves(anchors: list[End], plan: Mates, seen: Mates) -> tuple[Move, ...]:
    """Moves that give each of these ports its planned cable, by moving the other end's plug."""
    return tuple(Move(anchor, seen[anchor], plan[anchor]) for anchor in anchors)
