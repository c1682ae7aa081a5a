"""The two ends of a cable: what kind of port each is, and how fast it can be."""

from dataclasses import dataclass
from typing import Literal

from scs_rack.model.draft import MANAGER, Draft
from scs_rack.model.rack import End

SWITCH_MGMT_PORT = "eth0"
BMC_PORT = "bmc"
MGMT_SPEED = 1000
"""Mb/s of BMCs and of switches' own management ports."""

Use = Literal["data", "mgmt", "uplink", "external", "unused"]


@dataclass(frozen=True)
class Port:
    """A port that exists."""

    device: str
    port: str
    use: Use
    """`data` is a port that a switch forwards by; the rest say what the device wants of its cable."""
    role: Literal["leaf", "spine", "oob"] | None = None
    """Role of the switch that a data port belongs to."""
    speeds: tuple[int, ...] = ()
    """Speeds in Mb/s that it can run at, the usual one first; empty when nobody knows."""


def ports_of(draft: Draft, device: str) -> dict[str, Port] | None:
    """All ports of a device by name; None when they are not known."""
    if device == MANAGER:
        if draft.torn(MANAGER, "nics"):
            return None
        return {name: Port(device, name, use) for name, use in draft.manager.nics.items()} if draft.manager else None
    if device in draft.servers:
        nics = draft.nics(device)
        if nics is None:
            return None
        ports = {name: Port(device, name, nic.use, None, (nic.speed,)) for name, nic in nics.items()}
        return {**ports, BMC_PORT: Port(device, BMC_PORT, "mgmt", None, (MGMT_SPEED,))}
    if device in draft.switch_ports and not draft.torn("switches", device, "breakouts"):
        role = draft.switches[device].role
        own = {SWITCH_MGMT_PORT: Port(device, SWITCH_MGMT_PORT, "mgmt", None, (MGMT_SPEED,))}
        data = draft.switch_ports[device].values()
        return own | {
            port.name: Port(device, port.name, "data", role, (port.speed, *(s for s in port.speeds if s != port.speed)))
            for port in data
        }
    return None


class Wiring:
    """All cables of a draft with what is at their ends."""

    def __init__(self, draft: Draft) -> None:
        names = {MANAGER, *(end.device for cable in draft.cables.values() for end in cable)}
        self.ports = {name: ports_of(draft, name) for name in sorted(names)}
        self.dangling: set[str] = set()
        """Devices that a cable means whose end does not exist: such cables are told, what they leave open is not."""
        self.pairs: list[tuple[int, Port, Port]] = []
        """Number and ends of each cable whose both ends exist."""
        for number, cable in draft.cables.items():
            one, other = (self.find(end) for end in cable)
            if one and other:
                self.pairs.append((number, one, other))
            else:
                self.dangling |= {_meant(end.device, draft) for end in cable}
        self.far: dict[tuple[str, str], Port] = {}
        """The port at the other end of each cabled port."""
        for _, one, other in self.pairs:
            self.far.setdefault((one.device, one.port), other)
            self.far.setdefault((other.device, other.port), one)
        self.cabled = {(end.device, end.port) for cable in draft.cables.values() for end in cable}
        """Every port that a cable names."""

    def find(self, end: End) -> Port | None:
        """The port at an end, when it exists."""
        return (self.ports.get(end.device) or {}).get(end.port)


def _meant(device: str, draft: Draft) -> str:
    """The device that a name means: itself, or the nearest one that there is."""
    from difflib import get_close_matches

    known = draft.names("servers") | draft.names("switches") | {MANAGER}
    if device in known:
        return device
    return next(iter(get_close_matches(device, sorted(known), n=1)), device)


def link_speed(one: Port, other: Port) -> int | None:
    """Speed of a cable in Mb/s: the highest that both ends can do; None when there is none.

    An end that nobody knows the speed of takes the usual speed of the other one.
    """
    if not one.speeds or not other.speeds:
        return next(iter(one.speeds or other.speeds), None)
    return max(set(one.speeds) & set(other.speeds), default=None)
