"""The guest image in the cache: one raw disk for each definition of it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from scs_rack.model import ImageOptions
from scs_rack.paths import cache_root
from scs_rack.provision import guest_build, sources
from scs_rack.provision.image import ImageMissing, Progress, build_lock


@dataclass(frozen=True)
class GuestImage:
    """One definition of the guest image, built or not."""

    digest: str

    @property
    def path(self) -> Path:
        """The raw disk; it is moved here when it is whole."""
        return cache_root() / "guests" / self.digest / "guest.raw"


def guest_image() -> GuestImage:
    """The guest image of this version of scs-rack: its digest covers packages, files and steps, not the mirror."""
    digest = hashlib.sha256(Path(guest_build.__file__).read_bytes())
    for path in sorted(guest_build.FILES.iterdir()):
        if path.is_file():
            digest.update(path.read_bytes())
    return GuestImage(digest.hexdigest()[:16])


def built_guest() -> GuestImage:
    """The guest image, which must have been built.

    Raises:
        ImageMissing: it was not.
    """
    image = guest_image()
    if not image.path.is_file():
        raise ImageMissing(f"the guest image {image.digest} is not built")
    return image


def build(options: ImageOptions, progress: Progress) -> GuestImage:
    """Build the guest image unless it is there already; safe against being killed and against a second build."""
    image = guest_image()
    if not image.path.is_file():
        with build_lock(cache_root() / "guests", progress):
            if not image.path.is_file():
                progress("building the guest image")
                building = cache_root() / "guests" / f".building-{image.digest}"
                building.mkdir()
                guest_build.build_guest(building / "guest.raw", sources.lines_for(options.suite, options.mirror))
                building.replace(image.path.parent)
                progress(f"guest image {image.digest} built")
    return image
