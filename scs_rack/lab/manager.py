"""The manager: the namespace that scs-rack works in, with FRR as a machine that shares it."""

from pathlib import Path

from scs_rack.design import Design
from scs_rack.lab import frr, identity, netns, nodes
from scs_rack.lab.layout import MANAGER, Lab

EXTERNAL_BRIDGE = "br-ext"


def ports(design: Design, use: str) -> list[str]:
    """Cabled ports of the manager with a certain use."""
    return [nic for nic, what in design.rack.manager.nics.items() if what == use and nic in design.manager.ports]


def prepare(design: Design, root: Path) -> None:
    """Make a root folder the manager's routing machine: FRR, lldpd and nothing else."""
    manager = design.manager
    identity.name(root, MANAGER)
    identity.mask(root, "ssh.service", "ssh.socket", "systemd-logind.service")
    speaker = frr.Speaker(MANAGER, manager.asn, manager.loopback4, manager.loopback6)
    frr.write(root, speaker, ports(design, "uplink"), told_by=announcers(design))
    daemons = root / "etc/frr/daemons"
    daemons.write_text('bgpd=yes\nvtysh_enable=yes\nzebra_options="-A 127.0.0.1"\nbgpd_options="-A 127.0.0.1"\n')
    identity.enable(root, "frr.service")
    identity.announce(root, MANAGER, manager.ports)
    identity.enable(root, "lldpd.service")


def announcers(design: Design) -> frr.Announcers | None:
    """Controllers that tell the manager, as the provider's router, where guests are; None where they tell nobody."""
    routes, manager = design.guests.routes, design.manager
    if routes is None or (manager.loopback6, manager.asn) not in routes.peers:
        return None
    addresses = tuple(design.nodes[name].loopback6 for name in design.groups["controller"])
    return frr.Announcers(routes.asn, addresses, design.guests.pool6)


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
        lines += [
            f"address replace {net.ipv6.gateway}/{net.ipv6.prefix.prefixlen} dev {EXTERNAL_BRIDGE} nodad"
            for net in design.rack.networks.values()
            if net.purpose == "external" and net.ipv6
        ]
        lines.append(f"link set {EXTERNAL_BRIDGE} up")
    lines += [f"link set {port} up" for port in (*manager.ports,)]
    netns.ip("-n", namespace, lines=lines)


def routing(lab: Lab) -> bool:
    """True once the manager's FRR answers."""
    return nodes.leader(lab, MANAGER) is not None and (nodes.listening(lab, MANAGER, 179))
