"""What an operation consists of: parts in their order, and stages of `up` with them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from scs_rack.days import tools as real
from scs_rack.days.back import Open, Whole
from scs_rack.days.disk import Change, Give, Where, checked
from scs_rack.days.fence import Fence
from scs_rack.days.front import Announce, Withdraw
from scs_rack.days.gateways import Leave, Return
from scs_rack.days.guests import Away, Close
from scs_rack.days.members import Majority, Retire
from scs_rack.days.osds import Empty, KeepIn, Purge
from scs_rack.days.part import Judge, Only, Part, chain
from scs_rack.days.power import Off, On, Wipe
from scs_rack.days.rackfile import After, State, judged, with_state
from scs_rack.days.records import Forget
from scs_rack.days.replace import Lost, Note, Old, Stale, Swap
from scs_rack.days.tools import Make
from scs_rack.design import Design
from scs_rack.engine.bring_up import Order
from scs_rack.engine.stage import Stage
from scs_rack.errors import UsageError
from scs_rack.model.load import rack_file

OBSERVED = ("base", "ceph", "platform", "cloud")
"""Stages of `up` whose gates tell that a server is back."""
JUDGE = "judge"


@dataclass(frozen=True)
class Wish:
    """What the operator asks for."""

    node: str
    fence: bool = False
    """Cut the power of a server that does not answer."""
    unplugged: bool = False
    """The operator's word that it has no power."""
    leave: frozenset[str] = field(default_factory=frozenset)
    """Guests that may stay."""
    wipe: bool = False
    """Wipe its data disks."""


def known(order: Order, node: str) -> None:
    """The server must be one of the rack.

    Raises:
        UsageError: it is not.
    """
    if node not in order.design.nodes:
        raise UsageError(f"no server {node} in {order.design.rack.name}", f"it has {', '.join(order.design.nodes)}")


def drain(order: Order, wish: Wish, make: Make = real.of) -> Order:
    """A server may be switched off without anybody noticing.

    Raises:
        UsageError: there is no such server, or it is not in service.
    """
    known(order, wish.node)
    if not order.design.nodes[wish.node].in_service:
        raise UsageError(f"{wish.node} is not in service", "the rack file says so; there is nothing to drain")
    parts = leaving(wish)
    return replace(order, stages=[Judge(tuple(parts), make), *chain(parts, make, JUDGE)], converge=True)


def leaving(wish: Wish, *, for_good: bool = False) -> list[Part]:
    """What is done before a server goes, for a while or for good."""
    node = wish.node
    parts: list[Part] = [
        Fence(node, wish.fence, wish.unplugged),
        Majority(node),
        Close(node),
        Away(node, wish.leave, asleep=for_good, unplugged=wish.unplugged),
        Leave(node),
        Withdraw(node),
    ]
    return parts if for_good else [*parts, KeepIn(node)]


def remove(order: Order, wish: Wish, make: Make = real.of) -> Order:
    """A server leaves the rack: nothing of it is needed, remembered, or on.

    Raises:
        UsageError: there is no such server, or guests are to be left on it.
    """
    node = wish.node
    known(order, node)
    if wish.leave:
        raise UsageError("guests can't be left on a server that goes for good", "delete or move them first")
    written = State(node, "removed")
    gone: list[Part] = [Empty(node), Purge(node), Forget(node), Wipe(node, wish.wipe), Off(node)]
    parts: list[Part] = [*leaving(wish, for_good=True), *gone]
    # the rack file is judged first and written last: until then a killed run finds a server in service, and goes on
    stages = [Judge((written, *parts), make), *chain([*parts, written], make, JUDGE)]
    after = _with(order, node, "removed")
    if after is not None:
        said = {
            "switches": f"shut the ports of {node}, but for its BMC's",
            "base": f"servers know each other's names; {node} is none of them any more",
        }
        for name, words in said.items():
            stages.append(After(_stage(order, name), after, (stages[-1].name,), words))
    return replace(order, stages=stages, converge=True)


def rejoin(order: Order, wish: Wish, make: Make = real.of) -> Order:
    """A server that was drained or removed is in service again.

    Raises:
        UsageError: there is no such server.
    """
    node = wish.node
    known(order, node)
    if order.design.nodes[node].in_service:
        found = chain([On(node), *_undone(node)], make)
        for name in OBSERVED:
            found.append(Only(_stage(order, name), (found[-1].name,)))
        return replace(order, stages=found, converge=True)
    stages = chain([State(node, "active")], make)
    after = _with(order, node, "active")
    if after is None:
        return replace(order, stages=stages, converge=True)  # its plan tells the faults
    words = "as `up` with that rack file"
    stages += joining(order, after, stages[-1].name, chain([Stale(node)], make, "base"), words)
    stages += chain(_undone(node), make, stages[-1].name)
    return replace(order, design=after, stages=stages, converge=True)


def replaced(order: Order, wish: Wish, make: Make = real.of, swap: Part | None = None, mark: str = "") -> Order:
    """Another server takes the place and the name of one that is dead, or is to be changed.

    Args:
        order: the rack.
        wish: which server.
        make: makes what the parts act by.
        swap: what is done when the old one is off and forgotten; when None, somebody puts the new one in its place.
        mark: key of what is kept of the server from the beginning.

    Raises:
        UsageError: there is no such server, it is not in service, or guests are to be left on it.
    """
    node = wish.node
    known(order, node)
    if not order.design.nodes[node].in_service:
        raise UsageError(
            f"{node} is not in service", "change the rack file; `scs-rack node rejoin` takes it into service"
        )
    if wish.leave:
        raise UsageError("guests can't be left on a server that is replaced", "delete or move them first")
    old = [*leaving(wish, for_good=True), Off(node), Retire(node), Forget(node)]
    parts: list[Part] = [*(Old(part) for part in old), Note(node, mark), swap or Swap(node)]
    # whether it worked is asked before it is switched off
    parts.insert(0, parts.pop(-2))
    stages: list[Stage] = [Judge(tuple(parts), make), *chain(parts, make, JUDGE)]
    words = f"as `up`: {node} joins as a new server"
    # which disks came along is known once the new server answers
    stages += joining(order, order.design, "swap", chain([Lost(node)], make, "base"), words)
    stages += chain(_undone(node), make, order.stages[-1].name)
    return replace(order, stages=stages, converge=True)


def joining(order: Order, design: Design, first: str, before: Sequence[Stage], words: str) -> list[Stage]:
    """All stages of `up` with a design; those without needs wait for `first`, and Ceph for what is about disks."""
    names = {stage.name for stage in order.stages}
    found: list[Stage] = []
    for stage in order.stages:
        needs = tuple(need for need in stage.needs if need in names) or (first,)
        if stage.name == "ceph":
            found += before
            needs = (*needs, *(one.name for one in before))
        found.append(After(stage, design, needs, words))
    return found


def disk(order: Order, where: Where, *, degraded: bool, make: Make = real.of) -> Order:
    """Another disk takes the place of one that Ceph uses.

    Raises:
        UsageError: there is no such disk.
    """
    known(order, where.node)
    checked(order.design.rack, where.node, where.disk)
    parts: list[Part] = [Give(where, degraded), Change(where)]
    found: list[Stage] = [Judge(tuple(parts), make), *chain(parts, make, JUDGE)]
    words = f"an OSD on the new disk {where.disk} of {where.node}"
    found.append(After(_stage(order, "ceph"), order.design, ("change",), words))
    return replace(order, stages=found, converge=True)


def _undone(node: str) -> list[Part]:
    return [Return(node), Announce(node), Whole(node), Open(node)]


def _stage(order: Order, name: str) -> Stage:
    return next(stage for stage in order.stages if stage.name == name)


def _with(order: Order, node: str, state: str) -> Design | None:
    """The design with another state of a server; None where the rack file would have faults."""
    text = rack_file(order.rack_dir).read_text(encoding="utf-8")
    return judged(order.rack_dir, with_state(text, node, state))[0]
