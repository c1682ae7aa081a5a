"""Ports of a switch, LAGs, and what is bridged over them: PORT, BREAKOUT_CFG, PORTCHANNEL, VLAN and their members."""

from collections.abc import Mapping
from typing import Any

from scs_rack.design import Design, PortUse, SwitchDesign
from scs_rack.model.ends import BMC_PORT
from scs_rack.model.layer2 import SwitchPort
from scs_rack.model.portmap import Port, load_portmap
from scs_rack.sonic.rows import Row, Tables, strings
from scs_rack.sonic.site import Site, switch_ports

__all__ = ["PORT_MTU", "breakouts", "lags", "port_speed", "ports", "switch_ports", "vlans"]

PORT_MTU = 9100
"""MTU in bytes of every port and VLAN, as SONiC has it by default."""
_NOTHING = SwitchPort()


def _far(design: Design, use: PortUse | None) -> tuple[Port | None, SwitchPort]:
    """Port at the other end of a cable, and what is stated about it; no port where the other end is no switch."""
    if use is None or use.peer not in design.switches:
        return None, _NOTHING
    other = design.switches[use.peer]
    return switch_ports(other).get(use.peer_port), other.port_options.get(use.peer_port, _NOTHING)


def port_speed(design: Design, switch: SwitchDesign, port: Port) -> int:
    """Speed of a port in Mb/s: as stated at either end, else the highest that both can do, else its usual one."""
    use, own = switch.ports.get(port.name), switch.port_options.get(port.name, _NOTHING)
    far, there = _far(design, use)
    stated = own.speed or there.speed
    if stated or use is None:
        return stated or port.speed
    if far is not None:
        return max(set(port.speeds) & set(far.speeds), default=port.speed)
    return use.speed if use.speed in port.speeds else port.speed


def _stated(field: str, own: SwitchPort, there: SwitchPort) -> Any:
    """A field as stated for a port, or for the one at the other end of its cable: both ends must be the same."""
    value = getattr(own, field)
    return getattr(there, field) if value is None else value


def _in_use(site: Site, name: str, own: SwitchPort) -> bool:
    """True if a port is to be switched on."""
    if own.enabled is not None:
        return own.enabled
    use = site.switch.ports.get(name)
    peer = site.design.nodes.get(use.peer) if use else None
    if use and peer and peer.shut and use.peer_port != BMC_PORT:
        return False
    return name in site.switch.ports or bool(own.bgp or own.untagged or own.tagged) or name in _members(site)


def _members(site: Site) -> Mapping[str, str]:
    return {port: name for name, lag in site.switch.lags.items() for port in lag.ports}


def _port(site: Site, port: Port) -> Row:
    use, own = site.switch.ports.get(port.name), site.switch.port_options.get(port.name, _NOTHING)
    _, there = _far(site.design, use)
    speed = port_speed(site.design, site.switch, port)
    autoneg, fec = _stated("autoneg", own, there), _stated("fec", own, there) or port.fec_at(speed)
    used = _in_use(site, port.name, own)
    unknown = "no cable in the rack file" if used else "unused"
    row: Row = {
        "lanes": ",".join(map(str, port.lanes)),
        "alias": port.alias,
        "index": str(port.index),
        "speed": str(speed),
        "autoneg": port.autoneg if autoneg is None else "on" if autoneg else "off",
        "mtu": str(_stated("mtu", own, there) or site.options.mtu),
        "admin_status": "up" if used else "down",
        "description": own.description or (f"{use.peer}:{use.peer_port}" if use else unknown),
    }
    if fec != "none" or own.fec or there.fec:
        row["fec"] = fec
    if port.subport:
        row["subport"] = str(port.subport)
    return row


def ports(design: Design, switch: SwitchDesign) -> Tables:
    """Every port of the switch; what has no cable and no purpose is down."""
    site = Site(design, switch)
    return {"PORT": {name: _port(site, port) for name, port in site.ports.items()}}


def breakouts(switch: SwitchDesign) -> Tables:
    """Mode of each port, where SONiC knows the modes of the platform."""
    rows = load_portmap(switch.model).breakout_cfg(switch.breakouts)
    return {"BREAKOUT_CFG": {name: {"brkout_mode": mode} for name, mode in rows.items()}} if rows else {}


def lags(site: Site) -> Tables:
    """LAGs with their members."""
    if not site.switch.lags:
        return {}
    found: dict[str, Row] = {}
    for name, lag in site.switch.lags.items():
        found[name] = strings(
            {
                "admin_status": "up",
                "mtu": site.switch.port_options.get(lag.ports[0], _NOTHING).mtu or site.options.mtu,
                "min_links": lag.min_links,
                "fallback": str(lag.fallback).lower(),
                "fast_rate": str(lag.fast).lower(),
                "lacp_key": "auto",
            }
        )
    members = {f"{name}|{port}": Row() for name, lag in site.switch.lags.items() for port in lag.ports}
    return {"PORTCHANNEL": found, "PORTCHANNEL_MEMBER": members}


def vlans(site: Site) -> Tables:
    """VLANs of access and trunk ports, with their members."""
    members: dict[str, Row] = {}
    for name, one in site.bridged.items():
        if one.untagged:
            members[f"Vlan{one.untagged}|{name}"] = {"tagging_mode": "untagged"}
        for vlan in one.tagged:
            members[f"Vlan{vlan}|{name}"] = {"tagging_mode": "tagged"}
    numbers = {vlan for one in site.bridged.values() for vlan in one.vlans}
    if not site.routed:
        numbers.add(site.oob.vlan)  # its own address is there
    if not numbers:
        return {}
    rows: dict[str, Row] = {f"Vlan{vlan}": {"vlanid": str(vlan)} for vlan in sorted(numbers)}
    tables: Tables = {"VLAN": rows, "VLAN_MEMBER": members}
    relays = site.options.out_of_band.dhcp_relay
    if relays is not None and not site.routed:
        name = f"Vlan{site.oob.vlan}"
        four = [address for address in relays if ":" not in address]
        six = [address for address in relays if ":" in address]
        rows[name] |= {"dhcp_servers": four} if four else {}
        tables["DHCP_RELAY"] = {name: {"dhcpv6_servers": six}} if six else {}
    return tables
