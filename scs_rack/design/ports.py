"""What each cabled port is for, seen from both of its ends."""

from scs_rack.design.types import PortUse, Use
from scs_rack.model import Rack

SWITCH_MGMT_PORT = "eth0"
BMC_PORT = "bmc"


def _vlans(rack: Rack, purpose: str) -> list[int]:
    return [network.vlan for network in rack.networks.values() if network.purpose == purpose]


def _endpoint(rack: Rack, device: str, port: str) -> tuple[str, int | None]:
    """How a port that is no switch's data port is used (mgmt, uplink, external, unused), and its speed in Mb/s."""
    if device in rack.switches and port == SWITCH_MGMT_PORT:
        return "mgmt", 1000
    if device in rack.servers:
        if port == BMC_PORT:
            return "mgmt", 1000
        nic = rack.server_models[rack.servers[device].model].nics[port]
        return nic.use, nic.speed
    return rack.manager.nics[port], None


def _is_data_port(rack: Rack, device: str, port: str) -> bool:
    return device in rack.switches and port != SWITCH_MGMT_PORT


def _settings(
    rack: Rack, ends: tuple[tuple[str, str], tuple[str, str]]
) -> tuple[Use, int | None, int | None, tuple[int, ...]]:
    data = [_is_data_port(rack, *end) for end in ends]
    if all(data):
        if any(rack.switches[device].role == "oob" for device, _ in ends):
            return "trunk", None, None, tuple(_vlans(rack, "oob"))
        return "fabric", None, None, ()
    use, speed = _endpoint(rack, *ends[data.index(False)])
    if use == "uplink":
        return "host", speed, None, ()
    vlans = _vlans(rack, "oob" if use == "mgmt" else "external")
    if use == "external" and len(vlans) > 1:
        return "trunk", speed, vlans[0], tuple(vlans[1:])
    return "access", speed, vlans[0] if vlans else None, ()


def ports_of(rack: Rack, device: str) -> dict[str, PortUse]:
    """Every cabled port of a device by name, in the order of the cables."""
    found: dict[str, PortUse] = {}
    for cable in rack.cables:
        ends = ((cable[0].device, cable[0].port), (cable[1].device, cable[1].port))
        for mine, other in (ends, ends[::-1]):
            if mine[0] == device:
                use, speed, untagged, tagged = _settings(rack, ends)
                found[mine[1]] = PortUse(mine[1], other[0], other[1], use, speed, untagged, tagged)
    return found
