"""Spanning tree of the out-of-band network (per-VLAN, IEEE 802.1D), from release 202511 on."""

from scs_rack.sonic.rows import Row, Tables
from scs_rack.sonic.site import Site

FIRST_RELEASE = "202511"
PRIORITY = 32768
"""Bridge priority; a lower one becomes the root."""


def spanning_tree(site: Site) -> Tables:
    """Tables of an out-of-band switch where the rack file wants it; ports of devices forward at once."""
    if site.routed or not site.options.out_of_band.spanning_tree:
        return {}
    ports: dict[str, Row] = {}
    for name, one in site.bridged.items():
        edge = one.peer not in site.design.switches or site.design.switches[one.peer].role != "oob"
        ports[name] = {"enabled": "true", **({"portfast": "true", "bpdu_guard": "true"} if edge else {})}
    numbers = sorted({vlan for one in site.bridged.values() for vlan in one.vlans} | {site.oob.vlan})
    return {
        "STP": {"GLOBAL": {"mode": "pvst", "priority": str(PRIORITY)}},
        "STP_VLAN": {
            f"Vlan{number}": {"enabled": "true", "vlanid": str(number), "priority": str(PRIORITY)} for number in numbers
        },
        "STP_PORT": ports,
    }
