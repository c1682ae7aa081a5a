"""What the cloud shall offer, derived from the Design."""

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from scs_rack.design import Design
from scs_rack.resources.flavors import Flavor, mandatory_flavors

STAND_IN = "Ubuntu 24.04"
"""The image that scs-0104 demands and that can't be had without a download."""


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


@dataclass(frozen=True)
class VolumeType:
    """A volume type of the one Ceph backend."""

    name: str
    description: str
    backend: str


@dataclass(frozen=True)
class Image:
    """An image with the metadata that scs-0102 asks for."""

    name: str
    path: Path
    sha512: str
    """Digest of the file, as Glance reports it in os_hash_value."""
    min_disk: int
    """GB."""
    min_ram: int
    """MiB."""
    properties: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Wanted:
    """Everything that the stage `resources` makes."""

    networks: tuple[ExternalNetwork, ...]
    flavors: tuple[Flavor, ...]
    volume_types: tuple[VolumeType, ...]
    images: tuple[Image, ...]


def sha512_of(path: Path) -> str:
    """Digest of a file; kept beside it, so that a large image is read once."""
    kept = path.with_suffix(path.suffix + ".sha512.json")
    stat = path.stat()
    if kept.exists():
        data: dict[str, str | int] = json.loads(kept.read_text())
        if data["size"] == stat.st_size and data["mtime_ns"] == stat.st_mtime_ns:
            return str(data["sha512"])
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").hexdigest()
    kept.write_text(json.dumps({"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha512": digest}))
    return digest


def _image(name: str, path: Path, description: str, distro: tuple[str, str, str]) -> Image:
    stat = path.stat()
    built = dt.datetime.fromtimestamp(stat.st_mtime, dt.UTC)
    properties = {
        "architecture": "x86_64",
        "hw_disk_bus": "virtio",
        "hw_rng_model": "virtio",
        "hypervisor_type": "qemu",
        "image_build_date": built.strftime("%Y-%m-%d"),
        "image_description": description,
        "image_original_user": distro[2],
        "image_source": "private",
        "os_distro": distro[0],
        "os_purpose": "minimal",
        "os_version": distro[1],
        "provided_until": "none",
        "replace_frequency": "never",
        "uuid_validity": "none",
    }
    return Image(
        name=name,
        path=path,
        sha512=sha512_of(path),
        min_disk=-(-stat.st_size // 2**30),
        min_ram=256,
        properties=tuple(sorted(properties.items())),
    )


def images(design: Design, guest: Path) -> tuple[Image, ...]:
    """The guest image, and in the lab the stand-in for an image that can't be had without a download."""
    own = _image(
        "scs-rack guest",
        guest,
        "Small guest of scs-rack, built from packages of Debian 13: BusyBox init, no systemd, for tests",
        ("debian", "13", "debian"),
    )
    if design.rack.lab is None:
        return (own,)
    stand_in = _image(
        STAND_IN,
        guest,
        f"STAND-IN, NOT Ubuntu: the image '{own.name}' under the name that scs-0104 asks for; lab only",
        ("debian", "13", "debian"),
    )
    return (own, stand_in)


def wanted(design: Design, guest: Path) -> Wanted:
    """All that the stage `resources` makes.

    Args:
        design: the rack's design.
        guest: the guest image's file on this machine.
    """
    external = {name: net for name, net in design.rack.networks.items() if net.purpose == "external"}
    replicas = design.rack.cloud.ceph.replicas
    aspects = "[scs:replicated] " if replicas > 1 else ""
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
            )
            for index, (name, net) in enumerate(external.items())
        ),
        flavors=mandatory_flavors(),
        volume_types=(VolumeType("rbd", f"{aspects}Ceph RBD, {replicas} copies on different hosts", "rbd"),),
        images=images(design, guest),
    )
