"""Checks of images: what is fetched can be trusted, and one image is the generic one."""

from collections.abc import Iterator

from scs_rack.model.draft import Draft
from scs_rack.model.fault import Problem
from scs_rack.model.images import DIGEST, CloudImage

IMAGES = ("cloud", "images")


def _images(draft: Draft) -> dict[str, CloudImage]:
    return draft.cloud.images if draft.cloud else {}


def image_checksum(draft: Draft) -> Iterator[Problem]:
    """What comes over plain HTTP is compared with a digest that came another way."""
    for name, image in _images(draft).items():
        plain = image.source.startswith("http://")
        digest = image.checksum and (DIGEST.fullmatch(image.checksum) or image.checksum.startswith(("https://", "/")))
        if plain and not digest:
            hint = "state `checksum: sha256:…`, or take https://, which proves whom it talks to"
            yield Problem((*IMAGES, name), "fetched over plain HTTP without a digest to trust", hint, "")


def image_file(draft: Draft) -> Iterator[Problem]:
    """A folder's image is named, and a pattern is for folders."""
    for name, image in _images(draft).items():
        if image.source.endswith("/") and not image.file:
            hint = "add `file:` with its name, e.g. noble-server-cloudimg-amd64.img"
            yield Problem((*IMAGES, name), "the source is a folder, and its image is not named", hint, "")
        pattern = image.file and any(sign in image.file for sign in "*?[")
        if pattern and "://" in image.source and not (image.checksum and not DIGEST.fullmatch(image.checksum)):
            hint = "name the file, or `checksum:` the list that tells which files there are, e.g. SHA256SUMS"
            yield Problem((*IMAGES, name, "file"), "a pattern, but nobody tells what files the address has", hint)


def image_generic(draft: Draft) -> Iterator[Problem]:
    """There is one generic image of a distribution's version."""
    seen: dict[tuple[str, str, str], str] = {}
    for name, image in _images(draft).items():
        if image.os_purpose != "generic" or image.visibility != "public":
            continue
        kind = (image.architecture, image.os_distro, image.os_version)
        if kind in seen:
            hint = "choose another os_purpose for one of them (scs-0102)"
            yield Problem((*IMAGES, name), f"generic for the same system as '{seen[kind]}'", hint, "")
        seen.setdefault(kind, name)
