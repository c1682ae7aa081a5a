"""FRR's configuration of machines that the lab itself gives a way into the fabric: the manager and plain hosts."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from pathlib import Path

from scs_rack.lab import identity

CONFIG = "etc/frr/frr.conf"

_FRR = """frr defaults datacenter
hostname {name}
service integrated-vtysh-config
!
route-map SOURCE4 permit 10
 set src {loopback4}
route-map SOURCE6 permit 10
 set src {loopback6}
ip protocol bgp route-map SOURCE4
ipv6 protocol bgp route-map SOURCE6
!
{policy}router bgp {asn}
 bgp router-id {loopback4}
 no bgp default ipv4-unicast
 bgp bestpath as-path multipath-relax
 neighbor LEAVES peer-group
 neighbor LEAVES remote-as external
{neighbors}
 address-family ipv4 unicast
  network {loopback4}/32
  neighbor LEAVES activate
 exit-address-family
 address-family ipv6 unicast
  network {loopback6}/128
  neighbor LEAVES activate
 exit-address-family
"""


@dataclass(frozen=True)
class Speaker:
    """What a machine tells the leaves by BGP: its loopbacks."""

    name: str
    asn: int
    loopback4: IPv4Address
    loopback6: IPv6Address


@dataclass(frozen=True)
class Announcers:
    """Who tells a machine where guests are, and which prefixes are believed."""

    asn: int
    addresses: tuple[IPv6Address, ...]
    pool: IPv6Network


_POLICY = """ipv6 prefix-list GUESTS seq 5 permit {pool} le 64
route-map GUESTS permit 10
 match ipv6 address prefix-list GUESTS
exit
route-map NOTHING deny 10
exit
!
"""
_ANNOUNCERS = """ neighbor CLOUD peer-group
 neighbor CLOUD remote-as {asn}
 neighbor CLOUD ebgp-multihop 8
 neighbor CLOUD update-source lo
 neighbor CLOUD passive
{neighbors}
 address-family ipv6 unicast
  neighbor CLOUD activate
  neighbor CLOUD route-map GUESTS in
  neighbor CLOUD route-map NOTHING out
 exit-address-family
"""


def write(
    root: Path, speaker: Speaker, ports: Iterable[str], *, bfd: bool = False, told_by: Announcers | None = None
) -> None:
    """Write frr.conf into a root folder: BGP unnumbered (RFC 8950) on the ports that lead to leaves.

    With `bfd` a leaf that hangs is noticed within a second (RFC 5880), and a lost session is tried again soon.
    `told_by` lets it learn where guests are.
    """
    lines = [" neighbor LEAVES bfd", " neighbor LEAVES timers connect 1"] if bfd else []
    lines += [f" neighbor {port} interface peer-group LEAVES" for port in ports]
    policy = _POLICY.format(pool=told_by.pool) if told_by else ""
    text = _FRR.format(**vars(speaker), neighbors="\n".join(lines), policy=policy)
    if told_by:
        named = "\n".join(f" neighbor {address} peer-group CLOUD" for address in told_by.addresses)
        text += _ANNOUNCERS.format(asn=told_by.asn, neighbors=named)
    owner = (root / "etc/frr/daemons").stat()
    shutil.chown(identity.write(root, CONFIG, text, 0o640), owner.st_uid, owner.st_gid)
