"""What makes an overlay of the node image one certain machine: names, keys, its management address."""

import shutil
import uuid
from collections.abc import Iterable
from ipaddress import IPv4Interface
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

HOST_KEY = "etc/ssh/ssh_host_ed25519_key"
_UNITS = "etc/systemd/system"
CONSOLE = "console-getty.service"
_MASKED = (CONSOLE, "getty@.service", "sshd-keygen.service", "systemd-firstboot.service",
           "systemd-resolved.service", "systemd-timesyncd.service")  # fmt: skip

_MGMT_UNIT = """[Unit]
Description=Management address
DefaultDependencies=no
Before=network-pre.target ssh.service
Wants=network-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/ip address replace {address} dev {nic}
ExecStart=/usr/sbin/ip link set {nic} up

[Install]
WantedBy=multi-user.target
"""

_SSHD = """# one host key, made with the node; keys only
HostKey /{key}
PasswordAuthentication no
KbdInteractiveAuthentication no
UseDNS no
"""


LLDP_SECONDS = 5
"""Between two announcements by LLDP; the usual 30 s would make every look at the cables slow."""
_LLDP = """configure lldp portidsubtype ifname
configure lldp tx-interval {seconds}
configure system hostname {name}
configure system interface pattern {ports}
"""


def write(root: Path, name: str, text: str, mode: int = 0o644) -> Path:
    """Write a file below a root folder, never through a symbolic link, and only when it differs."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        path.unlink()
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def enable(root: Path, unit: str, target: str = "multi-user.target") -> None:
    """Enable a unit of a root folder that is not running."""
    wants = root / _UNITS / f"{target}.wants"
    wants.mkdir(parents=True, exist_ok=True)
    home = _UNITS if (root / _UNITS / unit).exists() else "usr/lib/systemd/system"
    link = wants / unit
    link.unlink(missing_ok=True)
    link.symlink_to(f"/{home}/{unit}")


def mask(root: Path, *units: str) -> None:
    """Keep units from starting at all."""
    for unit in units:
        path = root / _UNITS / unit
        path.unlink(missing_ok=True)
        path.symlink_to("/dev/null")


def host_key(root: Path) -> str:
    """Make the machine's SSH host key when it has none; returns the public one."""
    private, public = root / HOST_KEY, root / f"{HOST_KEY}.pub"
    if not private.is_file():
        key = Ed25519PrivateKey.generate()
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        private.touch(mode=0o600)
        private.write_bytes(secret)
        open_ssh = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        public.write_bytes(open_ssh + b"\n")
    return public.read_text(encoding="ascii").strip()


def name(root: Path, host: str, address: str = "") -> None:
    """Give a machine its name and a machine id of its own."""
    write(root, "etc/hostname", f"{host}\n")
    hosts = f"127.0.0.1 localhost\n::1 localhost\n{address or '127.0.1.1'} {host}\n"
    if not (root / "etc/machine-id").read_text(encoding="ascii").strip():
        write(root, "etc/hosts", hosts)
        write(root, "etc/machine-id", f"{uuid.uuid4().hex}\n", 0o444)
    mask(root, *_MASKED)


def server(root: Path, host: str, nic: str, address: IPv4Interface, public_key: str) -> None:
    """Make a root folder a server as provisioning leaves it: reachable by SSH on its management address."""
    name(root, host, str(address.ip))
    (root / _UNITS / CONSOLE).unlink(missing_ok=True)  # a login on the serial console; no password opens it
    write(root, f"{_UNITS}/scs-rack-mgmt.service", _MGMT_UNIT.format(address=address, nic=nic))
    enable(root, "scs-rack-mgmt.service")
    enable(root, "ssh.service")
    write(root, "etc/ssh/sshd_config.d/00-scs-rack-node.conf", _SSHD.format(key=HOST_KEY))
    authorize(root, public_key)


def announce(root: Path, name: str, ports: Iterable[str]) -> None:
    """Let lldpd tell the other ends of these ports who is here (IEEE 802.1AB), by the name of each port."""
    text = _LLDP.format(seconds=LLDP_SECONDS, name=name, ports=",".join(ports))
    write(root, "etc/lldpd.d/scs-rack.conf", text)


def authorize(root: Path, public_key: str) -> None:
    """Let the holder of an SSH key log in as root."""
    keys = write(root, "root/.ssh/authorized_keys", public_key, 0o600)
    keys.parent.chmod(0o700)
    for path in (keys, keys.parent):
        shutil.chown(path, 0, 0)
