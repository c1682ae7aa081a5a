"""Volume types of the Ceph backend; their descriptions carry the aspects of scs-0114."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from scs_rack.design import Design
from scs_rack.resources.step import Connection, Step

ENCRYPTED = "rbd-encrypted"
"""Name of the type of encrypted volumes."""
LUKS = {"provider": "luks", "cipher": "aes-xts-plain64", "key_size": 256, "control_location": "front-end"}
"""How: in the hypervisor (front-end), by LUKS. QEMU takes the size for each of the two keys of XTS: AES-256."""


@dataclass(frozen=True)
class VolumeType:
    """A volume type of the one Ceph backend."""

    name: str
    description: str
    backend: str
    encrypted: bool = False


def wanted_volume_types(design: Design) -> tuple[VolumeType, ...]:
    """A plain type, and where there is a Barbican for the keys an encrypted one (scs-0114: aspects in a prefix)."""
    replicas = design.rack.cloud.ceph.replicas
    copies = f"Ceph RBD, {replicas} copies on different hosts" if replicas > 1 else "Ceph RBD, one copy"
    aspects = ["replicated"] if replicas > 1 else []
    kinds = [VolumeType("rbd", _described(aspects, copies), "rbd")]
    if design.groups["barbican"]:
        words = f"{copies}; encrypted by the hypervisor (LUKS), with a key of the customer's own"
        kinds.append(VolumeType(ENCRYPTED, _described(["encrypted", *aspects], words), "rbd", encrypted=True))
    return tuple(kinds)


def _described(aspects: list[str], words: str) -> str:
    return f"[scs:{', '.join(aspects)}] {words}" if aspects else words


def volume_types(cloud: Connection, wanted: tuple[VolumeType, ...]) -> Iterator[Step]:
    """Volume types that are missing, described otherwise, or not encrypted although they should be."""
    present = {kind.name: kind for kind in cloud.block_storage.types(is_public="None")}  # private ones too
    for kind in wanted:
        found = present.get(kind.name)
        if found is None:
            yield f"volume type {kind.name}", partial(_new, cloud, kind)
            continue
        if found.description != kind.description:
            yield (
                f"description of volume type {kind.name}",
                partial(cloud.block_storage.update_type, found, description=kind.description),
            )
        if kind.encrypted and not (_is_encrypted(cloud, found) and found.is_public):
            yield f"encryption of volume type {kind.name}", partial(_encrypt, cloud, found)


def _is_encrypted(cloud: Connection, found: Any) -> bool:
    seen = cloud.block_storage.get_type_encryption(found.id)
    return {key: getattr(seen, key) for key in LUKS} == LUKS


def _encrypt(cloud: Connection, made: Any) -> None:
    from openstack.exceptions import raise_from_response

    if not _is_encrypted(cloud, made):
        cloud.block_storage.create_type_encryption(made, **LUKS)
    # the SDK would send this under the name that it is read by, which Cinder refuses
    raise_from_response(cloud.block_storage.put(f"/types/{made.id}", json={"volume_type": {"is_public": True}}))


def _new(cloud: Connection, kind: VolumeType) -> None:
    # nobody sees an encrypted type before it encrypts
    made = cloud.block_storage.create_type(
        name=kind.name,
        description=kind.description,
        is_public=not kind.encrypted,
        extra_specs={"volume_backend_name": kind.backend},
    )
    if kind.encrypted:
        _encrypt(cloud, made)
