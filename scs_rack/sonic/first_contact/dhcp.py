"""Answers over DHCP, given by dnsmasq.

Options: 67 names the ztp.json (RFC 2132, 9.5; SONiC's ZTP), 114 the installer (ONIE, `default-url`). ONIE tells itself
by its vendor class `onie_vendor:…`. It takes option 67 for an installer too, so it is never given one.
"""

from pathlib import Path

from scs_rack.sonic.first_contact.contacts import Service

LEASE = "10m"


def dnsmasq_conf(service: Service, folder: Path, *, installer: bool) -> str:
    """Configuration of dnsmasq(8): DHCP on one port, for known MAC addresses only, no DNS and no TFTP.

    Args:
        service: who is answered, and where.
        folder: where leases and the process id are kept.
        installer: offer the installer to ONIE; without it a switch without an image gets none, and can't loop.
    """
    network = service.contacts[0].address.network
    lines = [
        "port=0",
        f"interface={service.nic}",
        "bind-interfaces",
        "except-interface=lo",
        f"dhcp-range={network.network_address},static,{network.netmask},{LEASE}",
        "dhcp-ignore=tag:!known",
        "dhcp-vendorclass=set:onie,onie_vendor:",
        f"dhcp-option=3{f',{service.gateway}' if service.gateway else ''}",
        "dhcp-option=6",
        f"dhcp-leasefile={folder / 'leases'}",
        "log-dhcp",
        "log-facility=-",
    ]
    for contact in service.contacts:
        tag = f"sw-{contact.name}"
        lines.append(f"dhcp-host={contact.mac},set:{tag},{contact.address.ip},{contact.name},{LEASE}")
        lines.append(f"dhcp-option-force=tag:{tag},tag:!onie,67,{service.url(contact, 'ztp.json')}")
        if installer:
            lines.append(f"dhcp-option-force=tag:{tag},tag:onie,114,{service.url(contact, 'onie-installer')}")
    return "\n".join(lines) + "\n"
