"""What was seen of the cabling, and the cables that follow from it. Pure functions."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from scs_rack.design.ports import BMC_PORT

End = tuple[str, str]
"""Device and port."""
Mates = Mapping[End, End]
"""The other end of each cable, both ways: a symmetric mapping."""


@dataclass
class Port:
    """How a port of a switch or a server is, as far as it says so; None where it does not."""

    up: bool | None = None
    admin_up: bool | None = None
    speed: int | None = None
    """Mb/s."""
    fec: str | None = None
    """`none`, `rs` or `fc`."""
    transceiver: bool | None = None


@dataclass
class Seen:
    """What all devices together say."""

    heard: dict[End, list[End]] = field(default_factory=dict)
    """By LLDP (IEEE 802.1AB): what each port hears, usually one neighbour."""
    located: dict[End, set[End]] = field(default_factory=dict)
    """By forwarding tables: ports of switches behind which a port's MAC address was seen (BMCs don't speak LLDP)."""
    asked: set[str] = field(default_factory=set)
    """Devices that could be asked what they hear."""
    tables: set[str] = field(default_factory=set)
    """Switches whose forwarding table could be read."""
    ports: dict[End, Port] = field(default_factory=dict)
    """State of ports."""

    def dark(self, end: End) -> bool:
        """True when a port has no link."""
        return end in self.ports and self.ports[end].up is False


@dataclass
class Cables:
    """The cables that follow from what was seen."""

    mates: dict[End, End] = field(default_factory=dict)
    """Both ends of each cable, both ways."""
    deaf: dict[End, End] = field(default_factory=dict)
    """Ports that hear nothing, though the other end hears them; with that end."""
    disputed: list[tuple[End, End]] = field(default_factory=list)
    """A port, and what it hears, when others say something else."""
    shared: dict[End, End] = field(default_factory=dict)
    """BMCs that are seen where another port of the same server is plugged in (NC-SI), with the switch's port."""

    def join(self, one: End, other: End) -> None:
        """Add a cable."""
        self.mates[one], self.mates[other] = other, one


def cables_seen(seen: Seen, plan: Mates) -> Cables:
    """Cables from what both ends say; where they contradict each other, those who agree are believed.

    Args:
        seen: what all devices say.
        plan: the planned cables; they decide what can't be decided otherwise.
    """
    found = Cables()
    for here, there in _claims(seen, plan):
        if here in seen.heard.get(there, ()) and here not in found.mates and there not in found.mates:
            found.join(here, there)
    for here, there in _claims(seen, plan):
        if found.mates.get(here) == there:
            continue
        if here in found.mates or there in found.mates:
            found.disputed.append((here, there))
            continue
        found.join(here, there)
        if there[0] in seen.asked:
            found.deaf[there] = here
    _locate(found, seen, plan)
    return found


def _claims(seen: Seen, plan: Mates) -> Iterator[tuple[End, End]]:
    """Who hears whom; what the plan says first, then by name, so that the same is seen always."""
    claims = [(here, there) for here, ends in seen.heard.items() for there in ends]
    return iter(sorted(claims, key=lambda claim: (plan.get(claim[0]) != claim[1], claim)))


def _locate(found: Cables, seen: Seen, plan: Mates) -> None:
    """Add cables of ports that only a forwarding table knows.

    An address is seen by every switch on the way; only the port that leads to no other switch is where it is plugged
    in. Behind a port with a neighbour that speaks LLDP there can be a BMC that shares the neighbour's plug (NC-SI).
    """
    crowd = Counter(place for places in seen.located.values() for place in places)
    for end in sorted(seen.located, key=lambda one: (plan.get(one) not in seen.located[one], one)):
        if end in found.mates:
            continue
        edge = [place for place in seen.located[end] if found.mates.get(place, ("", ""))[0] not in seen.tables]
        # a port behind which many addresses are leads to another switch
        free = sorted((plan.get(end) != place, crowd[place], place) for place in edge if place not in found.mates)
        own = sorted(place for place in edge if place in found.mates and found.mates[place][0] == end[0])
        if free:
            found.join(end, free[0][2])
        elif own and end[1] == BMC_PORT:
            found.shared[end] = own[0]
