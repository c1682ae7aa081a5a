"""Tables for people with a label printer or a spreadsheet: every cable, every address."""

import csv
import io
from collections.abc import Iterator, Sequence

from scs_rack.design.types import Design, NodeDesign, SwitchDesign
from scs_rack.model.draft import MANAGER, draft_of
from scs_rack.model.ends import SWITCH_MGMT_PORT
from scs_rack.model.numbering import floating, routers6
from scs_rack.model.portmap import speed_name

CABLE_COLUMNS = ("a_device", "a_unit", "a_port", "a_cage", "b_device", "b_unit", "b_port", "b_cage", "speed", "use")
ADDRESS_COLUMNS = ("address", "network", "kind", "device", "port", "mac", "asn")


def _csv(columns: Sequence[str], rows: Iterator[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(["" if value is None else value for value in row] for row in rows)
    return text.getvalue()


def cables_csv(design: Design) -> str:
    """Every cable in the order of the rack file: both ends with rack unit and cage, speed, use and VLANs."""
    units = {name: node.unit for name, node in design.nodes.items()}
    units |= {name: switch.unit for name, switch in design.switches.items()}
    cages = {
        (switch, port.name): port.index
        for switch, ports in draft_of(design.rack).switch_ports.items()
        for port in ports.values()
    }
    ports = {device.name: device.ports for device in design.switches.values()}

    def rows() -> Iterator[Sequence[object]]:
        for cable in design.rack.cables:
            data = next(end for end in cable if end.device in ports and end.port != SWITCH_MGMT_PORT)
            port = ports[data.device][data.port]
            ends = [
                value
                for end in cable
                for value in (end.device, units.get(end.device), end.port, cages.get((end.device, end.port)))
            ]
            speed = speed_name(port.speed) if port.speed else None
            yield *ends, speed, port.use, port.untagged, " ".join(map(str, port.tagged))

    return _csv((*CABLE_COLUMNS, "untagged_vlan", "tagged_vlans"), rows())


def _networks(design: Design) -> Iterator[Sequence[object]]:
    for name, network in design.rack.networks.items():
        if network.gateway:
            yield network.gateway, name, "gateway", None, None, None, None
        span = network.allocation or floating(network.prefix)
        if network.purpose == "external" and span:
            yield f"{span[0]}-{span[1]}", name, "floating", None, None, None, None
        if network.ipv6:
            yield network.ipv6.gateway, name, "gateway", None, None, None, None
            if span6 := network.ipv6.allocation or routers6(network.ipv6.prefix):
                yield f"{span6[0]}-{span6[1]}", name, "routers", None, None, None, None


def _devices(design: Design) -> Iterator[Sequence[object]]:
    oob = next(name for name, network in design.rack.networks.items() if network.purpose == "oob")
    for node in design.nodes.values():
        yield node.mgmt.ip, oob, "management", node.name, node.mgmt_nic, node.macs.get(node.mgmt_nic), None
        yield node.bmc.address, oob, node.bmc.protocol, node.name, "bmc", node.bmc.mac, None
    for switch in design.switches.values():
        port = f"Vlan{design.rack.networks[oob].vlan}" if switch.role == "oob" else SWITCH_MGMT_PORT
        yield switch.mgmt.ip, oob, "management", switch.name, port, switch.mac, None
    manager = next((nic for nic, use in design.rack.manager.nics.items() if use == "mgmt"), None)
    yield design.manager.mgmt.ip, oob, "management", MANAGER, manager, None, None


def _loopbacks(design: Design) -> Iterator[Sequence[object]]:
    devices: list[NodeDesign | SwitchDesign] = [*design.nodes.values(), *design.switches.values()]
    for device in devices:
        for address in (device.loopback4, device.loopback6):
            yield address, "loopbacks", "loopback", device.name, "lo", None, device.asn
    for address in (design.manager.loopback4, design.manager.loopback6):
        yield address, "loopbacks", "loopback", MANAGER, "lo", None, design.manager.asn
    for address in (design.api.vip4, design.api.vip6):
        yield address, "loopbacks", "api", "/".join(design.groups["controller"]), "lo", None, None


def addresses_csv(design: Design) -> str:
    """Every address of the rack, with its network, what it is for, and the device and MAC address it belongs to."""
    return _csv(ADDRESS_COLUMNS, (row for part in (_networks, _devices, _loopbacks) for row in part(design)))
