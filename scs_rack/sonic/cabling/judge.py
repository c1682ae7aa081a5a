"""From planned and seen cables to findings, in words that can be followed with a hand on the plug."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from scs_rack.design import Design
from scs_rack.design.ports import BMC_PORT
from scs_rack.model.portmap import speed_name
from scs_rack.model.rack import Cable
from scs_rack.results import Finding
from scs_rack.sonic.cabling.match import Mistake, Move, mistakes
from scs_rack.sonic.cabling.seen import Cables, End, Port, Seen, cables_seen
from scs_rack.sonic.ports import switch_ports

SILENT = frozenset({"cable-silent", "cable-one-way", "cable-dark", "neighbours-disagree"})
"""Kinds of findings that may go away when LLDP is given some more time."""


@dataclass(frozen=True)
class Verdict:
    """What the comparison says."""

    findings: list[Finding]
    moves: list[Move]
    """All plugs to move, in order."""
    judged: int
    """Planned cables that could be judged."""


def ends_of(cable: Cable) -> tuple[End, End]:
    """Both ends of a cable of the rack file."""
    return (cable[0].device, cable[0].port), (cable[1].device, cable[1].port)


class Names:
    """How ports are called to people: with the number on the front panel where a switch has one."""

    def __init__(self, design: Design) -> None:
        self.design = design
        self.cages = {
            (name, port.name): f"port {port.index}" + (f"/{port.subport}" if port.subport else "")
            for name, switch in design.switches.items()
            for port in switch_ports(switch).values()
        }

    def __call__(self, end: End) -> str:
        """Name of a port."""
        cage = self.cages.get(end)
        return f"{end[0]} {end[1]} ({cage})" if cage else f"{end[0]} {end[1]}"

    def known(self, end: End) -> bool:
        """True if the rack file has the device."""
        return end[0] in self.design.switches or end[0] in self.design.nodes or end[0] == "manager"


def judge(design: Design, seen: Seen) -> Verdict:
    """Compare what was seen with the cables of the rack file."""
    every = {one: other for cable in design.rack.cables for one, other in _both_ways(cable)}
    cables = cables_seen(seen, every)
    plan = {one: other for one, other in every.items() if _judgeable(one, other, seen, cables)}
    names = Names(design)
    findings: list[Finding] = []
    moves: list[Move] = []
    for mistake in mistakes(plan, cables.mates, lambda some: _cost(design, some)):
        findings += _of_mistake(mistake, design, seen, names)
        moves += mistake.moves
    findings += _one_way(cables, names)
    findings += _disputed(cables, names)
    findings += _shared(cables, names)
    for one, other in every.items():
        if one < other and cables.mates.get(one) == other:
            findings += _settings(design, one, other, seen, names)
    return Verdict(findings, moves, len(plan) // 2)


def _both_ways(cable: Cable) -> tuple[tuple[End, End], tuple[End, End]]:
    one, other = ends_of(cable)
    return (one, other), (other, one)


def _judgeable(one: End, other: End, seen: Seen, cables: Cables) -> bool:
    """True if a cable would be seen if it were there, or one of its ports was seen elsewhere."""
    if {one, other} & cables.mates.keys():
        return True
    for here, there in ((one, other), (other, one)):
        if here[1] == BMC_PORT:
            return there[0] in seen.tables and here not in cables.shared
    return one[0] in seen.asked and other[0] in seen.asked


def _cost(design: Design, moves: tuple[Move, ...]) -> tuple[int | str, ...]:
    """Prefer moves on few devices, then on switches, where plugs are numbered; then by name."""
    places = [end for move in moves for end in (move.source, move.target)]
    devices = {end[0] for end in places}
    elsewhere = sum(end[0] not in design.switches for end in places)
    return len(devices), elsewhere, *sorted(f"{end[0]} {end[1]}" for end in places)


def _of_mistake(mistake: Mistake, design: Design, seen: Seen, names: Names) -> Iterator[Finding]:
    if mistake.extra:
        yield _extra(mistake.extra, design, names)
    swapped = mistake.round and len(mistake.moves) == 2  # one fault, though both cables show it
    for move in mistake.moves[: 1 if swapped else None]:
        yield _moved(mistake, move, names)
    if mistake.missing:
        yield _missing(*mistake.missing, design, seen, names)


def _moved(mistake: Mistake, move: Move, names: Names) -> Finding:
    where, seen, wanted = (names(end) for end in (move.anchor, move.source, move.target))
    others = [other for other in mistake.moves if other is not move]
    if mistake.round and len(mistake.moves) == 2:
        kind = "cables-swapped"
        hint = f"swapped with {names(others[0].anchor)}; exchange the plugs in {seen} and {wanted}"
    elif mistake.round:
        kind = "cables-in-a-round"
        hint = f"move the plug in {seen} to {wanted}; {len(mistake.moves)} plugs go round, so pull them all first"
    else:
        kind, hint = "cable-misplaced", f"move the plug in {seen} to {wanted}"
        strangers = [end for end in (move.source, move.anchor) if not names.known(end)]
        if strangers:
            kind, hint = "neighbour-unknown", f"the rack file has no {strangers[0][0]}; {hint}"
    return Finding(kind, "error", where, wanted, seen, hint)


def _extra(cable: tuple[End, End], design: Design, names: Names) -> Finding:
    here, there = sorted(cable, key=lambda end: (not names.known(end), end[0] not in design.switches, end))
    kind = "cable-unplanned" if names.known(there) else "neighbour-unknown"
    hint = f"pull the cable between {names(here)} and {names(there)}, or add it to the rack file"
    return Finding(kind, "error", names(here), "no cable", names(there), hint)


def _missing(one: End, other: End, design: Design, seen: Seen, names: Names) -> Finding:
    """A planned cable that nobody sees; said from the server's side."""
    here, there = (other, one) if one[0] in design.switches and other[0] not in design.switches else (one, other)
    dark = [end for end in (here, there) if seen.dark(end)]
    if not dark:
        hint = "is its power on?" if here[1] == BMC_PORT else "is lldpd running at both ends?"
        what = "its MAC address is in no forwarding table" if here[1] == BMC_PORT else "a link, but nothing is heard"
        return Finding("cable-silent", "error", names(here), names(there), what, hint)
    bare = [end for end in (here, there) if end in seen.ports and seen.ports[end].transceiver is False]
    if bare:
        hint = "put one in that suits the cable, and see that it clicks"
        seen_words = f"no transceiver in {' and '.join(map(names, bare))}"
        return Finding("transceiver-missing", "error", names(here), names(there), seen_words, hint)
    return Finding("cable-dark", "error", names(here), names(there), "no link", _why_dark(here, there, seen, names))


def _why_dark(one: End, other: End, seen: Seen, names: Names) -> str:
    """The likeliest reason first."""
    ends = [(end, seen.ports.get(end, Port())) for end in (one, other)]
    down = [names(end) for end, port in ends if port.admin_up is False]
    (_, here), (_, there) = ends
    if down:
        return f"{' and '.join(down)} switched off in the configuration; `scs-rack switch diff` shows it"
    if here.speed and there.speed and here.speed != there.speed:
        return f"{names(one)} runs at {speed_name(here.speed)}, {names(other)} at {speed_name(there.speed)}"
    if here.fec and there.fec and here.fec != there.fec:
        return f"FEC is {here.fec} at {names(one)}, {there.fec} at {names(other)}"
    return "is the cable plugged in at both ends, and whole?"


def _one_way(cables: Cables, names: Names) -> Iterator[Finding]:
    for end, far in sorted(cables.deaf.items()):
        hint = "one fibre of the pair is broken or pulled, or lldpd is silent at the other end"
        yield Finding("cable-one-way", "error", names(end), names(far), "nothing, but is heard there", hint)


def _disputed(cables: Cables, names: Names) -> Iterator[Finding]:
    for here, there in cables.disputed:
        if cables.mates.get(here, ("", ""))[0] == there[0]:
            continue  # firmware of the NIC speaks LLDP beside the operating system
        agreed = cables.mates.get(there) or cables.mates.get(here) or there
        says = f"{names(here)} hears {names(there)}, which is connected to {names(agreed)}"
        if here in cables.mates:
            says = f"{names(here)} hears {names(there)} too, beside {names(cables.mates[here])}"
        hint = "something between them forwards LLDP (a hub?), or a cable was just moved: look again in two minutes"
        yield Finding("neighbours-disagree", "warning", names(here), "one neighbour", says, hint)


def _shared(cables: Cables, names: Names) -> Iterator[Finding]:
    for end, place in sorted(cables.shared.items()):
        seen = f"{names(place)}, where {names(cables.mates[place])} is plugged in"
        hint = "the BMC shares that port (NC-SI); set it to its own port, or plug its cable in"
        yield Finding("bmc-on-shared-port", "error", names(end), "a port of its own", seen, hint)


def _settings(design: Design, one: End, other: End, seen: Seen, names: Names) -> Iterator[Finding]:
    """Speed and FEC of a cable that is where it belongs."""
    here, there = seen.ports.get(one, Port()), seen.ports.get(other, Port())
    where, far = names(one), names(other)
    if here.speed and there.speed and here.speed != there.speed:
        hint = "`scs-rack switch diff` shows which end is not as planned"
        yield Finding("speed-mismatch", "error", where, f"{far}: {_speed(there)}", _speed(here), hint)
    if here.fec and there.fec and here.fec != there.fec:
        hint = "both ends need the same forward error correction; `scs-rack switch diff` shows which is not as planned"
        yield Finding("fec-mismatch", "error", where, f"{far}: FEC {there.fec}", f"FEC {here.fec}", hint)
    for end, port in ((one, here), (other, there)):
        planned = design.switches[end[0]].ports.get(end[1]) if end[0] in design.switches else None
        if planned and planned.speed and port.speed and port.speed != planned.speed and here.speed == there.speed:
            hint = "both ends agree on another speed than planned"
            yield Finding("speed-not-planned", "error", names(end), speed_name(planned.speed), _speed(port), hint)


def _speed(port: Port) -> str:
    return speed_name(port.speed) if port.speed else "unknown"


def unplanned_optics(design: Design, ports: Mapping[End, Port]) -> Iterable[End]:
    """Ports without a planned cable that have a transceiver: a lost plug may be there."""
    return sorted(
        end for end, port in ports.items()
        if port.transceiver and end[0] in design.switches and end[1] not in design.switches[end[0]].ports
    )  # fmt: skip
