"""FRR's configuration of machines that the lab itself gives a way into the fabric: the manager and plain hosts."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
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
router bgp {asn}
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


def write(root: Path, speaker: Speaker, ports: Iterable[str], *, bfd: bool = False) -> None:
    """Write frr.conf into a root folder: BGP unnumbered (RFC 8950) on the ports that lead to leaves.

    With `bfd` a leaf that hangs is noticed within a second (RFC 5880), and a lost session is tried again soon.
    """
    lines = [" neighbor LEAVES bfd", " neighbor LEAVES timers connect 1"] if bfd else []
    lines += [f" neighbor {port} interface peer-group LEAVES" for port in ports]
    text = _FRR.format(**vars(speaker), neighbors="\n".join(lines))
    owner = (root / "etc/frr/daemons").stat()
    shutil.chown(identity.write(root, CONFIG, text, 0o640), owner.st_uid, owner.st_gid)
