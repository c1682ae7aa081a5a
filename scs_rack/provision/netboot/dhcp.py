"""Answers over DHCP and TFTP, given by dnsmasq.

Options: 93 tells the firmware's kind (RFC 4578; 0 BIOS, 7 and 9 UEFI on x86-64, 16 UEFI that boots over HTTP), 175 is
iPXE's own. UEFI HTTP boot wants the class `HTTPClient` back, and a URL as boot file (UEFI 2.10, 24.7).
"""

from collections.abc import Iterable
from pathlib import Path

from scs_rack.provision.netboot.callers import HTTP_PORT, Caller, Place, Strangers

LEASE = "30m"
BIOS_LOADER = "undionly.kpxe"
UEFI_LOADER = "ipxe.efi"
SIGNED_LOADER = "shimx64.efi"
"""For firmware with Secure Boot; it fetches GRUB, which is signed too (docs: wiki.debian.org/SecureBoot)."""
SIGNED_SECOND = "grubx64.efi"
GRUB_MENU = "grub/grub.cfg"
"""Where that GRUB looks for its menu."""


STRANGER = "stranger"
"""Path of the boot script of servers that nobody stated."""


def dnsmasq_conf(place: Place, callers: Iterable[Caller], folder: Path, strangers: Strangers | None = None) -> str:
    """Configuration of dnsmasq(8): no DNS; the boot loaders lie in `folder`/tftp.

    Args:
        place: where we answer.
        callers: servers that are answered.
        folder: for its files.
        strangers: who else is answered; nobody when None.
    """
    known = list(callers)
    network = known[0].address.network if known else place.network
    lines = [
        "port=0",
        f"interface={place.nic}",
        "bind-interfaces",
        "except-interface=lo",
        f"dhcp-range={network.network_address},static,{network.netmask},{LEASE}",
        "dhcp-match=set:ipxe,175",
        "dhcp-match=set:bios,option:client-arch,0",
        "dhcp-match=set:uefi,option:client-arch,7",
        "dhcp-match=set:uefi,option:client-arch,9",
        "dhcp-match=set:http,option:client-arch,16",
        f"dhcp-option=3{f',{place.gateway}' if place.gateway else ''}",
        "dhcp-option=6",
        "dhcp-option-force=tag:http,tag:!ipxe,60,HTTPClient",
        f"dhcp-boot=tag:bios,tag:!ipxe,{BIOS_LOADER}",
        f"dhcp-boot=tag:uefi,tag:!ipxe,{UEFI_LOADER}",
        f"dhcp-boot=tag:http,tag:!ipxe,http://{place.address}:{HTTP_PORT}/{UEFI_LOADER}",
        "enable-tftp",
        f"tftp-root={folder / 'tftp'}",
        "tftp-max=200",
        f"dhcp-leasefile={folder / 'leases'}",
        "dhcp-authoritative",
        "log-dhcp",
        "log-facility=-",
    ]
    if strangers is None:
        lines.append("dhcp-ignore=tag:!known")
    else:
        lines.append(f"dhcp-range={strangers.first},{strangers.last},{network.netmask},{LEASE}")
        lines.append(f"dhcp-boot=tag:!known,tag:ipxe,http://{place.address}:{HTTP_PORT}/{STRANGER}/boot.ipxe")
        lines += [f"dhcp-host={mac},ignore" for mac in strangers.known]
    for caller in known:
        tag = f"srv-{caller.name}"
        lines.append(f"dhcp-host={caller.mac},set:{tag},{caller.address.ip},{caller.name},{LEASE}")
        lines.append(f"dhcp-boot=tag:{tag},tag:ipxe,{place.http(caller, 'boot.ipxe')}")
        if caller.secure:  # of lines that fit, the last one counts
            lines.append(f"dhcp-boot=tag:{tag},tag:uefi,tag:!ipxe,{SIGNED_LOADER}")
    return "\n".join(lines) + "\n"
