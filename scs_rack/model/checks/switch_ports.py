"""Checks of what is stated about single ports of switches, and of LAGs."""

from collections.abc import Iterator

from scs_rack.model.draft import Draft
from scs_rack.model.ends import Port
from scs_rack.model.fault import Path, Problem
from scs_rack.model.layer2 import Lag
from scs_rack.model.portmap import speed_name
from scs_rack.model.shape import nearest

ROUTED = ("uplink", "data")
"""What a port's other end is when the port is routed (on an out-of-band switch nothing is)."""


def _no_port(draft: Draft, switch: str, port: str, path: Path) -> Problem | None:
    known = draft.switch_ports.get(switch)
    if known is None or port in known:
        return None
    hint = nearest(port, known, f"a {draft.switches[switch].model} has")
    return Problem(path, f"{switch} has no port of that name after its breakouts", hint, port)


def switch_port(draft: Draft) -> Iterator[Problem]:
    """Ports that something is stated about exist, and can run at the speed that is stated."""
    for name, switch in draft.switches.items():
        for port, stated in switch.ports.items():
            path: Path = ("switches", name, "ports", port)
            missing = _no_port(draft, name, port, path)
            if missing:
                yield missing
            elif stated.speed and name in draft.switch_ports:
                speeds = draft.switch_ports[name][port].speeds
                if stated.speed not in speeds:
                    hint = f"it can run at {', '.join(speed_name(speed) for speed in speeds)}"
                    yield Problem((*path, "speed"), "the port can't run at this speed", hint)


def _routed(draft: Draft, switch: str, port: str) -> str | None:
    """The device that a routed port is cabled to; None when it is not, or is bridged."""
    far = draft.wiring.far.get((switch, port))
    if far is None or draft.switches[switch].role == "oob" or far.role == "oob":
        return None
    return far.device if far.use in ROUTED else None


def switch_port_use(draft: Draft) -> Iterator[Problem]:
    """A port is routed or bridged, and what is stated about it does not contradict its cable."""
    for name, switch in draft.switches.items():
        inside = {port: lag for lag, stated in switch.lags.items() for port in stated.ports}
        for port, stated in switch.ports.items():
            path: Path = ("switches", name, "ports", port)
            bridged = stated.untagged or stated.tagged
            if not bridged and not stated.bgp:
                continue
            if port in inside and bridged:
                yield Problem(path, f"the port belongs to {inside[port]}", "state the VLANs of the LAG there", "")
            elif stated.bgp and bridged:
                yield Problem(path, "the port is both routed and bridged", "state `bgp`, or VLANs", "")
            elif stated.bgp and switch.role == "oob":
                yield Problem((*path, "bgp"), "out-of-band switches don't route", "leave it out")
            elif peer := _routed(draft, name, port):
                hint = f"leave the VLANs or `bgp` out, or give the port at {peer} another use"
                yield Problem(path, f"the port is routed to {peer} already", hint, "")


def _disagreements(draft: Draft, one: Port, other: Port) -> Iterator[tuple[str, object]]:
    mine = draft.switches[one.device].ports.get(one.port)
    theirs = draft.switches[other.device].ports.get(other.port)
    for field in ("speed", "fec", "autoneg", "mtu") if mine and theirs else ():
        here, there = getattr(mine, field), getattr(theirs, field)
        if here is not None and there is not None and here != there:
            yield field, here


def switch_port_ends(draft: Draft) -> Iterator[Problem]:
    """Both ends of a cable are to run alike."""
    for _, one, other in draft.wiring.pairs:
        if one.use == other.use == "data":
            for field, value in _disagreements(draft, one, other):
                path: Path = ("switches", other.device, "ports", other.port, field)
                hint = f"it is stated for {one.device} {one.port} too, as {value}; once is enough"
                yield Problem(path, "the two ends of the cable disagree", hint)
        for mine, far in ((one, other), (other, one)):
            stated = draft.switches[mine.device].ports.get(mine.port) if mine.use == "data" else None
            common = set(mine.speeds) & set(far.speeds)
            if stated and stated.speed in mine.speeds and common and stated.speed not in common:
                hint = f"{far.device} {far.port} can run at {', '.join(map(speed_name, far.speeds))}"
                path = ("switches", mine.device, "ports", mine.port, "speed")
                yield Problem(path, "the other end of the cable can't run at this speed", hint)


def lag_port(draft: Draft) -> Iterator[Problem]:
    """Members of LAGs are ports of their switch, and each belongs to one LAG."""
    for name, switch in draft.switches.items():
        seen: dict[str, str] = {}
        for lag, stated in switch.lags.items():
            for number, port in enumerate(stated.ports):
                path: Path = ("switches", name, "lags", lag, "ports", number)
                missing = _no_port(draft, name, port, path)
                if missing:
                    yield missing
                elif port in seen:
                    yield Problem(path, "a port belongs to one LAG only", f"it is in {seen[port]} already", port)
                seen.setdefault(port, lag)


def _speed(draft: Draft, switch: str, port: str) -> int:
    """Speed in Mb/s that a port will run at."""
    stated = draft.switches[switch].ports.get(port)
    mine, far = draft.switch_ports[switch][port], draft.wiring.far.get((switch, port))
    common = set(mine.speeds) & set(far.speeds) if far else set()
    return (stated.speed if stated else None) or max(common, default=mine.speed)


def lag_speed(draft: Draft) -> Iterator[Problem]:
    """All ports of a LAG run at the same speed."""
    for name, switch in draft.switches.items():
        known = draft.switch_ports.get(name, {})
        for lag, stated in switch.lags.items():
            speeds = {_speed(draft, name, port): port for port in stated.ports if port in known}
            if len(speeds) > 1:
                text = " and ".join(f"{port} at {speed_name(speed)}" for speed, port in sorted(speeds.items()))
                hint = f"it has {text}; state `speed` of some, or take other ports"
                yield Problem(("switches", name, "lags", lag), "its ports run at different speeds", hint, "")


def lag_settings(draft: Draft) -> Iterator[Problem]:
    """A LAG has as many ports as must be up, and all have the same MTU."""
    for name, switch in draft.switches.items():
        for lag, stated in switch.lags.items():
            path: Path = ("switches", name, "lags", lag)
            if stated.min_links > len(stated.ports):
                hint = f"it has {len(stated.ports)} in all"
                yield Problem((*path, "min_links"), "more ports must be up than the LAG has", hint)
            sizes = {switch.ports[port].mtu if port in switch.ports else None for port in stated.ports}
            if len(sizes) > 1:
                yield Problem(
                    path, "its ports have different MTUs", "state the same `mtu` for all of them, or none", ""
                )


def lag_cables(draft: Draft) -> Iterator[Problem]:
    """All cables of a LAG lead to the same device, and to a LAG where that is a switch."""
    for name, switch in draft.switches.items():
        for lag, stated in switch.lags.items():
            ends = [draft.wiring.far[name, port] for port in stated.ports if (name, port) in draft.wiring.far]
            devices = sorted({end.device for end in ends})
            path: Path = ("switches", name, "lags", lag)
            if len(devices) > 1:
                hint = "a LAG joins two devices; make one LAG for each"
                yield Problem(path, f"its cables lead to {' and '.join(devices)}", hint, "")
            elif len({end.use for end in ends}) > 1:
                yield Problem(path, "its cables are for different uses", "give their NICs the same use", "")
            elif (stated.untagged or stated.tagged) and _routed_lag(draft, name, lag):
                hint = "leave its VLANs out, or give the ports at the other end another use"
                yield Problem(path, f"the LAG is routed to {devices[0]} already", hint, "")
            if ends and ends[0].use == "data" and len(devices) == 1:
                yield from _far_lag(draft, path, stated, ends)


def _routed_lag(draft: Draft, switch: str, lag: str) -> bool:
    ports = draft.switches[switch].lags[lag].ports
    return any(_routed(draft, switch, port) for port in ports) and not _peer_link(draft, switch, lag)


def _peer_link(draft: Draft, switch: str, lag: str) -> bool:
    pairs = draft.layer2.pairs if draft.layer2 else ()
    return any(switch in pair.switches and pair.peer_link == lag for pair in pairs)


def _far_lag(draft: Draft, path: Path, stated: Lag, ends: list[Port]) -> Iterator[Problem]:
    other, ports = ends[0].device, sorted(end.port for end in ends)
    if draft.torn("switches", other, "lags"):
        return
    if not any(sorted(lag.ports) == ports for lag in draft.switches[other].lags.values()):
        hint = f"give {other} a LAG of {', '.join(ports)}"
        yield Problem(path, f"{other} has no LAG of the ports at the other end", hint, "")
    if len(ends) < len(stated.ports):
        free = [port for port in stated.ports if (path[1], port) not in draft.wiring.far]
        hint = f"add the cables of {', '.join(free)}, or leave these ports out"
        yield Problem(path, f"only some of its ports are cabled to {other}", hint, "")
