"""Which node starts the cluster when no node has it: pure, so that every case can be tried without a database.

A node that finds no running cluster says where it stands (its position) and reads the positions of the others, and the
last view: the members that the running cluster had when it last changed. From the same facts all nodes decide the same.
Only a majority of the controllers that includes a majority of the last view starts a cluster. Two such sets of nodes
have a node in common, so two clusters can't come about; and nothing that the last view agreed on is lost unless half of
its members are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NO_DATA = "00000000-0000-0000-0000-000000000000"
"""Name of the history of a node that has none yet."""


@dataclass(frozen=True)
class Position:
    """Where a waiting node stands."""

    uuid: str
    """Name of its history (Galera's cluster state UUID)."""
    seqno: int
    """Number of the last change that it has of it; -1 for none."""
    waited: float
    """Seconds that it has waited."""


@dataclass(frozen=True)
class View:
    """What a running cluster was when it last changed."""

    uuid: str
    seqno: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Decision:
    """Whether this node starts the cluster, and why (or why not)."""

    start: bool
    why: str


def decide(  # noqa: PLR0911 - one reason a line
    me: str, controllers: Sequence[str], positions: Mapping[str, Position], view: View | None, patience: float
) -> Decision:
    """Decide for one node.

    Args:
        me: name of the node that decides.
        controllers: all controllers, in the same order on all nodes.
        positions: those of the nodes that wait, by name, its own too.
        view: the last view that a running cluster recorded; None when there never was one.
        patience: seconds to wait for all controllers where a majority is there.
    """
    waiting = [name for name in controllers if name in positions]
    missing = [name for name in controllers if name not in positions]
    if me not in waiting:
        return Decision(start=False, why="this node has not said where it stands")
    if 2 * len(waiting) <= len(controllers):
        return Decision(start=False, why=f"a majority of the controllers is needed; waiting for {_names(missing)}")
    absent = [name for name in view.members if name not in waiting] if view else []
    if view and 2 * len(absent) >= len(view.members):
        return Decision(start=False, why=f"the newest data may be on {_names(absent)}; waiting for a majority of those")
    histories = {positions[name].uuid for name in waiting} - {NO_DATA}
    wanted = view.uuid if view else next(iter(histories), NO_DATA)
    if not view and len(histories) > 1:
        return Decision(
            start=False, why="the nodes hold different databases; an operator has to say which one is right"
        )
    able = [name for name in waiting if positions[name].uuid == wanted]
    if not able:
        return Decision(
            start=False, why="no node that is here has the database that there was; an operator has to choose"
        )
    newer_may_come = absent if view else missing
    if newer_may_come and positions[me].waited < patience:
        return Decision(start=False, why=f"waiting up to {patience:.0f} s for {_names(newer_may_come)}")
    best = max(able, key=lambda name: (positions[name].seqno, -controllers.index(name)))
    if best != me:
        return Decision(start=False, why=f"{best} has the newest data and starts the cluster")
    return Decision(start=True, why=f"the newest data of {_names(waiting)}")


def served(members: int, controllers: int, *, recorded: bool) -> bool:
    """Whether a running cluster may be written to: a later start by others must find its data.

    A majority of the controllers is met by every later majority; a smaller cluster must have recorded its view.
    """
    return 2 * members > controllers or recorded


def _names(names: Sequence[str]) -> str:
    return ", ".join(names)
