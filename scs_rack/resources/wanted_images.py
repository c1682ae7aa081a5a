"""Which images the cloud shall offer: the operator's, our small guest, and in a lab its stand-in for `Ubuntu 24.04`."""

import datetime as dt
from functools import partial
from pathlib import Path

from scs_rack.design import Design
from scs_rack.model.images import CloudImage
from scs_rack.resources.fetch import Origin, digest_of, fetch, origin
from scs_rack.resources.images import Content, Image, raw

STAND_IN = "Ubuntu 24.04"
"""The image that scs-0104 demands and that can't be had without a download."""
STAND_IN_SOURCE = "https://cloud-images.ubuntu.com/noble/#a-stand-in-that-does-not-come-from-there"
"""What the stand-in says of its source: what it stands in for, and that it is not that."""
GUEST = "scs-rack guest"
STAND_IN_CASES = (
    "scs-0101-entropy-avail",
    "scs-0101-fips-test",
    "scs-0104-image-ubuntu-2404",
    "scs-0104-source-ubuntu-2404",
)
"""Cases of the SCS suite whose result rests on the stand-in, or on the small guest."""


def stand_ins(design: Design) -> tuple[str, ...]:
    """Images of a rack that only stand in for what the SCS suite asks for."""
    return (STAND_IN,) if design.rack.lab and STAND_IN not in design.rack.cloud.images else ()


def wanted_images(design: Design, guest: Path, folder: Path) -> tuple[Image, ...]:
    """All images; nothing is fetched yet but lists of digests.

    Args:
        design: the rack's design.
        guest: the guest image's file.
        folder: folder of the rack file.

    Raises:
        StageFailed: the source of an image is not there, or nothing tells its digest.
    """
    stated = design.rack.cloud.images
    found = tuple(_stated(name, image, folder) for name, image in stated.items())
    if GUEST not in stated:
        words = "Small guest of scs-rack, built from packages of Debian 13: BusyBox init, no systemd, for tests"
        found += (_guest(GUEST, guest, words, "private"),)
    for name in stand_ins(design):
        words = f"STAND-IN, NOT Ubuntu: the image '{GUEST}' under the name that scs-0104 asks for; lab only"
        found += (_guest(name, guest, words, STAND_IN_SOURCE),)
    return found


def _guest(name: str, path: Path, description: str, source: str) -> Image:
    built = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC).date()
    properties = {
        "architecture": "x86_64",
        "hw_disk_bus": "virtio",
        "hw_rng_model": "virtio",
        "hypervisor_type": "qemu",
        "image_description": description,
        "image_original_user": "debian",
        "image_source": source,
        "os_distro": "debian",
        "os_purpose": "minimal",
        "os_version": "13",
        "provided_until": "none",
        "replace_frequency": "never",
        "uuid_validity": "none",
    }
    content = Content(path, built)
    return Image(name, digest_of(path), lambda: content, tuple(sorted(properties.items())), min_ram=256)


def _stated(name: str, image: CloudImage, folder: Path) -> Image:
    where = origin(name, image, folder)
    source = image.origin or (where.where if where.remote else "private")
    properties = {
        "architecture": image.architecture,
        "hw_disk_bus": image.disk_bus,
        "hw_rng_model": "virtio",
        "hypervisor_type": "qemu",
        "image_description": image.description,
        "image_original_user": image.user,
        "image_source": source,
        "os_distro": image.os_distro,
        "os_purpose": image.os_purpose,
        "os_version": image.os_version,
        "provided_until": image.provided_until,
        "replace_frequency": image.replace_frequency,
        "uuid_validity": image.uuid_validity or (f"last-{image.keep}" if image.keep else "none"),
    }
    if image.disk_bus == "scsi":
        properties["hw_scsi_model"] = "virtio-scsi"
    if image.hotfix_hours:
        properties["hotfix_hours"] = str(image.hotfix_hours)
    return Image(
        name=name,
        digest=where.digest,
        content=partial(_content, name, image, where),
        properties=tuple(sorted((properties | image.extra_properties).items())),
        min_ram=image.min_ram_mib,
        min_disk=image.min_disk_gb,
        visibility=image.visibility,
        keep=image.keep,
    )


def _content(name: str, image: CloudImage, where: Origin) -> Content:
    path, day = fetch(name, where)
    disk, new = raw(name, path, image.format)
    if new and where.remote:
        path.unlink()
    return Content(disk, image.build_date or day, temporary=new or where.remote)
