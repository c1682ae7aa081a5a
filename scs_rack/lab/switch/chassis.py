"""Put another chassis in the place of a lab switch: other MAC address, other serial number, other SSH host key.

What the old one had on its disk is kept, so that it can be put back.
"""

import hashlib
import shutil

from scs_rack.design import Design
from scs_rack.errors import UsageError
from scs_rack.lab import cables, identity, netns, nodes, overlay
from scs_rack.lab.layout import MANAGER, Lab
from scs_rack.lab.switch.prepare import prepare
from scs_rack.lab.switch.prepare import wipe as as_delivered

_UPPER, _OLD, _MARK = "upper", "upper.replaced", "replaced"


def other_mac(name: str, now: str) -> str:
    """A locally administered MAC address that follows from a switch's name and its present one."""
    digest = hashlib.sha256(f"{name} {now}".encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x02, 0x5C, 0x06, *digest[:3]))


def replace(lab: Lab, design: Design, name: str, mac: str | None) -> str:
    """Take a switch out and put a new one in, with day-0 configuration, powered on; returns its MAC address.

    Raises:
        UsageError: it is one that was put in already.
    """
    folder = lab.folder(name)
    if (folder / _OLD).exists():
        raise UsageError(f"{name} was replaced already", f"scs-rack lab fault {name} heal puts the old one back")
    address = (mac or other_mac(name, design.switches[name].mac)).lower()
    _off(lab, name)
    (folder / _UPPER).rename(folder / _OLD)
    root = overlay.mount(lab, name)
    identity.name(root, name)
    identity.host_key(root)
    prepare(design, name, root, mac=address)
    (folder / _MARK).write_text(f"mac={address}", encoding="ascii")
    _forget(lab, design, name)
    _set_macs(lab, name, dict.fromkeys(lab.machine(name).ports, address))
    nodes.start(lab, name)
    return address


def restore(lab: Lab, design: Design, name: str) -> bool:
    """Put the old chassis back, powered on; False if the one that is there was never replaced."""
    folder = lab.folder(name)
    if not (folder / _OLD).exists():
        return False
    _off(lab, name)
    shutil.rmtree(folder / _UPPER, ignore_errors=True)
    (folder / _OLD).rename(folder / _UPPER)
    (folder / _MARK).unlink(missing_ok=True)
    _forget(lab, design, name)
    _set_macs(lab, name, {port: cables.mac_of(design, name, port) for port in lab.machine(name).ports})
    nodes.start(lab, name)
    return True


def wipe(lab: Lab, name: str) -> None:
    """Make a switch as delivered, and power it on: it asks by ZTP what it shall be."""
    nodes.stop(lab, name, hard=True)
    as_delivered(overlay.mount(lab, name))
    nodes.start(lab, name)


def _off(lab: Lab, name: str) -> None:
    nodes.stop(lab, name, hard=True)
    overlay.unmount(lab, name)
    shutil.rmtree(lab.folder(name) / "work", ignore_errors=True)


def _forget(lab: Lab, design: Design, name: str) -> None:
    """Let the manager forget the old address: a real chassis is changed in minutes, and so long nobody remembers."""
    address = str(design.switches[name].mgmt.ip)
    netns.ip("-n", lab.namespace(MANAGER), "neighbour", "flush", "to", address)


def _set_macs(lab: Lab, name: str, wanted: dict[str, str]) -> None:
    with lab.locked(name):  # the end of the old chassis may still be moving its ports into a fresh namespace
        present = netns.links(lab.namespace(name))
        lines = [f"link set {port} address {mac}" for port, mac in wanted.items() if port in present]
        netns.ip("-n", lab.namespace(name), lines=lines)
