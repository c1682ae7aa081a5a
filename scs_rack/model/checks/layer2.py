"""Checks of bridged networks of leaves: segments, routing tables, pairs."""

from collections.abc import Iterator

from scs_rack.model.draft import Draft
from scs_rack.model.fault import Path, Problem, dotted
from scs_rack.model.layer2 import Pair
from scs_rack.model.shape import nearest

MULTIHOMING_RELEASE = "master"
"""First release with EVPN multihoming."""


def segment_vlan(draft: Draft) -> Iterator[Problem]:
    """Each segment and routing table has a VLAN of its own; a segment may be that of an external network."""
    if not draft.layer2:
        return
    seen: dict[int, Path] = {}
    for name, network in draft.networks.items():
        if network.purpose == "oob":
            seen[network.vlan] = ("networks", name)
    stated: list[tuple[int, Path]] = [
        (segment.vlan, ("layer2", "segments", name)) for name, segment in draft.layer2.segments.items()
    ]
    external = {
        network.vlan: ("networks", name) for name, network in draft.networks.items() if network.purpose == "external"
    }
    for vlan, path in stated:
        yield from _twice(seen, vlan, path, "vlan")
    for name, vrf in draft.layer2.vrfs.items():
        yield from _twice(external | seen, vrf.vlan, ("layer2", "vrfs", name), "vlan")
        seen.setdefault(vrf.vlan, ("layer2", "vrfs", name))


def _twice(seen: dict[int, Path], number: int, path: Path, field: str) -> Iterator[Problem]:
    if number in seen:
        word = field.upper()
        yield Problem((*path, field), f"the {word} is used twice", f"{dotted(seen[number])} has it already")
    seen.setdefault(number, path)


def segment_vni(draft: Draft) -> Iterator[Problem]:
    """No VXLAN network identifier is used twice."""
    seen: dict[int, Path] = {}
    for section in ("segments", "vrfs"):
        for name, one in getattr(draft.layer2, section, {}).items():
            if one.vni is not None:
                yield from _twice(seen, one.vni, ("layer2", section, name), "vni")


def segment_vrf(draft: Draft) -> Iterator[Problem]:
    """A segment's routing table exists, and a gateway has one."""
    for name, segment in draft.layer2.segments.items() if draft.layer2 else ():
        path: Path = ("layer2", "segments", name)
        if segment.vrf and draft.layer2 and segment.vrf not in draft.layer2.vrfs:
            hint = nearest(segment.vrf, draft.layer2.vrfs, "layer2.vrfs has")
            yield Problem((*path, "vrf"), "no such routing table", hint)
        if not segment.vrf and (segment.gateway4 or segment.gateway6):
            hint = "state `vrf`; what servers of a segment send must not get into the underlay"
            yield Problem(path, "a gateway needs a routing table", hint, "")


def switch_vlan(draft: Draft) -> Iterator[Problem]:
    """VLANs of ports and LAGs are those of a network or a segment."""
    segments = draft.layer2.segments.values() if draft.layer2 else ()
    known = {one.vlan for one in (*draft.networks.values(), *segments)}
    if not draft.whole("networks") or not draft.whole("layer2"):
        return
    for name, switch in draft.switches.items():
        for section in ("ports", "lags"):
            for port, stated in getattr(switch, section).items():
                path: Path = ("switches", name, section, port)
                places: list[tuple[int | None, Path]] = [(stated.untagged, (*path, "untagged"))]
                places += [(vlan, (*path, "tagged", number)) for number, vlan in enumerate(stated.tagged)]
                for vlan, place in places:
                    if vlan is not None and vlan not in known:
                        hint = (
                            f"add a segment with it to layer2.segments; known are {', '.join(map(str, sorted(known)))}"
                        )
                        yield Problem(place, "no network and no segment has this VLAN", hint, str(vlan))


def _pairs(draft: Draft) -> Iterator[tuple[Path, Pair]]:
    for number, pair in enumerate(draft.layer2.pairs if draft.layer2 else ()):
        yield ("layer2", "pairs", number), pair


def pair_switches(draft: Draft) -> Iterator[Problem]:
    """A pair is made of two leaves that belong to no other one, and has a number of its own."""
    seen: dict[str, Path] = {}
    domains: dict[int, Path] = {}
    for path, pair in _pairs(draft):
        for number, name in enumerate(pair.switches):
            place: Path = (*path, "switches", number)
            if name not in draft.names("switches"):
                yield Problem(place, "no such switch", nearest(name, draft.names("switches")), name)
            elif name in draft.switches and draft.switches[name].role != "leaf":
                hint = f"{name} has the role {draft.switches[name].role}"
                yield Problem(place, "only leaves make a pair", hint, name)
            elif name in seen:
                yield Problem(place, "a leaf belongs to one pair only", f"{dotted(seen[name])} has it already", name)
            seen.setdefault(name, path)
        if pair.domain in domains:
            hint = f"{dotted(domains[pair.domain])} has it already; state `domain`"
            yield Problem((*path, "domain"), "the number of the pair is used twice", hint, str(pair.domain))
        domains.setdefault(pair.domain, path)


def pair_multihoming(draft: Draft) -> Iterator[Problem]:
    """A pair can share LAGs in the way that it states."""
    for path, pair in _pairs(draft):
        leaves = {name: draft.switches[name] for name in pair.switches if name in draft.switches}
        if pair.multihoming == "evpn":
            for name, switch in leaves.items():
                if switch.release < MULTIHOMING_RELEASE:
                    hint = f"{name} runs {switch.release}, and it comes after 202605; take `mclag`, or another release"
                    yield Problem((*path, "multihoming"), "the release has no EVPN multihoming", hint)
                    break
            continue
        if pair.peer_link is None:
            hint = "state the LAG between the two leaves; what one can't deliver goes over it"
            yield Problem(path, "MC-LAG needs a peer link", hint, "")
            continue
        for name, switch in leaves.items():
            if pair.peer_link not in switch.lags and not draft.torn("switches", name, "lags"):
                hint = f"add it to switches.{name}.lags"
                yield Problem((*path, "peer_link"), f"{name} has no such LAG", hint)
        if pair.vtep is None and draft.layer2 and draft.layer2.vnis:
            hint = "state `vtep`, an address that both use for VXLAN, e.g. a free one of the loopback pool"
            yield Problem(path, "an MC-LAG pair with VXLAN needs an address of its own", hint, "")


def pair_address(draft: Draft) -> Iterator[Problem]:
    """The address of a pair is nobody else's loopback."""
    from scs_rack.model.checks.numbers import loopback_users

    users = loopback_users(draft)
    for path, pair in _pairs(draft):
        if pair.vtep in users:
            hint = f"{users[pair.vtep]} has it already"
            yield Problem((*path, "vtep"), "the address of the pair is used twice", hint)
        elif pair.vtep:
            users[pair.vtep] = dotted(path)


def shared_lag(draft: Draft) -> Iterator[Problem]:
    """A shared LAG is on both leaves of a pair."""
    partners = {
        name: other
        for _, pair in _pairs(draft)
        for name, other in (pair.switches, tuple(reversed(pair.switches)))
        if name != other
    }
    for name, switch in draft.switches.items():
        for lag, stated in switch.lags.items():
            if not stated.shared:
                continue
            path: Path = ("switches", name, "lags", lag)
            other = draft.switches.get(partners.get(name, ""))
            if name not in partners and draft.whole("layer2"):
                hint = f"add a pair with {name} to layer2.pairs, or leave `shared` out"
                yield Problem((*path, "shared"), "the switch is in no pair", hint)
            elif other and not (lag in other.lags and other.lags[lag].shared):
                hint = f"give {partners[name]} a LAG {lag} with `shared: true`"
                yield Problem(path, "the other leaf of the pair does not share this LAG", hint, "")
