"""Every cable of the rack file is a veth pair between the namespaces of its two devices."""

import hashlib
from dataclasses import dataclass

from scs_rack.design import Design
from scs_rack.design.ports import BMC_PORT, SWITCH_MGMT_PORT
from scs_rack.lab import netns
from scs_rack.lab.layout import Lab

ROUTED = frozenset({"host", "fabric"})


@dataclass(frozen=True)
class End:
    """One end of a veth pair."""

    namespace: str
    port: str
    mac: str


@dataclass(frozen=True)
class Pair:
    """A cable as a veth pair."""

    ends: tuple[End, End]
    mtu: int

    def command(self) -> str:
        """Line of an ip(8) batch that makes the pair; neither end is ever in the caller's namespace."""
        first, second = (f"name {end.port} mtu {self.mtu} address {end.mac} netns {end.namespace}" for end in self.ends)
        return f"link add {first} type veth peer {second}"


def namespace_of(lab: Lab, device: str, port: str) -> str:
    """Namespace that a port of a device lies in: a BMC has its own."""
    return lab.bmc_namespace(device) if port == BMC_PORT else lab.namespace(device)


def mac_of(design: Design, device: str, port: str) -> str:
    """MAC address of a port: what the rack file states, else one that follows from the names."""
    if device in design.switches:
        return design.switches[device].mac
    if device in design.nodes:
        node = design.nodes[device]
        stated = node.bmc.mac if port == BMC_PORT else node.macs.get(port)
        if stated:
            return stated
    digest = hashlib.sha256(f"{design.rack.name}/{device}/{port}".encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5]))


def pairs(lab: Lab, design: Design) -> list[Pair]:
    """All cables as veth pairs."""
    uses = {name: switch.ports for name, switch in design.switches.items()}
    found = []
    for cable in design.rack.cables:
        ends = [(end.device, end.port) for end in cable]
        used = [uses[device][port].use for device, port in ends if device in uses and port != SWITCH_MGMT_PORT]
        mtu = design.rack.pools.tunnel_mtu if ROUTED & set(used) else 1500
        one, other = (End(namespace_of(lab, *end), end[1], mac_of(design, *end)) for end in ends)
        found.append(Pair((one, other), mtu))
    return found


def namespaces(lab: Lab, design: Design) -> list[str]:
    """All namespaces of the lab: one for each device and one for each BMC."""
    names = [lab.namespace(device) for device in ("manager", *design.switches, *design.nodes)]
    return names + [lab.bmc_namespace(server) for server in design.nodes]


def ensure(lab: Lab, design: Design) -> list[Pair]:
    """Plug in every cable that is not there; returns those."""
    wanted = pairs(lab, design)
    present = {name: netns.links(name) for name in {end.namespace for pair in wanted for end in pair.ends}}
    missing = [pair for pair in wanted if any(end.port not in present[end.namespace] for end in pair.ends)]
    for end in (end for pair in missing for end in pair.ends if end.port in present[end.namespace]):
        netns.ip("-n", end.namespace, "link", "del", end.port)
    if missing:
        netns.ip(lines=[pair.command() for pair in missing])
    return missing
