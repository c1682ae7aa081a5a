"""Images in Glance: a new build is uploaded beside the old one, verified, and takes its name; the old one is hidden.

Each image of ours has two properties: `scs_rack_image`, the name in the rack file, and `scs_rack_digest`, the digest of
the file that it was made from. So a build is known again although Glance holds it in another format, and an upload that
broke off is known too.
"""

import datetime as dt
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from scs_rack.errors import StageFailed
from scs_rack.paths import cache_root
from scs_rack.resources.qcow2 import BadImage, is_qcow2, to_raw
from scs_rack.resources.step import Connection, Step

NAME, DIGEST = "scs_rack_image", "scs_rack_digest"
PAUSES = (3.0, 10.0, 30.0)
"""Seconds before an upload that broke off is tried again."""
UNFINISHED = ("queued", "saving", "killed", "importing", "uploading")


@dataclass(frozen=True)
class Content:
    """What is uploaded."""

    path: Path
    """A raw disk."""
    build_date: dt.date
    temporary: bool = False
    """True where the file can go after the upload."""


@dataclass(frozen=True)
class Image:
    """An image with the metadata that scs-0102 asks for."""

    name: str
    digest: str
    """Of the source's file: `sha256:…` or `sha512:…`."""
    content: Callable[[], Content]
    """Fetches (and converts) what is uploaded."""
    properties: tuple[tuple[str, str], ...]
    min_ram: int
    """MiB."""
    min_disk: int | None = None
    """GB; None: as large as the disk is."""
    visibility: str = "public"
    keep: int = 3
    """Older builds that stay although nothing uses them."""


def images(cloud: Connection, wanted: tuple[Image, ...]) -> Iterator[Step]:
    """What must be done to the cloud's images; images that the rack file does not name are left alone."""
    if not wanted:
        return
    mine = cloud.session.get_project_id()
    present = [
        image
        for hidden in (False, True)
        for image in cloud.image.images(visibility="all", is_hidden=hidden)
        if image.owner_id == mine
    ]
    for image in wanted:
        own = [found for found in present if found.name == image.name or _get(found, NAME) == image.name]
        yield from _image(cloud, image, own)


def _image(cloud: Connection, image: Image, own: list[Any]) -> Iterator[Step]:
    """One image: what is offered under its name, what broke off, and older builds."""
    offered = [one for one in own if one.name == image.name and one.status == "active" and not one.is_hidden]
    good = [one for one in offered if _is(one, image) and one.visibility == image.visibility]
    dead = [one for one in own if one.status in UNFINISHED]
    ready = [one for one in offered if _is(one, image)][:1]  # whole, and not yet seen by those who should
    for one in dead:
        yield f"upload of image {image.name} that broke off: {one.id}", partial(cloud.image.delete_image, one)
    if not good:
        old = [one for one in offered if one not in ready]
        what = (
            f"image {image.name}: build {image.digest[:19]}… {'becomes ' + image.visibility if ready else 'uploaded'}"
        )
        if old:
            what += f", {len(old)} older one becomes hidden" if len(old) == 1 else f", {len(old)} older become hidden"
        yield what, partial(_renew, cloud, image, ready, old)
        return
    newest = max(good, key=lambda one: str(one.created_at))
    if surplus := [one for one in offered if one is not newest]:
        yield (
            f"image {image.name}: {len(surplus)} older of the same name becomes hidden",
            partial(_hide, cloud, surplus),
        )
    stated = dict(image.properties) | {"min_ram": str(image.min_ram), NAME: image.name, DIGEST: image.digest}
    differing = {key: value for key, value in stated.items() if _get(newest, key) != value}
    if differing:
        words = f"properties of image {image.name}: {', '.join(sorted(differing))}"
        changes: dict[str, Any] = dict(differing)
        if "min_ram" in changes:
            changes["min_ram"] = image.min_ram
        yield words, partial(_change, cloud, newest, changes)
    yield from _outdated(cloud, image, [one for one in own if one.is_hidden and _get(one, NAME) == image.name])


def _outdated(cloud: Connection, image: Image, old: list[Any]) -> Iterator[Step]:
    """Older builds beyond those that are kept, unless a guest or a volume uses them."""
    surplus = sorted(old, key=lambda one: str(one.created_at), reverse=True)[image.keep :]
    for one in surplus:
        if not _used(cloud, one):
            yield (
                f"image {one.name}: nothing uses it, and it is not among the {image.keep} kept",
                partial(_drop, cloud, one),
            )


def _used(cloud: Connection, image: Any) -> bool:
    if next(iter(cloud.compute.servers(details=False, all_projects=True, image=image.id)), None) is not None:
        return True
    return any(
        (volume.volume_image_metadata or {}).get("image_id") == image.id
        for volume in cloud.block_storage.volumes(details=True, all_projects=True)
    )


def _drop(cloud: Connection, image: Any) -> None:
    from openstack import exceptions

    with suppress(exceptions.ConflictException):  # a snapshot of a volume rests on it
        cloud.image.delete_image(image)


def _is(found: Any, image: Image) -> bool:
    return image.digest in (_get(found, DIGEST), f"sha512:{found.hash_value}")


def _get(image: Any, key: str) -> str | None:
    data = image.to_dict()
    value = data.get(key)
    if value is None:
        value = (data.get("properties") or {}).get(key)
    return None if value is None else str(value)


def _renew(cloud: Connection, image: Image, ready: list[Any], old: list[Any]) -> None:
    """Upload it unseen, verify it, hide the old ones, and show it."""
    new = ready[0] if ready else _upload(cloud, image)
    _hide(cloud, old)
    _change(cloud, new, {"visibility": image.visibility})
    seen = cloud.image.get_image(new.id)
    if seen.visibility != image.visibility or seen.status != "active" or not _is(seen, image):
        raise StageFailed(f"image {image.name} is {seen.status} and {seen.visibility} after the upload")


def _hide(cloud: Connection, old: list[Any]) -> None:
    """Hide builds, and name them by their day: scs-0102 finds the newer one by what stands before the last blank."""
    for one in old:
        day = (_get(one, "image_build_date") or str(one.created_at))[:10]
        name = f"{one.name} {day}-{one.id[:8]}"
        _change(cloud, one, {"name": name, "os_hidden": True, NAME: one.name})


def _change(cloud: Connection, image: Any, changes: dict[str, Any]) -> None:
    """Set properties by a JSON patch of our own (RFC 6902): the SDK would take away those that are not named."""
    from openstack import exceptions

    base = ("name", "visibility", "os_hidden", "min_ram")
    patch = [
        {
            "op": "replace" if key in base else "add",
            "path": "/" + key.replace("~", "~0").replace("/", "~1"),
            "value": value,
        }
        for key, value in changes.items()
    ]
    kind = "application/openstack-images-v2.1-json-patch"
    answer = cloud.image.patch(f"/images/{image.id}", json=patch, headers={"Content-Type": kind})
    exceptions.raise_from_response(answer)
    seen = answer.json()
    wrong = [key for key, value in changes.items() if seen.get(key) != value]
    if wrong:
        raise StageFailed(f"image {image.name} did not take {', '.join(wrong)}")


def _upload(cloud: Connection, image: Image) -> Any:
    """Upload and verify it; an API that goes away in the middle, as one of several may, is asked again."""
    from keystoneauth1.exceptions import ConnectFailure, SSLError, UnknownConnectionError

    content = image.content()
    for pause in (*PAUSES, None):
        try:
            seen = _upload_once(cloud, image, content)
        except (ConnectFailure, SSLError, UnknownConnectionError):
            if pause is None:
                raise
            time.sleep(pause)
        else:
            break
    if content.temporary:
        content.path.unlink()
    return seen


def _upload_once(cloud: Connection, image: Image, content: Content) -> Any:
    from openstack import exceptions

    size = content.path.stat().st_size
    with content.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").hexdigest()
    made = cloud.image.create_image(
        image.name,
        allow_duplicates=True,
        disk_format="raw",
        container_format="bare",
        visibility="private",
        min_disk=max(image.min_disk or 1, -(-size // 2**30)),
        min_ram=image.min_ram,
        validate_checksum=False,
        **dict(image.properties),
        **{NAME: image.name, DIGEST: image.digest, "image_build_date": content.build_date.isoformat()},
    )
    try:
        with content.path.open("rb") as file:
            exceptions.raise_from_response(made.upload(cloud.image, data=file))
        seen = cloud.image.get_image(made.id)
        if seen.status != "active" or seen.hash_value != digest or seen.size != size:
            words = f"{seen.status}, {seen.size} bytes, sha512 {seen.hash_value}"
            raise StageFailed(f"image {image.name}: Glance holds {words}; sent were {size} bytes, sha512 {digest}")
    except BaseException:
        with suppress(Exception):
            cloud.image.delete_image(made.id)
        raise
    return seen


def raw(name: str, path: Path, stated: str | None) -> tuple[Path, bool]:
    """A raw disk of an image's file, and whether it is a new file.

    Raises:
        StageFailed: the file is of another format than stated, or can't be turned into a raw disk.
    """
    seen = "qcow2" if is_qcow2(path) else "raw"
    if stated not in (None, seen):
        raise StageFailed(f"image {name}: {path} is {seen}, and the rack file says {stated}")
    if seen == "raw":
        return path, False
    target = cache_root() / "images" / f"{path.name}.raw"
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        to_raw(path, target)
    except BadImage as error:
        raise StageFailed(f"image {name}: {path} can't be turned into a raw disk: {error}") from error
    except OSError as error:
        raise StageFailed(f"image {name}: {target}: {error.strerror}", "make room, or set SCS_RACK_CACHE") from error
    return target, True
