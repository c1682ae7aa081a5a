"""Which devices a switch hears on its ports, by LLDP (IEEE 802.1AB)."""

from typing import Any

from scs_rack.sonic.transport import Switch

HEARD = "sudo docker exec lldp lldpctl -f json0"

Heard = dict[str, frozenset[str]]
"""Names of the devices at the other end, by port."""


def parse(data: dict[str, Any]) -> Heard:
    """Neighbours from lldpctl's json0, the form that has a list for everything."""
    found: Heard = {}
    for part in data.get("lldp", []):
        for interface in part.get("interface", []):
            names = [
                str(name.get("value"))
                for chassis in interface.get("chassis", [])
                for name in chassis.get("name", [])
                if name.get("value")
            ]
            if names:
                port = str(interface.get("name"))
                found[port] = found.get(port, frozenset()) | frozenset(names)
    return found


def heard(switch: Switch) -> Heard:
    """Neighbours of a switch.

    Raises:
        SwitchUnreachable, SwitchRefused: it can't be asked.
    """
    return parse(switch.ask_json(HEARD))
