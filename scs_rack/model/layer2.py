"""Layer 2 where a rack needs it: ports and LAGs that bridge, segments over VXLAN, pairs of leaves that share LAGs."""

import ipaddress
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from scs_rack.model.base import HostName, Mac, Speed, Strict, Vlan, text_schema
from scs_rack.model.switching import Line


def _lag_name(value: str) -> str:
    if not re.fullmatch(r"PortChannel[0-9]{1,4}", value):
        raise ValueError("not a name of a LAG; write PortChannel and up to four digits, e.g. PortChannel1")
    return value


def _vrf_name(value: str) -> str:
    if not re.fullmatch(r"Vrf[A-Za-z0-9_-]{1,12}", value):
        raise ValueError("not a name of a VRF; write Vrf and up to 12 letters, digits, hyphens, underscores")
    return value


def _interface(value: object) -> object:
    if isinstance(value, str) and "/" not in value:
        raise ValueError("has no prefix length; write e.g. 10.0.0.1/24")
    try:
        return str(ipaddress.ip_interface(str(value)))
    except ValueError as error:
        raise ValueError("not an address with its prefix length; write e.g. 10.0.0.1/24") from error


LagName = Annotated[
    str, AfterValidator(_lag_name), text_schema("Link aggregation, e.g. PortChannel1", r"^PortChannel[0-9]{1,4}$")
]
"""A name of a link aggregation group, as SONiC takes it."""

VrfName = Annotated[str, AfterValidator(_vrf_name), text_schema("VRF, e.g. Vrfblue", r"^Vrf[A-Za-z0-9_-]{1,12}$")]
"""A name of a VRF, as SONiC takes it."""

InterfaceAddress = Annotated[
    str, BeforeValidator(_interface), text_schema("Address with prefix length", r"^[0-9A-Fa-f.:]+/[0-9]+$")
]
"""An address with the prefix length of its network."""

Vni = Annotated[int, Field(ge=1, le=16777215, description="VXLAN network identifier")]
"""A VXLAN network identifier (RFC 7348)."""


class SwitchPort(Strict):
    """What differs from the usual on one port of a switch; also makes a port useful that has no cable in the file."""

    enabled: bool | None = None
    """Switched on; when not stated: where a cable is, or where this entry says what the port is for."""
    description: Line | None = None
    """For people, and in LLDP."""
    speed: Speed | None = None
    """Speed; the highest that both ends can do when not stated."""
    fec: Literal["rs", "fc", "none"] | None = None
    """Forward error correction; what the speed needs when not stated."""
    autoneg: bool | None = None
    """Negotiate the speed; as usual for the model when not stated."""
    mtu: int | None = Field(default=None, ge=1500, le=9216)
    """MTU in bytes."""
    untagged: Vlan | None = None
    """VLAN of untagged frames."""
    tagged: list[Vlan] = Field(default_factory=list)
    """VLANs of tagged frames."""
    bgp: Literal["fabric", "hosts"] | None = None
    """Speak BGP unnumbered with a device that is not in this file, as with a switch or as with a server."""


class Lag(Strict):
    """Ports that act as one (IEEE 802.1AX, LACP). What it is for follows from its cables, or stands here."""

    ports: list[str] = Field(min_length=1)
    """Member ports."""
    min_links: int = Field(default=1, ge=1, le=8)
    """Links that must be up."""
    fast: bool = True
    """LACP messages every second, in place of every 30 seconds."""
    fallback: bool = False
    """One member is up even while the other end speaks no LACP (a server that boots from the network)."""
    untagged: Vlan | None = None
    """VLAN of untagged frames; those of its cables when not stated."""
    tagged: list[Vlan] = Field(default_factory=list)
    """VLANs of tagged frames; those of its cables when not stated."""
    shared: bool = False
    """The other switch of the pair has the same LAG: the device sees one switch."""


class Segment(Strict):
    """A network of layer 2."""

    vlan: Vlan
    """VLAN on ports of leaves; may be that of an external network."""
    vni: Vni | None = None
    """Stretches it over all leaves that have the VLAN (VXLAN, EVPN)."""
    vrf: VrfName | None = None
    """Routing table of its gateway."""
    gateway4: InterfaceAddress | None = None
    """Gateway, the same on every leaf that has the VLAN."""
    gateway6: InterfaceAddress | None = None
    """Gateway for IPv6."""


class Vrf(Strict):
    """A routing table for segments, joined over all leaves (EVPN, symmetric IRB)."""

    vni: Vni
    """VXLAN network identifier of routed traffic."""
    vlan: Vlan
    """VLAN that stands for it on each leaf; no port has it."""


class Pair(Strict):
    """Two leaves that share LAGs, so that a device with two cables sees one switch."""

    switches: tuple[HostName, HostName]
    """The two leaves."""
    multihoming: Literal["mclag", "evpn"] = "mclag"
    """`mclag`: needs an image with iccpd. `evpn`: needs a release that has it."""
    domain: int = Field(default=1, ge=1, le=4095)
    """Number of the MC-LAG domain."""
    peer_link: LagName | None = None
    """LAG between the two (MC-LAG)."""
    vtep: ipaddress.IPv4Address | None = None
    """Address that both use for VXLAN; needed where a pair has segments with a VNI."""


class Layer2(Strict):
    """Bridged networks of leaves. A rack whose servers are routed needs none."""

    segments: dict[str, Segment] = Field(default_factory=dict)
    """Networks by name."""
    vrfs: dict[VrfName, Vrf] = Field(default_factory=dict)
    """Routing tables by name."""
    gateway_mac: Mac = "02:5c:05:fe:00:01"
    """MAC address of all gateways, the same on every leaf."""
    pairs: list[Pair] = Field(default_factory=list)
    """Leaves that share LAGs."""

    @property
    def vnis(self) -> bool:
        """True if anything is stretched over VXLAN."""
        return bool(self.vrfs) or any(segment.vni for segment in self.segments.values())
