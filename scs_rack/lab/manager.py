"""The manager: the namespace that scs-rack works in, with FRR as a machine that shares it."""

import shutil
from pathlib import Path

from scs_rack.design import Design
from scs_rack.lab import identity, netns, nodes
from scs_rack.lab.layout import MANAGER, Lab

EXTERNAL_BRIDGE = "br-ext"

_FRR = """frr defaults datacenter
hostname manager
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


def ports(design: Design, use: str) -> list[str]:
    """Cabled ports of the manager with a certain use."""
    return [nic for nic, what in design.rack.manager.nics.items() if what == use and nic in design.manager.ports]


def prepare(design: Design, root: Path) -> None:
    """Make a root folder the manager's routing machine: FRR and nothing else."""
    manager = design.manager
    identity.name(root, MANAGER)
    identity.mask(root, "ssh.service", "ssh.socket", "systemd-logind.service")
    neighbors = "\n".join(f" neighbor {port} interface peer-group LEAVES" for port in ports(design, "uplink"))
    text = _FRR.format(loopback4=manager.loopback4, loopback6=manager.loopback6, asn=manager.asn, neighbors=neighbors)
    daemons = root / "etc/frr/daemons"
    frr = identity.write(root, "etc/frr/frr.conf", text, 0o640)
    shutil.chown(frr, daemons.stat().st_uid, daemons.stat().st_gid)
    daemons.write_text('bgpd=yes\nvtysh_enable=yes\nzebra_options="-A 127.0.0.1"\nbgpd_options="-A 127.0.0.1"\n')
    identity.enable(root, "frr.service")


def configure(lab: Lab, design: Design) -> None:
    """Bring up the manager's ports and addresses; what is there already stays."""
    manager = design.manager
    external = ports(design, "external")
    namespace = lab.namespace(MANAGER)
    lines = [f"address replace {manager.mgmt} dev {port}" for port in ports(design, "mgmt")]
    lines += [f"address replace {manager.loopback4}/32 dev lo", f"address replace {manager.loopback6}/128 dev lo"]
    if external:
        if EXTERNAL_BRIDGE not in netns.links(namespace):
            lines.append(f"link add {EXTERNAL_BRIDGE} type bridge forward_delay 0")
        lines += [f"link set {port} master {EXTERNAL_BRIDGE}" for port in external]
        lines += [
            f"address replace {net.gateway}/{net.prefix.prefixlen} dev {EXTERNAL_BRIDGE}"
            for net in design.rack.networks.values()
            if net.purpose == "external" and net.gateway
        ]
        lines.append(f"link set {EXTERNAL_BRIDGE} up")
    lines += [f"link set {port} up" for port in (*manager.ports,)]
    netns.ip("-n", namespace, lines=lines)


def routing(lab: Lab) -> bool:
    """True once the manager's FRR answers."""
    return nodes.leader(lab, MANAGER) is not None and (nodes.listening(lab, MANAGER, 179))
