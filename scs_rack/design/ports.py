"""What each cabled port is for, seen from both of its ends."""

from scs_rack.design.types import PortUse, Use
from scs_rack.model import Rack
from scs_rack.model.draft import draft_of
from scs_rack.model.ends import BMC_PORT, SWITCH_MGMT_PORT, Port, link_speed

__all__ = ["BMC_PORT", "SWITCH_MGMT_PORT", "all_ports", "ports_of"]


def _vlans(rack: Rack, purpose: str) -> list[int]:
    return [network.vlan for network in rack.networks.values() if network.purpose == purpose]


def _settings(rack: Rack, one: Port, other: Port) -> tuple[Use, int | None, tuple[int, ...]]:
    """Use, untagged VLAN and tagged VLANs of a cable.

    A server's external ports get the first external network untagged (a flat network for Neutron), others tagged.
    """
    if one.use == other.use == "data":
        if "oob" in (one.role, other.role):
            return "trunk", None, tuple(_vlans(rack, "oob"))
        return "fabric", None, ()
    use = one.use if other.use == "data" else other.use
    if use == "uplink":
        return "host", None, ()
    vlans = _vlans(rack, "oob" if use == "mgmt" else "external")
    if len(vlans) > 1:
        return "trunk", vlans[0], tuple(vlans[1:])
    return "access", vlans[0] if vlans else None, ()


def all_ports(rack: Rack) -> dict[str, dict[str, PortUse]]:
    """Every cabled port of every device by name, in the order of the cables."""
    found: dict[str, dict[str, PortUse]] = {}
    for _, one, other in draft_of(rack).wiring.pairs:
        use, untagged, tagged = _settings(rack, one, other)
        speed = link_speed(one, other)
        for mine, far in ((one, other), (other, one)):
            port = PortUse(mine.port, far.device, far.port, use, speed, untagged, tagged)
            found.setdefault(mine.device, {})[mine.port] = port
    return found


def ports_of(rack: Rack, device: str) -> dict[str, PortUse]:
    """Every cabled port of a device by name, in the order of the cables."""
    return all_ports(rack).get(device, {})
