"""Labels for both ends of each cable: what one reads with a plug in the hand."""

import html
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scs_rack.design import Design, ports
from scs_rack.model.portmap import load_portmap, speed_name

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Cable labels of {name}</title>
<style>
@page {{ size: A4; margin: 10mm }}
body {{ font: 3.2mm/1.25 sans-serif; margin: 0; display: flex; flex-wrap: wrap }}
div {{ box-sizing: border-box; width: 63mm; height: 17mm; padding: 1.5mm 2mm; border: 0.2mm dashed #999;
  break-inside: avoid; overflow: hidden }}
b {{ display: block; font-size: 3.8mm }}
</style></head><body>
{labels}
</body></html>
"""


@dataclass(frozen=True)
class Label:
    """One end of a cable."""

    here: str
    """Where this plug belongs: device, rack unit, port and number on the front panel."""
    there: str
    """Where the other plug belongs."""
    note: str
    """Speed and use."""


def labels(design: Design) -> Iterator[Label]:
    """Two labels for each cable, in the order of the rack file."""
    units = {name: f"U{node.unit}" for name, node in design.nodes.items()}
    units |= {name: f"U{switch.unit}" for name, switch in design.switches.items()}
    cages = {
        (name, port.name): f" (port {port.index}" + (f"/{port.subport})" if port.subport else ")")
        for name, switch in design.switches.items()
        for port in load_portmap(switch.model).with_breakouts(switch.breakouts).values()
    }
    uses = ports.all_ports(design.rack)
    for cable in design.rack.cables:
        one, two = (
            " ".join(filter(None, (end.device, units.get(end.device), end.port)))
            + cages.get((end.device, end.port), "")
            for end in cable
        )
        use = uses[cable[0].device][cable[0].port]
        note = " ".join(filter(None, (speed_name(use.speed) if use.speed else "", use.use)))
        yield Label(one, two, note)
        yield Label(two, one, note)


def text_sheet(found: Iterable[Label]) -> str:
    """Labels as text, one a paragraph."""
    return "\n".join(f"{one.here}\n  to {one.there}\n  {one.note}\n" for one in found)


def html_sheet(name: str, found: Iterable[Label]) -> str:
    """Labels as a page that a browser prints on A4, three in a row; no script, nothing fetched."""
    boxes = (
        f"<div><b>{html.escape(one.here)}</b>to {html.escape(one.there)}<br>{html.escape(one.note)}</div>"
        for one in found
    )
    return _PAGE.format(name=html.escape(name), labels="\n".join(boxes))
