"""In what order switches are changed, so that traffic always has a way around: one of a pair at a time.

What may be changed at the same time follows from the cable plan: taking several switches out at once must cut nobody
off whom taking them out one by one does not cut off; two switches that share a server, two spines, and two
out-of-band switches are never taken together.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from scs_rack.design import Design
from scs_rack.engine.stage import Context
from scs_rack.errors import ScsRackError
from scs_rack.sonic.plan import Plan
from scs_rack.sonic.site import speakers
from scs_rack.sonic.transport import AT_ONCE, Switch, SwitchRefused, on_all
from scs_rack.sonic.verify import Session, sessions

Edges = frozenset[frozenset[str]]
"""Pairs of devices that are joined."""


class WouldCutOff(SwitchRefused):
    """Changing a switch now would cut devices off that it is there to keep connected."""


def routed_links(design: Design) -> Edges:
    """Links that carry traffic of the underlay by the cable plan: between switches, and to servers in service."""
    return frozenset(
        frozenset((name, use.peer))
        for name, switch in design.switches.items()
        for use in switch.ports.values()
        if use.use in ("fabric", "host") and (use.peer not in design.nodes or design.nodes[use.peer].in_service)
    )


def reachable(design: Design, name: str) -> frozenset[str]:
    """Devices that a switch reaches by the cable plan; servers carry nobody else's traffic."""
    edges, found, todo = routed_links(design), {name}, {name}
    while todo:
        one = todo.pop()
        if one not in design.switches:
            continue
        new = {other for edge in edges if one in edge for other in edge} - found
        found |= new
        todo |= new
    return frozenset(found - {name})


def neighbours(design: Design) -> dict[str, set[str]]:
    """Servers (and the manager) that hang on each switch, however."""
    return {
        name: {use.peer for use in switch.ports.values() if use.peer not in design.switches}
        for name, switch in design.switches.items()
    }


def cut_off(edges: Edges, taken: Iterable[str]) -> frozenset[str]:
    """Devices that can't reach most of the others any more when some are taken out; without those themselves."""
    out = set(taken)
    near: dict[str, set[str]] = {}
    for edge in edges:
        for one in edge:
            near.setdefault(one, set())
        if not edge & out:
            one, other = edge
            near[one].add(other)
            near[other].add(one)
    parts: list[set[str]] = []
    rest = near.keys() - out
    while rest:
        part, todo = set(), {min(rest)}
        while todo:
            one = todo.pop()
            part.add(one)
            todo |= near[one] - part
        parts.append(part)
        rest -= part
    largest = max(parts, key=lambda part: (len(part), sorted(part)), default=set())
    return frozenset(one for part in parts if part is not largest for one in part)


def together(design: Design, names: Iterable[str]) -> list[list[str]]:
    """Put switches in service into waves; those of one wave may be changed at the same time."""
    edges, hangs = routed_links(design), neighbours(design)
    alone = {name: cut_off(edges, [name]) for name in names}
    role = {name: design.switches[name].role for name in alone}
    found: list[list[str]] = []
    for name, cut in alone.items():
        for wave in found:
            if len(wave) >= AT_ONCE or any(hangs[name] & hangs[one] for one in wave):
                continue
            if role[name] == "spine" and any(role[one] == "spine" for one in wave):
                continue
            if cut_off(edges, [*wave, name]) <= cut.union(*(alone[one] for one in wave)):
                wave.append(name)
                break
        else:
            found.append([name])
    return found


def waves(ctx: Context, plans: Sequence[Plan]) -> list[list[Plan]]:
    """Plans in the order to apply them; those of one wave at the same time.

    Out-of-band switches first, one after the other: everything else is reached through them. Then all switches that
    route nothing yet, and those where only names change. Then those that are in service, as `together` says.
    """
    todo = {one.name: one for one in plans if not one.empty}
    role = {name: ctx.design.switches[name].role for name in todo}
    quiet = [one for one in todo.values() if not one.touches_forwarding]
    oob = [one for one in todo.values() if role[one.name] == "oob" and one not in quiet]
    new = [one for one in todo.values() if one not in quiet and one not in oob and not one.in_service]
    serving = [name for name, one in todo.items() if one not in quiet and one not in oob and one not in new]
    first = [*new, *quiet]
    return [
        *([one] for one in oob),
        *(first[at : at + AT_ONCE] for at in range(0, len(first), AT_ONCE)),
        *([todo[name] for name in wave] for wave in together(ctx.design, serving)),
    ]


def live_links(design: Design, seen: Mapping[str, Mapping[str, Session]]) -> Edges:
    """Links of the cable plan over which a BGP session is established, as their switches say."""
    live: set[frozenset[str]] = set()
    for name, found in seen.items():
        up = {interface for interface, session in found.items() if session.established}
        speaking = {port for port, interface in speakers(design, name).items() if interface in up}
        live |= {frozenset((name, use.peer)) for use in design.switches[name].ports.values() if use.port in speaking}
    return frozenset(live)


def would_cut_off(ctx: Context, wave: Sequence[Plan]) -> dict[str, WouldCutOff]:
    """Switches of a wave whose change would cut off devices that have two ways by the cable plan, but one now.

    Returns:
        The error that says so, by switch.
    """
    careful = [one.name for one in wave if one.in_service and one.touches_forwarding]
    if not careful:
        return {}
    design = ctx.design
    routing = [Switch(ctx, name) for name, switch in design.switches.items() if switch.role != "oob"]
    seen = {name: answer for name, answer in on_all(routing, sessions).items() if not isinstance(answer, ScsRackError)}
    planned, live = routed_links(design), live_links(design, seen)
    before = cut_off(live, [])
    found = {}
    for name in careful:
        lost = cut_off(live, [name]) - before - cut_off(planned, [name])
        if lost:
            found[name] = WouldCutOff(
                f"{name} is not touched: {', '.join(sorted(lost))} would be cut off, having no other way now",
                "mend the other way first (`scs-rack switch verify`), or allow it: "
                f"`scs-rack switch apply --limit {name} --allow-cut`",
            )
    return found


def single(design: Design, names: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Switches that alone carry some device, and these devices: they are without network while it is changed."""
    edges = routed_links(design)
    for name in names:
        if lost := cut_off(edges, [name]):
            yield name, sorted(lost)
