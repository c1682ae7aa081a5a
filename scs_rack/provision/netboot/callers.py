"""Who may call the boot service, and where it answers."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Literal

from scs_rack.design import Design
from scs_rack.errors import UsageError

HTTP_PORT = 8069
"""TCP port for boot loaders, kernels, ramdisks and images."""
HTTPS_PORT = 8070
"""TCP port for what ramdisks and manager tell each other."""
RELAY_PORT = 8071
"""TCP port on which a ramdisk hands on the image."""

Job = Literal["install", "inspect", "burnin"]


@dataclass
class Caller:
    """A server that may call."""

    name: str
    mac: str
    """Of the port that it boots from: lower case, colons."""
    address: IPv4Interface
    firmware: Literal["bios", "uefi"]
    job: Job = "install"
    path: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    """Part of its URLs over HTTP. Who listens on the network sees it: it keeps apart, it does not protect."""
    token: str = field(default="", repr=False)
    """What the ramdisk says hello with: made each time it is booted, and used up by the hello."""
    session: str = field(default="", repr=False)
    """What the ramdisk shows from then on."""
    medium: str = ""
    """Name of the medium that its BMC may fetch just now; empty when there is none."""
    bmc: IPv4Address | None = None
    """Address of its BMC, which fetches a medium."""
    secure: bool = False
    """Its firmware starts signed boot loaders only."""
    finished: bool = False
    """It is installed: whatever boots from the network is sent to the disk."""


@dataclass(frozen=True)
class Place:
    """Where the boot service answers."""

    nic: str
    """Network port of the manager in the out-of-band network."""
    address: IPv4Address
    gateway: IPv4Address | None
    network: IPv4Network = field(default_factory=lambda: IPv4Network("0.0.0.0/0"))
    """The out-of-band network."""

    def http(self, caller: Caller, file: str) -> str:
        """URL of a file for a server."""
        return f"http://{self.address}:{HTTP_PORT}/{caller.path}/{file}"

    @property
    def https(self) -> str:
        """URL that the ramdisk calls."""
        return f"https://{self.address}:{HTTPS_PORT}"


@dataclass(frozen=True)
class Strangers:
    """Answer those too whom nobody stated."""

    first: IPv4Address
    last: IPv4Address
    """Addresses that they get."""
    known: tuple[str, ...]
    """MAC addresses of the rack's own devices, which get no answer."""


def place(design: Design) -> Place:
    """Where the manager answers.

    Raises:
        UsageError: it is not in the out-of-band network.
    """
    nic = next((name for name, use in design.rack.manager.nics.items() if use == "mgmt"), None)
    if nic is None:
        raise UsageError("the manager has no NIC for `mgmt`", "servers boot from it: state it in `manager: {nics: …}`")
    oob = next(network for network in design.rack.networks.values() if network.purpose == "oob")
    return Place(nic, design.manager.mgmt.ip, oob.gateway, oob.prefix)


def callers(design: Design, names: Iterable[str], job: Job = "install") -> list[Caller]:
    """Servers that may call.

    Raises:
        UsageError: one is not known, has no `provision`, or no MAC address.
    """
    faults: list[str] = []
    found: list[Caller] = []
    for name in names:
        node = design.nodes.get(name)
        options = design.rack.model(name).provision if node else None
        if node is None:
            faults.append(f"no server {name}")
        elif options is None:
            faults.append(f"the model of {name} states no `provision`")
        elif node.mgmt_nic not in node.macs:
            faults.append(f"{name} states no MAC address of {node.mgmt_nic}")
        else:
            mac = node.macs[node.mgmt_nic].lower()
            one = Caller(name, mac, node.mgmt, options.firmware, job, bmc=node.bmc.address, secure=options.secure_boot)
            found.append(one)
    if faults:
        raise UsageError("; ".join(faults), "see docs/bare-metal.md for what the rack file must say")
    return found
