"""Is each port cabled as the rack file says? By what its neighbour said of itself before a disk was touched."""

from collections.abc import Iterator

from scs_rack.design import Design, NodeDesign
from scs_rack.provision.facts import Facts
from scs_rack.results import Finding
from scs_rack.sonic.cabling.parse import port_names


def judge(design: Design, node: NodeDesign, facts: Facts) -> Iterator[Finding]:
    """Ports whose neighbour is another than the rack file's; what was not heard is not judged."""
    ours = {mac.lower(): port for port, mac in node.macs.items()}
    ports = {nic.name: ours.get(nic.mac) for nic in facts.nics}
    names = port_names(design)
    ends = {}
    for cable in design.rack.cables:
        for here, there in (cable, tuple(reversed(cable))):
            ends[here.device, here.port] = (there.device, there.port)
    for heard in facts.neighbours:
        port = ports.get(heard.nic)
        stated = ends.get((node.name, port)) if port else None
        if stated is None:
            continue
        seen = (heard.device, names.get((heard.device, heard.port), heard.port))
        where = f"{node.name} {port}"
        if heard.device not in design.switches:
            hint = "is a device between them that the rack file does not state?"
            yield Finding("neighbour-unknown", "warning", where, ":".join(stated), ":".join(seen), hint)
        elif seen != stated:
            mate = ends.get(seen)
            hint = (
                f"{':'.join(seen)} belongs to {':'.join(mate)}: are two cables swapped?" if mate else "move the cable"
            )
            yield Finding("cable-elsewhere", "error", where, ":".join(stated), ":".join(seen), hint)
