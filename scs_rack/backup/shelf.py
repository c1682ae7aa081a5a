"""Where backups lie: a folder for each, its parts sealed, and a manifest that says what they are.

A backup is made in a folder that begins with a dot and gets its name when all was written: what died is no backup.
"""

import hashlib
import hmac
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from scs_rack.backup import seal
from scs_rack.errors import UsageError
from scs_rack.files import write_file

VARIABLE = "SCS_RACK_BACKUPS"
"""Environment variable: folder of all racks' backups; best on another machine."""
MANIFEST = "manifest.json"
FORMAT = 1


@dataclass(frozen=True)
class Part:
    """One sealed file."""

    name: str
    size: int
    """Bytes before they were sealed."""
    sha256: str
    """Of the sealed file."""
    host: str
    """Whom it was taken from."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What a verification compares."""


@dataclass(frozen=True)
class Backup:
    """A backup as its manifest tells."""

    folder: Path
    rack: str
    made: float
    """Unix time."""
    release: str
    """Of scs-rack."""
    key: Mapping[str, Any]
    """The backup's key, wrapped (`seal.wrap`)."""
    parts: tuple[Part, ...]
    failed: Mapping[str, str]
    """Parts that could not be taken, and why."""
    tag: str = ""
    """Of all that stands above, by the backup's key."""

    @property
    def name(self) -> str:
        """Name of the folder: local time, to sort by."""
        return self.folder.name

    def part(self, name: str) -> Part | None:
        """A part by name."""
        return next((one for one in self.parts if one.name == name), None)

    @contextmanager
    def content(self, key: bytes, name: str) -> Iterator[Iterator[bytes]]:
        """What a part holds, piece by piece."""
        with (self.folder / f"{name}.sealed").open("rb") as file:
            yield seal.opened(file, key, name)

    def open(self, password: bytes) -> bytes:
        """The backup's key, when the manifest is as it was written.

        Raises:
            UsageError: the password is another.
            Damaged: the manifest was changed.
        """
        key = seal.unwrap(dict(self.key), password)
        if not hmac.compare_digest(_tag(self, key), self.tag):
            raise seal.Damaged(f"the manifest of {self.name} was changed")
        return key


def root(state_dir: Path) -> Path:
    """Folder of a rack's backups."""
    stated = os.environ.get(VARIABLE)
    return Path(stated).expanduser().absolute() / state_dir.name if stated else state_dir / "archives"


def all_of(folder: Path) -> list[Backup]:
    """Backups in a folder, the oldest first; folders without a manifest that can be read are none."""
    found = []
    for path in sorted(folder.glob(f"[!.]*/{MANIFEST}")) if folder.is_dir() else ():
        try:
            found.append(load(path.parent))
        except UsageError:
            continue
    return found


def load(folder: Path) -> Backup:
    """Read a manifest.

    Raises:
        UsageError: there is none.
    """
    try:
        data = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if data.pop("format") != FORMAT:
            raise ValueError("made by another release of scs-rack")
        parts = tuple(Part(**one) for one in data.pop("parts"))
        return Backup(folder=folder, parts=parts, **data)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{folder} is no backup: {error}", "`scs-rack backup list` names them") from error


def find(folder: Path, name: str | None) -> Backup:
    """A backup by name, or the newest.

    Raises:
        UsageError: there is none.
    """
    known = all_of(folder)
    if name is None:
        if not known:
            raise UsageError(f"no backup in {folder}", "`scs-rack backup create` makes one")
        return known[-1]
    for one in known:
        if one.name == name:
            return one
    raise UsageError(f"there is no backup {name} in {folder}", f"the latest are {_names(known)}")


class Draft:
    """A backup that is being made."""

    def __init__(self, folder: Path, rack: str, password: bytes) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in folder.glob(".*.draft"):
            shutil.rmtree(left, ignore_errors=True)
        self._rack, self._made = rack, time.time()
        self._name = time.strftime("%Y%m%dT%H%M%S", time.localtime(self._made))
        self._folder, self._parent = folder / f".{self._name}.draft", folder
        self._folder.mkdir(mode=0o700)
        self._key = seal.new_key()
        self._wrapped = seal.wrap(self._key, password)
        self._parts: list[Part] = []
        self._failed: dict[str, str] = {}

    @contextmanager
    def part(self, name: str, host: str, facts: Mapping[str, Any]) -> Iterator[seal.Seal]:
        """Write a part; one that breaks in the middle is removed."""
        path = self._folder / f"{name}.sealed"
        try:
            with path.open("xb") as file:
                path.chmod(0o600)
                sealed = seal.Seal(file, self._key, name)
                yield sealed
                sealed.close()
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self._parts.append(Part(name, sealed.size, digest(path), host, dict(facts)))

    def failed(self, name: str, why: str) -> None:
        """A part that could not be taken."""
        self._failed[name] = why

    def finish(self, release: str) -> Backup:
        """Give it its name."""
        made = Backup(
            self._folder, self._rack, self._made, release, self._wrapped, tuple(self._parts), dict(self._failed)
        )
        text = json.dumps({**_body(made), "tag": _tag(made, self._key)}, indent=1)
        write_file(self._folder / MANIFEST, text + "\n")
        target = self._parent / self._name
        self._folder.rename(target)
        return load(target)

    def drop(self) -> None:
        """Remove it."""
        shutil.rmtree(self._folder, ignore_errors=True)


def prune(folder: Path, keep: int) -> list[str]:
    """Remove the oldest backups beyond `keep` whole ones; those that lack parts don't count, and go with them."""
    whole = [one for one in all_of(folder) if not one.failed]
    if len(whole) <= keep:
        return []
    oldest = whole[-keep].name
    gone = [one for one in all_of(folder) if one.name < oldest]
    for one in gone:
        shutil.rmtree(one.folder)
    return [one.name for one in gone]


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _body(one: Backup) -> dict[str, Any]:
    data = asdict(one)
    del data["folder"], data["tag"]
    return {"format": FORMAT, **data}


def _tag(one: Backup, key: bytes) -> str:
    text = json.dumps(_body(one), sort_keys=True)
    return hmac.new(key, b"scs-rack manifest " + text.encode(), "sha256").hexdigest()


def _names(known: list[Backup]) -> str:
    return ", ".join(one.name for one in known[-3:]) or "none"


def to_file(pieces: Iterator[bytes], out: BinaryIO) -> None:
    """Write what a part holds."""
    out.writelines(pieces)
