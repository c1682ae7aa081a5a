"""The rack file as a whole."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PrivateAttr

from scs_rack.model.base import DomainName, HostName, NicName, Strict, text_schema
from scs_rack.model.cloud import CloudOptions, ConformanceOptions, ImageOptions
from scs_rack.model.layer2 import Layer2
from scs_rack.model.login import Login, SshKey
from scs_rack.model.network import Network, Pools
from scs_rack.model.overlay import Overlay
from scs_rack.model.power import Power
from scs_rack.model.server import Disk, Nic, Server, ServerModel
from scs_rack.model.switch import Switch
from scs_rack.model.switching import Switching, overlaid


class End(Strict):
    """One end of a cable."""

    device: str
    """A server, a switch, or `manager`."""
    port: str
    """A NIC, a switch's port, `bmc`, or `eth0` for a switch's own management port."""

    def __str__(self) -> str:
        return f"{self.device}:{self.port}"


def _end(value: object) -> object:
    if isinstance(value, str):
        device, colon, port = value.partition(":")
        if not (device and colon and port):
            raise ValueError("not an end of a cable; write DEVICE:PORT, e.g. node1:eth0")
        return {"device": device, "port": port}
    return value


CableEnd = Annotated[
    End, BeforeValidator(_end), text_schema("End of a cable: DEVICE:PORT, e.g. node1:eth0", r"^[^:]+:[^:]+$")
]
Cable = tuple[CableEnd, CableEnd]
"""A cable: its two ends."""


class Manager(Strict):
    """The machine that scs-rack runs on."""

    nics: dict[NicName, Literal["mgmt", "uplink", "external"]]
    """Use of each of its network ports."""


class LabOptions(Strict):
    """Marks a rack file of virtual devices; `scs-rack lab up` makes them."""

    guest_accel: Literal["auto", "kvm", "tcg"] = "auto"
    """How guests run: `auto` takes KVM where a probe guest boots with it, else TCG."""


class User(Strict):
    """An operator who may log in to the servers."""

    name: Login
    """Login name."""
    keys: list[SshKey] = Field(min_length=1)
    """Public SSH keys, one line each."""


class AccessOptions(Strict):
    """How servers are reached, and by whom."""

    user: Login = "root"
    """Account that scs-rack logs in with, by its own SSH key."""
    users: list[User] = Field(default_factory=list)
    """Operators that get an account with sudo on each server."""


class Rack(Strict):
    """All that the operator states."""

    name: HostName
    """Name of the rack; state and secrets are kept under it."""
    description: str = ""
    """One line for people."""
    region: str = "RegionOne"
    """Name of the cloud's region."""
    domain: DomainName = "rack.internal"
    """DNS domain of the devices."""
    height: int = Field(default=42, ge=1, le=60)
    """Rack units."""
    lab: LabOptions | None = None
    """Stated for virtual racks only."""
    pools: Pools
    """Where addresses and numbers come from that no device states itself."""
    networks: dict[str, Network]
    """The out-of-band network and the external networks, by name."""
    power: Power
    """Feeds and budgets."""
    server_models: dict[str, ServerModel]
    """What servers of one model have in common, by the model's name."""
    switches: dict[HostName, Switch]
    """Switches by name."""
    manager: Manager
    """The machine that scs-rack runs on."""
    servers: dict[HostName, Server]
    """Servers by name."""
    cables: list[Cable]
    """Every cable, both ends, e.g. `[node1:up0, leaf1:Ethernet0]`."""
    switching: Switching = Switching()
    """Options of all switches."""
    layer2: Layer2 = Layer2()
    """Bridged networks of leaves."""
    access: AccessOptions = AccessOptions()
    """How servers are reached, and by whom."""
    cloud: CloudOptions = CloudOptions()
    """The OpenStack cloud."""
    conformance: ConformanceOptions = ConformanceOptions()
    """The official SCS suite."""
    image: ImageOptions = ImageOptions()
    """The node image."""
    _overlays: dict[str, Overlay] = PrivateAttr(default_factory=dict)

    @property
    def overlays(self) -> dict[str, Overlay]:
        """What operators want on single switches beside all this, by switch; it stands in files of its own."""
        return self._overlays

    def with_overlays(self, overlays: dict[str, Overlay]) -> "Rack":
        """The same rack with overlays of its switches."""
        rack = self.model_copy()
        rack._overlays = overlays  # noqa: SLF001 (its own class)
        return rack

    def protocol(self, server: str) -> Literal["redfish", "ipmi"]:
        """Protocol of a server's BMC: what it states, else its model's."""
        return self.servers[server].bmc.protocol or self.model(server).bmc_protocol

    def switching_of(self, switch: str) -> Switching:
        """Options of a switch: what it states, else the rack's."""
        own = self.switches[switch].switching
        options: Switching = overlaid(self.switching, own) if own else self.switching
        return options

    def model(self, server: str) -> ServerModel:
        """Model of a server."""
        return self.server_models[self.servers[server].model]

    def nics(self, server: str) -> dict[str, Nic]:
        """Network ports of a server by name: those of its model, and its own."""
        return {**self.model(server).nics, **self.servers[server].nics}

    def disks(self, server: str) -> dict[str, Disk]:
        """Disks of a server by name: those of its model, and its own."""
        return {**self.model(server).disks, **self.servers[server].disks}
