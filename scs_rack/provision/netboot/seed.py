"""What makes an installed image one certain server: name, keys, network, mounts; as a tar that the ramdisk unpacks."""

import io
import tarfile
import uuid
from dataclasses import dataclass

from scs_rack.design import Design, NodeDesign

_MGMT_UNIT = """[Unit]
Description=Management address
DefaultDependencies=no
After=systemd-udevd.service sys-subsystem-net-devices-{nic}.device
Wants=sys-subsystem-net-devices-{nic}.device
Before=network-pre.target ssh.service
Wants=network-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/ip address replace {address} dev {nic}
ExecStart=/usr/sbin/ip link set {nic} up
{route}
[Install]
WantedBy=multi-user.target
"""
_SSHD = """# one host key, made with the server; keys only
HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication no
KbdInteractiveAuthentication no
UseDNS no
"""
_MASKED = ("sshd-keygen.service", "systemd-firstboot.service", "systemd-networkd-wait-online.service")


def new_ids() -> "Ids":
    """Names that nobody else has."""
    raid = uuid.uuid4().hex
    parts = ":".join(raid[at : at + 8] for at in range(0, 32, 8))
    return Ids(str(uuid.uuid4()), uuid.uuid4().hex[:8], parts, str(uuid.uuid4()), str(uuid.uuid4()))


@dataclass(frozen=True)
class Ids:
    """Names of what is made on the disk."""

    root_uuid: str
    esp_id: str
    """Serial number of the FAT file system: eight hexadecimal digits."""
    raid_uuid: str = ""
    """Of the mirror, in mdadm's form: four times eight hexadecimal digits."""
    luks_uuid: str = ""
    key_uuid: str = ""
    """Of the partition that holds the key."""


def files(design: Design, node: NodeDesign, public_key: str, ids: Ids, image: str) -> dict[str, tuple[int, str]]:
    """Files by path: mode and text. A symbolic link has mode 0 and its target as text."""
    oob = next(network for network in design.rack.networks.values() if network.purpose == "oob")
    route = f"ExecStart=/usr/sbin/ip route replace default via {oob.gateway} metric 4096\n" if oob.gateway else ""
    esp = f"{ids.esp_id[:4]}-{ids.esp_id[4:]}".upper()
    units = "etc/systemd/system"
    found = {
        "etc/hostname": f"{node.name}\n",
        "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n"
        f"{node.mgmt.ip} {node.name}.{design.rack.domain} {node.name}\n",
        "etc/fstab": f"UUID={ids.root_uuid} / ext4 defaults,errors=remount-ro 0 1\n"
        f"UUID={esp} /boot/efi vfat umask=0077,nofail 0 2\n",
        "etc/scs-rack/server": f"{node.name}\nrack {design.rack.name}\nimage {image}\nroot {ids.root_uuid}\n",
        "etc/ssh/sshd_config.d/00-scs-rack-node.conf": _SSHD,
        f"{units}/scs-rack-mgmt.service": _MGMT_UNIT.format(address=node.mgmt, nic=node.mgmt_nic, route=route),
    }
    for port, mac in node.macs.items():
        link = f"[Match]\nPermanentMACAddress={mac.lower()}\n\n[Link]\nName={port}\n"
        found[f"etc/systemd/network/10-{port}.link"] = link
    links = {
        f"{units}/multi-user.target.wants/scs-rack-mgmt.service": f"/{units}/scs-rack-mgmt.service",
        f"{units}/multi-user.target.wants/ssh.service": "/usr/lib/systemd/system/ssh.service",
        **{f"{units}/{name}": "/dev/null" for name in _MASKED},
    }
    return {
        **{name: (0o644, text) for name, text in found.items()},
        **{name: (0, target) for name, target in links.items()},
        "root/.ssh/authorized_keys": (0o600, public_key),
    }


def archive(found: dict[str, tuple[int, str]]) -> bytes:
    """The files as a tar, with their folders."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        ssh = tarfile.TarInfo("root/.ssh")
        ssh.type, ssh.mode = tarfile.DIRTYPE, 0o700
        tar.addfile(ssh)
        for name, (mode, text) in sorted(found.items()):
            entry = tarfile.TarInfo(name)
            if mode == 0:
                entry.type, entry.linkname = tarfile.SYMTYPE, text
                tar.addfile(entry)
                continue
            data = text.encode()
            entry.size, entry.mode = len(data), mode
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()
