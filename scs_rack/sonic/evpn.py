"""Layer 2 of leaves beyond one switch: VXLAN with EVPN, gateways in VRFs, LAGs that two leaves share.

EVPN: RFC 7432, RFC 8365 (VXLAN), RFC 9135 (symmetric IRB). Before a release has anycast gateways as a table of its own,
every leaf has the gateway's address, and VLANs of gateways have the same MAC address on all leaves.
"""

from functools import cached_property

from scs_rack.model.layer2 import Segment, Vrf
from scs_rack.sonic.routing import ALLOW, FABRIC
from scs_rack.sonic.rows import Row, Tables
from scs_rack.sonic.site import Site

VTEP, NVO = "vtep", "nvo"
"""Names of the tunnel end point and of the EVPN instance; SONiC has one of each."""
EVPN = "l2vpn_evpn"
ANYCAST_RELEASE = "master"
"""First release with a table for anycast gateways."""
KEEPALIVE, SESSION_TIMEOUT = 1, 15
"""Seconds between messages of an MC-LAG pair, and after which the other one is taken as gone."""


class Overlay:
    """What a leaf has of the rack's segments."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.layer2 = site.design.rack.layer2

    @cached_property
    def segments(self) -> dict[str, Segment]:
        """Segments whose VLAN is on the leaf."""
        vlans = {vlan for one in self.site.bridged.values() for vlan in one.vlans}
        return {name: one for name, one in self.layer2.segments.items() if one.vlan in vlans}

    @cached_property
    def vrfs(self) -> dict[str, Vrf]:
        """Routing tables of those segments."""
        names = {segment.vrf for segment in self.segments.values()}
        return {name: vrf for name, vrf in self.layer2.vrfs.items() if name in names}

    @cached_property
    def vnis(self) -> dict[int, int]:
        """VNI of each VLAN that is stretched."""
        found = {segment.vlan: segment.vni for segment in self.segments.values() if segment.vni}
        return found | {vrf.vlan: vrf.vni for vrf in self.vrfs.values()}

    @property
    def source(self) -> str:
        """Address of the tunnel end point: the pair's, where two leaves look like one, else the switch's own."""
        pair = self.site.pair
        shared = pair.vtep if pair and pair.multihoming == "mclag" else None
        return str(shared or self.site.switch.loopback4)

    def bridging(self) -> Tables:
        """VLANs of routing tables, gateways, tunnels. Rows of VLAN are those that this adds to or makes."""
        tables: Tables = {}
        vlan: dict[str, Row] = {f"Vlan{vrf.vlan}": {"vlanid": str(vrf.vlan)} for vrf in self.vrfs.values()}
        svi: dict[str, Row] = {f"Vlan{vrf.vlan}": {"vrf_name": name} for name, vrf in self.vrfs.items()}
        for segment in self.segments.values():
            if not segment.vrf:
                continue
            name = f"Vlan{segment.vlan}"
            vlan[name] = {"vlanid": str(segment.vlan)}
            svi[name] = {"vrf_name": segment.vrf}
            if self.site.switch.release >= ANYCAST_RELEASE:
                tables["SAG"] = {"GLOBAL": {"gateway_mac": self.layer2.gateway_mac}}
                svi[name]["static_anycast_gateway"] = "true"
            else:
                vlan[name]["mac"] = self.layer2.gateway_mac
            svi |= {f"{name}|{address}": {} for address in (segment.gateway4, segment.gateway6) if address}
        if vlan:
            tables["VLAN"] = vlan
        if svi:
            tables["VLAN_INTERFACE"] = svi
        if self.vrfs:
            tables["VRF"] = {name: {"vni": str(vrf.vni)} for name, vrf in self.vrfs.items()}
        if self.vnis:
            tables["VXLAN_TUNNEL"] = {VTEP: {"src_ip": self.source}}
            tables["VXLAN_EVPN_NVO"] = {NVO: {"source_vtep": VTEP}}
            tables["VXLAN_TUNNEL_MAP"] = {
                f"{VTEP}|map_{vni}_Vlan{number}": {"vlan": f"Vlan{number}", "vni": str(vni)}
                for number, vni in sorted(self.vnis.items())
            }
        return tables

    def routing(self) -> Tables:
        """BGP for EVPN: the address family on all switches, announcements and routing tables where there are any."""
        tables: Tables = {}
        if any(one.kind == "fabric" for one in self.site.neighbours.values()):
            tables["BGP_PEER_GROUP_AF"] = {
                f"default|{FABRIC}|{EVPN}": {"admin_status": "up", "route_map_in": [ALLOW], "route_map_out": [ALLOW]}
            }
        if not self.vnis:
            return tables
        tables["BGP_GLOBALS_AF"] = {f"default|{EVPN}": {"advertise-all-vni": "true"}}
        if self.vrfs:
            switch = self.site.switch
            tables["BGP_GLOBALS"] = {
                name: {"local_asn": str(switch.asn), "router_id": str(switch.loopback4)} for name in self.vrfs
            }
        return tables

    def loopbacks(self) -> Tables:
        """The address that a pair shares."""
        if not self.vnis or self.source == str(self.site.switch.loopback4):
            return {}
        return {
            "LOOPBACK_INTERFACE": {"Loopback1": {}, f"Loopback1|{self.source}/32": {}},
            "BGP_GLOBALS_AF_NETWORK": {f"default|ipv4_unicast|{self.source}/32": {}},
        }


def multihoming(site: Site) -> Tables:
    """LAGs that the switch shares with the other one of its pair."""
    pair, partner = site.pair, site.partner
    if pair is None or partner is None:
        return {}
    shared = [name for name, lag in site.switch.lags.items() if lag.shared]
    if pair.multihoming == "mclag":
        domain = {
            "source_ip": str(site.switch.loopback4),
            "peer_ip": str(partner.loopback4),
            "peer_link": str(pair.peer_link),
            "keepalive_interval": str(KEEPALIVE),
            "session_timeout": str(SESSION_TIMEOUT),
        }
        members: dict[str, Row] = {f"{pair.domain}|{name}": {"if_type": "PortChannel"} for name in shared}
        tables: Tables = {"MCLAG_DOMAIN": {str(pair.domain): domain}, "FEATURE": {"iccpd": {"state": "enabled"}}}
        return tables | ({"MCLAG_INTERFACE": members} if members else {})
    first = pair.switches[0] == site.switch.name
    segments: dict[str, Row] = {
        name: {"esi": "AUTO", "type": "TYPE_3_MAC_BASED", "df_pref": "32767" if first else "32766"} for name in shared
    }
    # both leaves must show the device behind a LAG the same LACP system: the segment's identifier is made of it
    mac = f"02:5c:05:fd:{pair.domain >> 8:02x}:{pair.domain & 255:02x}"
    return {
        "EVPN_MH_GLOBAL": {"default": {"startup_delay": "300"}},
        "PORTCHANNEL": {name: {"system_mac": mac} for name in shared},
        **({"EVPN_ETHERNET_SEGMENT": segments} if segments else {}),
    }
