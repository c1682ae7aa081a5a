"""Who is answered, and where."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface

from scs_rack.design import Design
from scs_rack.errors import UsageError

PORT = 8067
"""TCP port of the HTTP answers."""


@dataclass(frozen=True)
class Contact:
    """A switch that may call."""

    name: str
    mac: str
    """Of its management port: lower case, colons."""
    address: IPv4Interface
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)
    """Part of its URLs, so that others on the network can't fetch or tell anything in its name."""


@dataclass(frozen=True)
class Service:
    """Where the answers come from."""

    nic: str
    """Network port of the manager in the out-of-band network."""
    address: IPv4Address
    gateway: IPv4Address | None
    contacts: tuple[Contact, ...]

    def url(self, contact: Contact, file: str) -> str:
        """Address of a file for a switch."""
        return f"http://{self.address}:{PORT}/{contact.token}/{file}"


def service(design: Design, names: Iterable[str]) -> Service:
    """What is needed to answer switches.

    Raises:
        UsageError: a switch is not known, has no MAC address in the rack file, or the manager is not in the
            out-of-band network.
    """
    wanted = list(names)
    faults = [f"no switch {name}" for name in wanted if name not in design.switches]
    known = [design.switches[name] for name in wanted if name in design.switches]
    stated = design.rack.switches
    # a lab gives its switches MAC addresses that follow from their names
    faults += [f"{one.name} has no `mac`" for one in known if not (design.rack.lab or stated[one.name].mac)]
    nic = next((name for name, use in design.rack.manager.nics.items() if use == "mgmt"), None)
    if nic is None:
        faults.append("the manager has no NIC for `mgmt`")
    if faults or nic is None:
        raise UsageError("; ".join(faults), "a switch is known by the base MAC address on its label: state it as `mac`")
    oob = next(network for network in design.rack.networks.values() if network.purpose == "oob")
    contacts = tuple(Contact(one.name, one.mac.lower(), one.mgmt) for one in known)
    return Service(nic, design.manager.mgmt.ip, oob.gateway, contacts)
