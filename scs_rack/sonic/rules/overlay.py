"""Rules of overlays: VXLAN maps, VNIs of VRFs, multi-chassis LAGs, Ethernet segments."""

from collections import defaultdict
from collections.abc import Iterator
from ipaddress import ip_interface

from scs_rack.sonic.fault import Fault, TablesLike
from scs_rack.sonic.rules.tools import INTERFACES, number, repeated, rows, text


def maps(tables: TablesLike) -> Iterator[Fault]:
    """Each VNI belongs to one VLAN, each VLAN to one VNI, and the VLAN exists."""
    vnis: dict[str, list[str]] = defaultdict(list)
    vlans: dict[str, list[str]] = defaultdict(list)
    for key, row in rows(tables, "VXLAN_TUNNEL_MAP").items():
        vni, vlan = text(row, "vni"), text(row, "vlan")
        if vni:
            vnis[vni].append(key)
        if vlan:
            vlans[vlan].append(key)
        if vlan and vlan not in rows(tables, "VLAN"):
            yield Fault(f"there is no {vlan}", "VXLAN_TUNNEL_MAP", key, "vlan", f"add VLAN|{vlan}, or take the map out")
    yield from repeated(vnis, "VNI", "VXLAN_TUNNEL_MAP", field="vni", hint="a VNI belongs to one VLAN")
    yield from repeated(vlans, "VLAN of a tunnel", "VXLAN_TUNNEL_MAP", field="vlan", hint="a VLAN has one VNI")


def vrfs(tables: TablesLike) -> Iterator[Fault]:
    """A VRF's VNI is its own, and a VLAN of that VRF carries it."""
    users: dict[str, list[str]] = defaultdict(list)
    maps_of = {text(row, "vni"): text(row, "vlan") for row in rows(tables, "VXLAN_TUNNEL_MAP").values()}
    for name, row in rows(tables, "VRF").items():
        vni = number(row, "vni")
        if not vni:
            continue
        users[str(vni)].append(name)
        vlan = maps_of.get(str(vni))
        if vlan is None:
            hint = "map a VLAN of this VRF to it in VXLAN_TUNNEL_MAP"
            yield Fault(f"no VLAN carries its VNI {vni}", "VRF", name, "vni", hint)
        elif text(rows(tables, "VLAN_INTERFACE").get(vlan, {}), "vrf_name") != name:
            hint = f"give VLAN_INTERFACE|{vlan} the vrf_name {name}"
            yield Fault(f"{vlan} carries its VNI {vni} and is not in it", "VRF", name, "vni", hint)
    yield from repeated(users, "VNI", "VRF", field="vni")


def tunnels(tables: TablesLike) -> Iterator[Fault]:
    """The source of a tunnel is an address of this switch; there is one tunnel end point, and one EVPN instance."""
    own = {
        str(ip_interface(key.partition("|")[2]).ip)
        for table in INTERFACES
        for key in rows(tables, table)
        if _is_prefix(key.partition("|")[2])
    }
    for name, row in rows(tables, "VXLAN_TUNNEL").items():
        source = text(row, "src_ip")
        if source and source not in own:
            hint = "use the address of a loopback"
            yield Fault(f"{source} is no address of this switch", "VXLAN_TUNNEL", name, "src_ip", hint)
    for table, what in (("VXLAN_TUNNEL", "tunnel end point"), ("VXLAN_EVPN_NVO", "EVPN instance")):
        names = list(rows(tables, table))
        if len(names) > 1:
            yield Fault(f"SONiC has one {what}, and here are {', '.join(names)}", table, names[-1])


def _is_prefix(value: str) -> bool:
    try:
        ip_interface(value)
    except ValueError:
        return False
    return bool(value)


def mclag(tables: TablesLike) -> Iterator[Fault]:
    """A pair's own address is this switch's, its peer's is not, and its peer link is no port of a pair itself."""
    own = {key.partition("|")[2].partition("/")[0] for table in INTERFACES for key in rows(tables, table)}
    own |= {key.partition("|")[2].partition("/")[0] for key in rows(tables, "MGMT_INTERFACE")}
    for domain, row in rows(tables, "MCLAG_DOMAIN").items():
        source, peer, link = text(row, "source_ip"), text(row, "peer_ip"), text(row, "peer_link")
        if source and source not in own:
            hint = "use the address of an interface that the peer can reach"
            yield Fault(f"{source} is no address of this switch", "MCLAG_DOMAIN", domain, "source_ip", hint)
        if peer and peer in own:
            yield Fault(f"{peer} is an address of this switch itself", "MCLAG_DOMAIN", domain, "peer_ip")
        if link and f"{domain}|{link}" in rows(tables, "MCLAG_INTERFACE"):
            yield Fault(f"{link} is the peer link of the pair", "MCLAG_INTERFACE", f"{domain}|{link}")
        known = (rows(tables, table) for table in ("PORT", "PORTCHANNEL", "VXLAN_TUNNEL"))
        if link and not any(link in table for table in known):
            hint = f"add PORTCHANNEL|{link}"
            yield Fault(f"there is no {link}", "MCLAG_DOMAIN", domain, "peer_link", hint, models_tell=True)
        keepalive, timeout = number(row, "keepalive_interval"), number(row, "session_timeout")
        if keepalive and timeout and keepalive * 3 > timeout:
            message = f"{timeout} s is less than three times the keepalive interval of {keepalive} s"
            yield Fault(message, "MCLAG_DOMAIN", domain, "session_timeout", models_tell=True)
    for key in rows(tables, "MCLAG_INTERFACE"):
        domain, _, name = key.partition("|")
        if domain not in rows(tables, "MCLAG_DOMAIN"):
            yield Fault(f"there is no domain {domain}", "MCLAG_INTERFACE", key, models_tell=True)
        if name.startswith("PortChannel") and name not in rows(tables, "PORTCHANNEL"):
            yield Fault(f"there is no {name}", "MCLAG_INTERFACE", key, models_tell=True)


def segments(tables: TablesLike) -> Iterator[Fault]:
    """An Ethernet segment identifier names one segment."""
    users: dict[str, list[str]] = defaultdict(list)
    for name, row in rows(tables, "EVPN_ETHERNET_SEGMENT").items():
        esi = text(row, "esi").lower()
        if esi and esi != "auto":
            users[esi].append(name)
    yield from repeated(
        users, "ESI", "EVPN_ETHERNET_SEGMENT", field="esi", hint="a segment has an identifier of its own"
    )


RULES = (maps, vrfs, tunnels, mclag, segments)
