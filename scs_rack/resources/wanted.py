"""What the cloud shall offer, derived from the Design."""

from dataclasses import dataclass
from pathlib import Path

from scs_rack.design import Design
from scs_rack.resources.external6 import External6, wanted_external6
from scs_rack.resources.flavors import Flavor, wanted_flavors
from scs_rack.resources.images import Image
from scs_rack.resources.subnet_pools import SubnetPool, wanted_subnet_pools
from scs_rack.resources.volume_types import VolumeType, wanted_volume_types
from scs_rack.resources.wanted_images import wanted_images


@dataclass(frozen=True)
class ExternalNetwork:
    """A provider network with its subnet and its floating addresses."""

    name: str
    physnet: str
    vlan: int | None
    """VLAN of tagged frames on the servers' external ports; None where they are untagged (the first network)."""
    cidr: str
    gateway: str | None
    first: str
    last: str
    default: bool
    ipv6: External6 | None = None


@dataclass(frozen=True)
class Wanted:
    """Everything that the stage `resources` makes."""

    networks: tuple[ExternalNetwork, ...]
    subnet_pools: tuple[SubnetPool, ...]
    flavors: tuple[Flavor, ...]
    volume_types: tuple[VolumeType, ...]
    images: tuple[Image, ...]


def wanted(design: Design, guest: Path, folder: Path) -> Wanted:
    """All that the stage `resources` makes.

    Args:
        design: the rack's design.
        guest: the guest image's file on this machine.
        folder: folder of the rack file, where relative paths of images begin.

    Raises:
        StageFailed: the source of an image is not there, or nothing tells its digest.
    """
    external = {name: net for name, net in design.rack.networks.items() if net.purpose == "external"}
    return Wanted(
        networks=tuple(
            ExternalNetwork(
                name=name,
                physnet=net.physnet,
                vlan=net.vlan if index else None,
                cidr=str(net.prefix),
                gateway=str(net.gateway) if net.gateway else None,
                first=str(net.allocation[0] if net.allocation else net.prefix.network_address + 10),
                last=str(net.allocation[1] if net.allocation else net.prefix.broadcast_address - 1),
                default=net.default,
                ipv6=wanted_external6(design, name),
            )
            for index, (name, net) in enumerate(external.items())
        ),
        subnet_pools=wanted_subnet_pools(design),
        flavors=wanted_flavors(design.rack.cloud.flavors),
        volume_types=wanted_volume_types(design),
        images=wanted_images(design, guest, folder),
    )
