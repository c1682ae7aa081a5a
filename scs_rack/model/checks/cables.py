"""Checks of cables by themselves."""

from collections.abc import Iterator

from scs_rack.model.draft import MANAGER, Draft
from scs_rack.model.ends import SWITCH_MGMT_PORT, Port, link_speed
from scs_rack.model.fault import Problem
from scs_rack.model.portmap import speed_name
from scs_rack.model.shape import nearest

WANTED: dict[str, str] = {"mgmt": "oob", "uplink": "leaf", "external": "leaf"}
"""Role of the switch that a port of some use goes to."""


def cable_device(draft: Draft) -> Iterator[Problem]:
    """Both ends name devices of the rack."""
    known = {MANAGER} | draft.names("servers") | draft.names("switches")
    for number, cable in draft.cables.items():
        for side, end in enumerate(cable):
            if end.device not in known:
                hint = nearest(end.device, sorted(known))
                yield Problem(("cables", number, side), f"no device {end.device}", hint)


def _port_hint(draft: Draft, device: str, port: str, ports: dict[str, Port]) -> str:
    breakouts = draft.switches[device].breakouts if device in draft.switches else {}
    portmap = draft.portmaps.get(device)
    base = (
        next((p for p in portmap.ports.values() if port in _children(p.name, len(p.lanes))), None) if portmap else None
    )
    if base and base.modes and base.name not in breakouts:
        return f"{port} exists once {base.name} is broken out: `breakouts: {{{base.name}: {base.modes[0]}}}`"
    data = [name for name in ports if name != SWITCH_MGMT_PORT]
    if portmap and len(data) > 8:
        return f"{portmap.model} has {data[0]} to {data[-1]} ({portmap.summary}) and {SWITCH_MGMT_PORT}"
    return nearest(port, ports, f"{device} has")


def _children(name: str, lanes: int) -> list[str]:
    number = int(name.removeprefix("Ethernet"))
    return [f"Ethernet{number + lane}" for lane in range(1, lanes)]


def cable_port(draft: Draft) -> Iterator[Problem]:
    """Both ends are ports that their devices have."""
    for number, cable in draft.cables.items():
        for side, end in enumerate(cable):
            ports = draft.wiring.ports.get(end.device)
            if ports is not None and end.port not in ports:
                hint = _port_hint(draft, end.device, end.port, ports)
                yield Problem(("cables", number, side), f"{end.device} has no port {end.port}", hint)


def port_used_twice(draft: Draft) -> Iterator[Problem]:
    """No port has two cables."""
    seen: dict[tuple[str, str], int] = {}
    for number, cable in draft.cables.items():
        for side, end in enumerate(cable):
            port = (end.device, end.port)
            if port in seen:
                other = next(
                    str(far) for far in draft.cables[seen[port]] if (far.device, far.port) != port or far is end
                )
                hint = f"a cable to {other} is plugged in already"
                yield Problem(("cables", number, side), "the port has two cables", hint)
            seen.setdefault(port, number)


def _is_oob(draft: Draft, device: str) -> bool:
    return device in draft.switches and draft.switches[device].role == "oob"


def cable_ends(draft: Draft) -> Iterator[Problem]:
    """A cable joins a port of a switch with what belongs there."""
    for number, one, other in draft.wiring.pairs:
        path, value = ("cables", number), f"{one.device}:{one.port} to {other.device}:{other.port}"
        if one.device == other.device:
            yield Problem(path, "both ends are on the same device", "name the other end", value)
        elif "data" not in (one.use, other.use):
            hint = "one end of each cable is a data port of a switch, e.g. leaf1:Ethernet0"
            yield Problem(path, "no end is a data port of a switch", hint, value)
        elif one.use != "data" or other.use != "data":
            port, switch = (one, other) if other.use == "data" else (other, one)
            if port.use == "unused":
                hint = "give the NIC of the server model a use, or leave the cable out"
                yield Problem(path, f"{port.port} of {port.device} is unused", hint, value)
            elif port.port == SWITCH_MGMT_PORT and _is_oob(draft, port.device):
                hint = "it is managed by an address in its own VLAN; leave the cable out"
                yield Problem(path, f"{port.port} of {port.device} needs no cable", hint, value)
            elif switch.role != WANTED[port.use]:
                want = "an out-of-band switch" if port.use == "mgmt" else "a leaf"
                hint = f"{switch.device} has the role {switch.role}"
                yield Problem(path, f"{port.port} of {port.device} must go to {want}", hint, value)


def cable_speed(draft: Draft) -> Iterator[Problem]:
    """Both ends of a cable have a speed in common."""
    for number, one, other in draft.wiring.pairs:
        if link_speed(one, other) is None and (one.speeds or other.speeds):
            ends = (
                f"{end.device}:{end.port} can do {' or '.join(map(speed_name, end.speeds))}" for end in (one, other)
            )
            value = f"{one.device}:{one.port} to {other.device}:{other.port}"
            yield Problem(("cables", number), "the ends have no speed in common", ", ".join(ends), value)
