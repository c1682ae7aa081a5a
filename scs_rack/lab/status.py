"""What of a lab is there, as the kernel says it."""

from dataclasses import dataclass

from scs_rack.design import Design
from scs_rack.lab import bmcs, cables, netns, nodes
from scs_rack.lab.layout import MANAGER, Lab


@dataclass(frozen=True)
class DeviceStatus:
    """One device of the lab."""

    name: str
    kind: str
    state: str
    """`on`, `off` or `absent`."""
    address: str
    reachable: bool
    """True if its service (SSH, or the BMC's protocol) listens."""


def devices(lab: Lab, design: Design) -> list[DeviceStatus]:
    """All devices of the rack file as they are now."""
    found = []
    known = lab.machines()
    addresses = {MANAGER: design.manager.mgmt.ip}
    addresses |= {name: switch.mgmt.ip for name, switch in design.switches.items()}
    addresses |= {name: node.mgmt.ip for name, node in design.nodes.items()}
    for name, address in addresses.items():
        on = nodes.power_state(lab, name)
        kind = "manager" if name == MANAGER else "switch" if name in design.switches else "server"
        port = 179 if name == MANAGER else 22
        state = "on" if on else "off" if name in known else "absent"
        found.append(DeviceStatus(name, kind, state, str(address), on and nodes.listening(lab, name, port)))
    for node in design.nodes.values():
        on = bmcs.running(lab, node.name)
        state = "on" if on else "off" if netns.exists(lab.bmc_namespace(node.name)) else "absent"
        found.append(
            DeviceStatus(f"bmc-{node.name}", node.bmc.protocol, state, str(node.bmc.address), bmcs.ready(lab, node))
        )
    return found


def missing_cables(lab: Lab, design: Design) -> list[str]:
    """Cables of the rack file that are not plugged in."""
    present = {name: netns.links(name) if netns.exists(name) else set() for name in cables.namespaces(lab, design)}
    return [
        f"{cable[0]} - {cable[1]}"
        for cable, pair in zip(design.rack.cables, cables.pairs(lab, design), strict=True)
        if any(end.port not in present[end.namespace] for end in pair.ends)
    ]
