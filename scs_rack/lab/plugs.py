"""What hands do to cables: cut one, join it, plug two into each other's ports."""

import json
from dataclasses import dataclass

from scs_rack.design import Design
from scs_rack.errors import UsageError
from scs_rack.lab import cables, netns, nodes
from scs_rack.lab.layout import Lab
from scs_rack.lab.switch import faults

_ASIDE = ("plug-a", "plug-b")
"""Names of interfaces while they are in our hands."""


@dataclass(frozen=True)
class _Port:
    """A switch port as the lab has it."""

    device: str
    port: str

    def __str__(self) -> str:
        """As people write it."""
        return f"{self.device}:{self.port}"


def _no_cable(end: str) -> UsageError:
    return UsageError(f"no cable ends at {end}", "write DEVICE:PORT as in the rack file, e.g. leaf1:Ethernet0")


def set_cable(lab: Lab, design: Design, end: str, *, joined: bool) -> str:
    """Cut a cable at both ends, or join it; a switch keeps its end down whatever its configuration says.

    Raises:
        UsageError: no cable ends there.
    """
    for cable, pair in zip(design.rack.cables, cables.pairs(lab, design), strict=True):
        if end in {str(one) for one in cable}:
            for one in cable:
                if one.device in design.switches and one.device in lab.machines():
                    faults.mark_cut(lab, one.device, one.port, cut=not joined)
            for at in pair.ends:
                netns.ip("-n", at.namespace, "link", "set", at.port, "up" if joined else "down")
            return f"{cable[0]} - {cable[1]}"
    raise _no_cable(end)


def _switch_port(design: Design, end: str) -> _Port:
    if all(end not in {str(one) for one in cable} for cable in design.rack.cables):
        raise _no_cable(end)
    device, _, port = end.partition(":")
    if device not in design.switches:
        raise UsageError(f"{end} is not in a switch", "swap names the two switch ports whose plugs are exchanged")
    return _Port(device, port)


def swap(lab: Lab, design: Design, one: str, other: str) -> str:
    """Exchange the plugs in two switch ports: what hung on one then hangs on the other.

    Raises:
        UsageError: no cable ends there, or an end is not in a switch, or both are the same.
    """
    first, second = _switch_port(design, one), _switch_port(design, other)
    if first == second:
        raise UsageError(f"{one} can't be swapped with itself", "name two ports")
    here, there = lab.namespace(first.device), lab.namespace(second.device)
    for port, namespace in ((first, here), (second, there)):
        if port.port not in netns.links(namespace):
            raise UsageError(f"{port} has no cable in the lab", "`scs-rack lab up` plugs it in")
    _aside(here, first.port, _ASIDE[0])
    _aside(there, second.port, _ASIDE[1])
    _plug_in(design, _ASIDE[0], here, there, second)
    _plug_in(design, _ASIDE[1], there, here, first)
    _record(lab, {str(first), str(second)})
    for device in {first.device, second.device}:
        nudge(lab, device)
    return f"{first} and {second} are swapped" if listing(lab) else f"{first} and {second} are as before"


def _aside(namespace: str, port: str, name: str) -> None:
    """Pull a plug: the port has no interface then."""
    netns.ip("-n", namespace, lines=[f"link set {port} down", f"link set {port} name {name}"])


def _plug_in(design: Design, name: str, source: str, target: str, port: _Port) -> None:
    """Put a plug that was pulled into a port; the address stays that of the port."""
    if source != target:
        netns.ip("-n", source, "link", "set", name, "netns", target)
    mac = cables.mac_of(design, port.device, port.port)
    netns.ip("-n", target, lines=[f"link set {name} name {port.port}", f"link set {port.port} address {mac}"])


def nudge(lab: Lab, switch: str) -> None:
    """Let a switch look at its ports again."""
    if nodes.power_state(lab, switch):
        faults.touch(lab, switch)


def _record(lab: Lab, pair: set[str]) -> None:
    path = lab.home / "swapped.json"
    known = [set(one) for one in json.loads(path.read_text(encoding="utf-8"))] if path.is_file() else []
    known = [one for one in known if one != pair] if pair in known else [*known, pair]
    path.write_text(json.dumps([sorted(one) for one in known]), encoding="utf-8")


def listing(lab: Lab) -> list[str]:
    """Swapped plugs in words."""
    path = lab.home / "swapped.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return [f"{' and '.join(pair)}: swapped" for pair in known]
