"""Build what servers are installed from once more, beside the cache, and compare."""

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from scs_rack.model import ImageOptions
from scs_rack.paths import cache_root
from scs_rack.provision import artifact
from scs_rack.provision.image import Progress

ALLOWED = {"manifest.json.sig": "the second build has a key of its own"}
"""Files that may differ, and why."""
_MOST = 20
"""Differences that are told of one archive."""


def differences(options: ImageOptions, flavour: artifact.Flavour, progress: Progress) -> list[str]:
    """What differs between the artefact in the cache (made if it is not there) and a second build, in words.

    Packages are fetched again for the second build, so a mirror that has changed meanwhile shows as well.

    Raises:
        UsageError: tools are missing, or the caller is not root.
        StageFailed: a build failed.
    """
    first = artifact.build(options, flavour, progress).folder
    with another_cache() as root:
        second = artifact.build(options, flavour, lambda text: progress(f"second build: {text}")).folder
        progress("comparing")
        return list(compare(first, second, root))


@contextmanager
def another_cache() -> Iterator[Path]:
    """An empty cache for as long as the block lasts; packages that apt has fetched are shared."""
    before = os.environ.get("SCS_RACK_CACHE")
    usual = cache_root()
    folder = Path(tempfile.mkdtemp(dir=usual, prefix=".second-"))
    folder.chmod(0o755)
    (usual / "apt").mkdir(exist_ok=True)
    (folder / "apt").symlink_to(usual / "apt")
    os.environ["SCS_RACK_CACHE"] = str(folder)
    try:
        yield folder
    finally:
        if before is None:
            del os.environ["SCS_RACK_CACHE"]
        else:
            os.environ["SCS_RACK_CACHE"] = before
        (folder / "apt").unlink()
        shutil.rmtree(folder)


def compare(first: Path, second: Path, scratch: Path) -> Iterator[str]:
    """Differences of two artefacts' folders; of archives, which of their members."""
    mine, other = (json.loads((folder / "manifest.json").read_text(encoding="utf-8")) for folder in (first, second))
    for what in sorted(set(mine) | set(other)):
        if what != "files" and mine.get(what) != other.get(what):
            yield f"manifest.json: {what} is {mine.get(what)} and {other.get(what)}"
    for name in sorted({path.name for folder in (first, second) for path in folder.iterdir()}):
        if name in ALLOWED or name == "manifest.json":
            continue
        if not ((first / name).is_file() and (second / name).is_file()):
            yield f"{name}: only one build has it"
        elif _digest(first / name) != _digest(second / name):
            found = list(_members(first / name, second / name, scratch)) if ".tar" in name else []
            yield from found[:_MOST] or [f"{name} differs"]
            if len(found) > _MOST:
                yield f"{name}: and {len(found) - _MOST} more"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _summed(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def _members(first: Path, second: Path, scratch: Path) -> Iterator[str]:
    mine, other = (_listed(path, scratch) for path in (first, second))
    for name in sorted(set(mine) | set(other)):
        if mine.get(name) == other.get(name):
            continue
        if name not in mine or name not in other:
            yield f"{first.name}: {name}: only one build has it"
        else:
            what = ", ".join(key for key in mine[name] if mine[name][key] != other[name][key])
            yield f"{first.name}: {name}: another {what}"


def _listed(path: Path, scratch: Path) -> dict[str, dict[str, object]]:
    """Members of an archive by name, with all that is packed of them."""
    plain = scratch / "members.tar"
    if path.suffix == ".zst":
        with plain.open("wb") as out:
            subprocess.run(["zstd", "-dc", str(path)], check=True, stdout=out)
    else:
        shutil.copy(path, plain)
    found: dict[str, dict[str, object]] = {}
    with tarfile.open(plain) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isreg() else None
            found[member.name] = {
                "kind": member.type, "mode": member.mode, "owner": (member.uid, member.gid), "time": member.mtime,
                "target": member.linkname, "attributes": {k: v for k, v in member.pax_headers.items() if k != "path"},
                "content": _summed(file) if file else "",
            }  # fmt: skip
    plain.unlink()
    return found
