"""Where the models of a release are: in a folder that the operator names, or in the cache, taken from a switch.

The cache keeps each set once, by its content (`<cache>/yang-models/<SHA-256>/`), and under each release's name the set
that was taken last from a switch of that release.
"""

import base64
import binascii
import hashlib
import io
import os
import re
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

from scs_rack.errors import ScsRackError, UsageError
from scs_rack.paths import cache_root
from scs_rack.sonic.yang.judge import Judge, NoJudge

ON_SWITCH = "/usr/local/yang-models"
"""Where SONiC keeps the models that its own tools judge by."""
_HASH = f"cd {ON_SWITCH} && LC_ALL=C cat -- *.yang | sha256sum"
_FETCH = f"cd {ON_SWITCH} && tar -chzf - -- *.yang | base64 -w0"
_NAME = re.compile(r"[A-Za-z0-9_@.-]{1,128}\.yang")
_MOST = 32 * 1024 * 1024
"""Bytes of all files of a set, unpacked; a real one has 1 MB."""

Ask = Callable[[str], str]
"""Runs a command on a switch and returns what it prints; raises a ScsRackError when it fails."""


class BadModels(ScsRackError):
    """What a switch sent is no set of models."""


class Models:
    """Sets of models by release, each loaded once when it is first asked for."""

    def __init__(self, folder: Path | None = None) -> None:
        """Take the models of a folder.

        Args:
            folder: `*.yang` of one release, or a folder for each release with its name; the cache when not given.

        Raises:
            UsageError: it is no such folder.
        """
        self.folder = folder or cache_root() / "yang-models"
        self._judges: dict[Path, Judge] = {}
        if folder is not None and not self._plain and not self.releases:
            hint = "name a folder with *.yang, or one with a folder for each release, e.g. 202505"
            raise UsageError(f"no YANG models in {folder}", hint)

    @property
    def _plain(self) -> bool:
        return any(self.folder.glob("*.yang"))

    @property
    def releases(self) -> tuple[str, ...]:
        """Releases whose models are there, by name; none for a folder that holds the models of one release."""
        found = {path.parent.name for path in self.folder.glob("*/sonic-*.yang")}
        return tuple(sorted(name for name in found if len(name) < 64))

    def path(self, release: str) -> Path | None:
        """Folder with the models of a release; None where there are none."""
        if self._plain:
            return self.folder
        return self.folder / release if release in self.releases else None

    def judge(self, release: str) -> Judge | None:
        """Judge of a release; None where its models are not there.

        Raises:
            NoJudge: they can't be loaded.
        """
        path = self.path(release)
        if path is None:
            return None
        path = path.resolve()
        if path not in self._judges:
            self._judges[path] = Judge(path)
        return self._judges[path]


def take_from_switch(ask: Ask, release: str) -> Path:
    """Put the models of a switch into the cache, unless they are there; changes nothing on the switch.

    Args:
        ask: runs a command on the switch.
        release: that of the switch.

    Returns:
        The folder with them.

    Raises:
        BadModels: the switch has none, or sends something else.
        ScsRackError: as `ask` raises.
    """
    home = cache_root() / "yang-models"
    found = re.match(r"([0-9a-f]{64})\b", ask(_HASH))
    if not found:
        raise BadModels(f"no YANG models in {ON_SWITCH} of the switch")
    target = home / found[1]
    if not target.is_dir():
        _unpack(ask(_FETCH), found[1], target)
    link = home / f".{release}.{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(target.name)
    link.replace(home / release)
    return target


def _unpack(text: str, digest: str, target: Path) -> None:
    """Unpack what a switch sent; nothing but plain files of models, and only if their content is as announced."""
    try:
        packed = base64.b64decode(text, validate=False)
        files = _files(packed)
    except (binascii.Error, tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise BadModels(f"what the switch sent is no archive of models: {error}") from error
    content = b"".join(files[name] for name in sorted(files))
    if hashlib.sha256(content).hexdigest() != digest:
        raise BadModels("the models that arrived are not those that the switch has", "try again")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".") as folder:
        inside = Path(folder) / "set"
        inside.mkdir()
        for name, data in files.items():
            (inside / name).write_bytes(data)
        if not target.exists():
            shutil.move(inside, target)


def _files(packed: bytes) -> dict[str, bytes]:
    files, size = {}, 0
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        for member in archive:
            size += member.size
            source = archive.extractfile(member) if member.isfile() and _NAME.fullmatch(member.name) else None
            if source is None or size > _MOST:
                raise BadModels(f"what the switch sent is no archive of models: {member.name!r} of {member.size} bytes")
            files[member.name] = source.read()
    if not files:
        raise BadModels("the switch sent an empty archive of models")
    return files


__all__ = ["BadModels", "Judge", "Models", "NoJudge", "take_from_switch"]
