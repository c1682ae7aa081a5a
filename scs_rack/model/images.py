"""Images that a cloud offers: where they come from, and what scs-0102 wants to be said of them."""

import datetime as dt
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from scs_rack.model.base import Strict, text_schema

DIGEST = re.compile(r"sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})")
"""A digest as the rack file states it."""


def _checksum(value: str) -> str:
    if re.match(r"(sha|md)\d+:", value) and not DIGEST.fullmatch(value.lower()):
        raise ValueError("not a digest; write sha256: with 64 hex digits, or sha512: with 128")
    return value.lower() if DIGEST.fullmatch(value.lower()) else value


def _source(value: str) -> str:
    if "://" in value and not re.match(r"https?://[^/]+/", value):
        raise ValueError("not an address that images can be had from; write a path, or https://HOST/PATH")
    return value


def _validity(value: str) -> str:
    if not re.fullmatch(r"none|notice|forever|last-[1-9]\d*|\d{4}-\d{2}-\d{2}", value):
        raise ValueError("not a validity of UUIDs; write none, notice, forever, last-3, or a date (scs-0102)")
    return value


def _until(value: str) -> str:
    if not re.fullmatch(r"none|notice|\d{4}-\d{2}-\d{2}", value):
        raise ValueError("not an end of support; write none, notice, or a date (scs-0102)")
    return value


Checksum = Annotated[
    str, AfterValidator(_checksum), text_schema("sha256:… or sha512:…, or where a file like SHA256SUMS lies")
]
Source = Annotated[str, AfterValidator(_source), text_schema("File, folder of a mirror, or http(s) address")]
Validity = Annotated[str, AfterValidator(_validity), text_schema("none, notice, forever, last-N, or a date")]
Until = Annotated[str, AfterValidator(_until), text_schema("none, notice, or a date")]


class CloudImage(Strict):
    """An image. It is stored raw, so that Ceph clones it instead of copying it."""

    source: Source
    """A file, a folder of a local mirror, or an http(s) address; relative paths begin at the rack file's folder."""
    file: str | None = None
    """Name of the image in a folder, e.g. `noble-*-amd64.img`: of several, the last by name is taken."""
    checksum: Checksum | None = None
    """`sha256:…` or `sha512:…`, or where a file like SHA256SUMS lies; one beside the image is found by itself."""
    format: Literal["raw", "qcow2"] | None = None
    """Format of the source; its first bytes tell when it is not stated."""
    visibility: Literal["public", "community", "private"] = "public"
    """Who sees it."""
    keep: int = Field(default=3, ge=0, le=20)
    """Older builds that stay, hidden, beside the newest; one that a guest or a volume uses stays in any case."""
    os_distro: str
    """Distribution in libosinfo's words, e.g. ubuntu, debian."""
    os_version: str
    """Version of the distribution, e.g. 24.04."""
    os_purpose: Literal["generic", "minimal", "k8snode", "gpu", "network", "custom"] = "generic"
    """What it is meant for; of `generic` there is one for each distribution, version and architecture."""
    architecture: Literal["x86_64", "aarch64", "risc-v"] = "x86_64"
    """CPU architecture."""
    user: str
    """Account that cloud-init makes, e.g. ubuntu."""
    description: str
    """What it is, for people: at best with the address of its release notes."""
    origin: str | None = None
    """Where the image comes from at last, when it is taken from a mirror; becomes `image_source`."""
    build_date: dt.date | None = None
    """Day of the build; that of the source's file when not stated."""
    min_disk_gb: int | None = Field(default=None, ge=1)
    """Disk in GB; the image's own size, rounded up, when not stated."""
    min_ram_mib: int = Field(default=512, ge=64)
    """Memory that it needs to boot."""
    disk_bus: Literal["virtio", "scsi"] = "virtio"
    """How guests see their disks."""
    replace_frequency: Literal["yearly", "quarterly", "monthly", "weekly", "daily", "critical_bug", "never"] = "monthly"
    """How often a new build is promised."""
    hotfix_hours: int | None = Field(default=None, ge=1)
    """Hours within which a critical fix is promised."""
    provided_until: Until = "none"
    """Until when new builds are promised."""
    uuid_validity: Validity | None = None
    """How long an old build can be used by its UUID; `last-N` with N of `keep` when not stated."""
    extra_properties: dict[str, str] = Field(default_factory=dict)
    """More properties, as Glance and Nova know them."""
