"""From what lldpctl, `show mac`, `show interfaces …` and `ip -j link` print to what it means. Pure functions."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from scs_rack.design import Design
from scs_rack.design.ports import BMC_PORT, SWITCH_MGMT_PORT
from scs_rack.model.base import parse_speed
from scs_rack.sonic.cabling.seen import End, Port
from scs_rack.sonic.ports import switch_ports

_FEC = {"rs": "rs", "fc": "fc", "none": "none", "n/a": "none", "off": "none", "disabled": "none"}
_MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")


def _first(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(iter(holder.get(name, [])), {})
    return found


def _value(holder: Mapping[str, Any], name: str) -> tuple[str, str]:
    """Type and value of a field of lldpctl's `json0` form, where every field is a list."""
    first = _first(holder, name)
    return str(first.get("type", "")), str(first.get("value", ""))


def port_names(design: Design) -> dict[End, str]:
    """Port of each device by what it may send as its port id: a switch port's alias, a server's MAC address."""
    names: dict[End, str] = {}
    for switch in design.switches.values():
        names |= {(switch.name, port.alias): name for name, port in switch_ports(switch).items()}
    for node in design.nodes.values():
        names |= {(node.name, mac): nic for nic, mac in node.macs.items()}
    return names


def owners(design: Design) -> dict[str, End]:
    """Port that each MAC address of the rack file belongs to; the base address of a switch is its management port's.

    Those of out-of-band switches are left out: they forward with it, so that it is seen on many ports.
    """
    found = {mac: (node.name, nic) for node in design.nodes.values() for nic, mac in node.macs.items()}
    found |= {node.bmc.mac: (node.name, BMC_PORT) for node in design.nodes.values() if node.bmc.mac}
    return found | {
        switch.mac: (name, SWITCH_MGMT_PORT) for name, switch in design.switches.items() if switch.role != "oob"
    }


def parse_lldp(data: Any, names: Mapping[End, str]) -> dict[str, list[End]]:
    """What each interface hears, from `lldpctl -f json0`; ports by the names of the rack file.

    Args:
        data: lldpctl's answer. One without a neighbour is valid.
        names: see `port_names`.
    """
    found: dict[str, list[End]] = {}
    for part in data.get("lldp", []):
        for interface in part.get("interface", []):
            chassis, port = _first(interface, "chassis"), _first(interface, "port")
            device = _value(chassis, "name")[1].partition(".")[0] or _value(chassis, "id")[1]
            kind, sent = _value(port, "id")
            if kind == "mac" and (device, sent) not in names:
                sent = _value(port, "descr")[1] or sent
            end = (device, names.get((device, sent), sent))
            ends = found.setdefault(str(interface["name"]), [])
            if end not in ends:
                ends.append(end)
    return found


def parse_table(text: str) -> Iterator[dict[str, str]]:
    """Rows of a table as SONiC's `show` prints it: a header, a line of dashes that says how wide each column is."""
    lines = text.splitlines()
    ruler = next((number for number, line in enumerate(lines) if re.fullmatch(r"\s*-+(\s+-+)*\s*", line)), 0)
    if not ruler:
        return
    spans = [found.span() for found in re.finditer(r"-+", lines[ruler])]
    heads = [lines[ruler - 1][start:end].strip() for start, end in spans]
    for line in lines[ruler + 1 :]:
        if not line.strip() or set(line.strip()) <= {"-", " "}:
            continue
        yield dict(zip(heads, (line[start:end].strip() for start, end in spans), strict=True))


def parse_macs(text: str) -> dict[str, set[str]]:
    """Ports that each MAC address was learnt on, from `show mac` (columns Vlan, MacAddress, Port)."""
    found: dict[str, set[str]] = {}
    for row in parse_table(text):
        mac = row.get("MacAddress", "").lower()
        if _MAC.fullmatch(mac) and row.get("Port"):
            found.setdefault(mac, set()).add(row["Port"])
    return found


def _speed(text: str) -> int | None:
    try:
        return parse_speed(text)
    except ValueError:
        return None


def parse_ports(status: str, presence: str) -> dict[str, Port]:
    """State of a switch's ports.

    Args:
        status: what `show interfaces status` prints.
        presence: what `show interfaces transceiver presence` prints; may be empty.
    """
    optics = {row.get("Port", ""): row.get("Presence", "").lower() for row in parse_table(presence)}
    known = {"present": True, "not present": False}
    return {
        row["Interface"]: Port(
            up=row.get("Oper") == "up",
            admin_up=row.get("Admin") == "up",
            speed=_speed(row.get("Speed", "")),
            fec=_FEC.get(row.get("FEC", "").lower()),
            transceiver=None if row.get("Type") == "RJ45" else known.get(optics.get(row["Interface"], "")),
        )
        for row in parse_table(status)
        if row.get("Interface", "").startswith("Ethernet")
    }


def parse_links(links: list[dict[str, Any]], speeds: str) -> dict[str, Port]:
    """State of a server's ports.

    Args:
        links: what `ip -j -d link` prints.
        speeds: lines NAME SPEED in Mb/s, from sysfs; a port without link says -1, and a veth what means nothing.
    """
    stated = dict(line.split() for line in speeds.splitlines() if len(line.split()) == 2)
    found = {}
    for link in links:
        name = str(link["ifname"])
        virtual = link.get("linkinfo", {}).get("info_kind") == "veth"
        speed = stated.get(name, "")
        known = int(speed) if speed.isdigit() and int(speed) > 0 and not virtual else None
        flags = link.get("flags", [])
        found[name] = Port(up="LOWER_UP" in flags, admin_up="UP" in flags, speed=known)
    return found
