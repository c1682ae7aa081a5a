"""Ports of a switch and what is bridged over them: PORT, VLAN, VLAN_MEMBER."""

from typing import Any

from scs_rack.design import Design, PortUse, SwitchDesign
from scs_rack.model.portmap import Port, default_fec, load_portmap
from scs_rack.sonic.rows import Row, Tables, strings

PORT_MTU = 9100
"""MTU in bytes of every port and VLAN, as SONiC has it by default."""


def switch_ports(switch: SwitchDesign) -> dict[str, Port]:
    """All data ports of a switch after breakouts, by name."""
    return load_portmap(switch.model).with_breakouts(switch.breakouts)


def port_speed(design: Design, switch: SwitchDesign, port: Port) -> int:
    """Speed of a port in Mb/s: the highest that both ends can do, where the other end is known; else its usual one."""
    use = switch.ports.get(port.name)
    if use is None:
        return port.speed
    if use.peer in design.switches:
        far = switch_ports(design.switches[use.peer]).get(use.peer_port)
        return max(set(port.speeds) & set(far.speeds), default=port.speed) if far else port.speed
    return use.speed if use.speed in port.speeds else port.speed


def _port(port: Port, use: PortUse | None, speed: int) -> Row:
    row: dict[str, Any] = {
        "lanes": ",".join(str(lane) for lane in port.lanes),
        "alias": port.alias,
        "index": port.index,
        "speed": speed,
        "autoneg": port.autoneg,
        "mtu": PORT_MTU,
        "admin_status": "up" if use else "down",
        "description": f"{use.peer}:{use.peer_port}" if use else "unused",
    }
    if default_fec(speed) != "none":
        row["fec"] = default_fec(speed)
    if port.subport:
        row["subport"] = port.subport
    return strings(row)


def ports(design: Design, switch: SwitchDesign) -> Tables:
    """Every port of the switch; what has no cable is down."""
    known = switch_ports(switch)
    return {
        "PORT": {
            name: _port(port, switch.ports.get(name), port_speed(design, switch, port)) for name, port in known.items()
        }
    }


def vlans(switch: SwitchDesign) -> Tables:
    """VLANs of access and trunk ports, with their members."""
    members: dict[str, Row] = {}
    for name, use in switch.ports.items():
        if use.untagged:
            members[f"Vlan{use.untagged}|{name}"] = {"tagging_mode": "untagged"}
        for vlan in use.tagged:
            members[f"Vlan{vlan}|{name}"] = {"tagging_mode": "tagged"}
    # a switch's own management port is no data port and no member
    members = {key: row for key, row in members.items() if key.partition("|")[2].startswith("Ethernet")}
    numbers = sorted({int(key.partition("|")[0].removeprefix("Vlan")) for key in members})
    if not numbers:
        return {}
    return {"VLAN": {f"Vlan{vlan}": {"vlanid": str(vlan)} for vlan in numbers}, "VLAN_MEMBER": members}
