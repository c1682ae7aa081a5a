"""Where an image comes from: a file, a folder of a mirror, an http(s) address; and the digest that it must have."""

import datetime as dt
import email.utils
import fnmatch
import hashlib
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from scs_rack.errors import StageFailed
from scs_rack.model.images import DIGEST, CloudImage
from scs_rack.paths import cache_root

LISTS = ("SHA256SUMS", "SHA512SUMS")
"""Files beside an image that tell its digest, as Ubuntu and Debian name them."""
MOST = 4 * 2**20
"""Bytes of a list of digests: none is longer."""
TIMEOUT = 60.0
"""Seconds of silence after which a server is given up."""
CASE = "compare the names, in capitals too"
_LINE = re.compile(r"([0-9a-fA-F]{64}|[0-9a-fA-F]{128})[ \t]+[*]?(\S.*)")
_BSD = re.compile(r"SHA(?:256|512) \((.+)\) = ([0-9a-fA-F]{64}|[0-9a-fA-F]{128})")


@dataclass(frozen=True)
class Origin:
    """One build of an image, before it is fetched."""

    where: str
    """Path or address of the file."""
    digest: str
    """`sha256:…` or `sha512:…`."""

    @property
    def remote(self) -> bool:
        """True where it must be fetched."""
        return "://" in self.where


def digest_of(path: Path, kind: str = "sha512") -> str:
    """Digest of a file, `sha512:…`; kept beside caches, so that a large file is read once for each change of it.

    Raises:
        OSError: the file can't be read.
    """
    stat = path.stat()
    key = hashlib.sha256(f"{path.resolve()}\0{kind}".encode()).hexdigest()[:32]
    kept = cache_root() / "digests" / f"{key}.json"
    state = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
    try:
        data = json.loads(kept.read_text(encoding="utf-8"))
        if data["state"] == state:
            return str(data["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    with path.open("rb") as file:
        digest = f"{kind}:{hashlib.file_digest(file, kind).hexdigest()}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    draft = kept.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps({"state": state, "digest": digest}), encoding="utf-8")
    draft.replace(kept)
    return digest


def listed(text: str) -> dict[str, str]:
    """Names and digests of a list as sha256sum or `openssl dgst` writes it.

    Args:
        text: lines `DIGEST  NAME`, `DIGEST *NAME` or `SHA256 (NAME) = DIGEST`; others are passed over.
    """
    found = {}
    for line in text.splitlines():
        if match := _LINE.fullmatch(line.strip()):
            digest, name = match[1], match[2]
        elif match := _BSD.fullmatch(line.strip()):
            name, digest = match[1], match[2]
        else:
            continue
        found[name.removeprefix("./")] = f"sha{len(digest) * 4}:{digest.lower()}"
    return found


def origin(name: str, image: CloudImage, folder: Path) -> Origin:
    """Which file an image is made from now, and its digest; fetches nothing but a list of digests.

    Args:
        name: of the image, for messages.
        image: as the rack file states it.
        folder: where relative paths begin.

    Raises:
        StageFailed: it is not there, or nothing tells its digest.
    """
    if "://" in image.source:
        return _remote(name, image, folder)
    base = folder / Path(image.source).expanduser()
    if image.file:
        names = sorted(path.name for path in base.glob(image.file) if path.is_file()) if base.is_dir() else []
        if not names:
            raise StageFailed(f"image {name}: no file {image.file} in {base}", "is the mirror mounted and complete?")
        base /= names[-1]
    if base.is_dir():
        raise StageFailed(f"image {name}: {base} is a folder", "add `file:` with the image's name in it")
    if not base.is_file():
        raise StageFailed(f"image {name}: there is no {base}", "put it there, or change cloud.images.*.source")
    return Origin(str(base), _local_digest(name, image, base, folder))


def _local_digest(name: str, image: CloudImage, path: Path, folder: Path) -> str:
    """The digest that is stated; else the one that a list beside the file tells; else that of the file as it is."""
    if image.checksum:
        return _stated(name, image.checksum, path.name, folder, beside=str(path.parent))
    for list_name in LISTS:
        sums = path.with_name(list_name)
        if sums.is_file() and (digest := listed(sums.read_text(encoding="utf-8")).get(path.name)):
            return digest
    return digest_of(path)


def _remote(name: str, image: CloudImage, folder: Path) -> Origin:
    base = image.source if image.file or not image.source.endswith("/") else image.source.rstrip("/")
    if image.file:
        base = base.rstrip("/") + "/"
    if image.checksum and DIGEST.fullmatch(image.checksum):
        return Origin(base + (image.file or ""), image.checksum)
    file = image.file or urllib.parse.unquote(base.rsplit("/", 1)[1])
    parent = base.rsplit("/", 1)[0]
    lists = (image.checksum,) if image.checksum else LISTS
    for list_name in lists:
        try:
            digests = listed(_read_list(list_name, parent, folder))
        except (OSError, ValueError) as error:
            if list_name != lists[-1]:
                continue
            raise StageFailed(
                f"image {name}: no list of digests: {list_name}: {error}",
                "state `checksum: sha256:…`, or where the list lies; is the mirror up?",
            ) from error
        found = sorted(one for one in digests if fnmatch.fnmatchcase(one, file))
        if found:
            return Origin(f"{parent}/{urllib.parse.quote(found[-1])}", digests[found[-1]])
    raise StageFailed(f"image {name}: {' or '.join(lists)} has no line for {file}", CASE)


def _stated(name: str, checksum: str, file: str, folder: Path, *, beside: str) -> str:
    if DIGEST.fullmatch(checksum):
        return checksum
    try:
        digest = listed(_read_list(checksum, beside, folder)).get(file)
    except (OSError, ValueError) as error:
        raise StageFailed(f"image {name}: {checksum} can't be read: {error}", "state `checksum: sha256:…`") from error
    if digest is None:
        raise StageFailed(f"image {name}: {checksum} has no line for {file}", CASE)
    return digest


def _read_list(where: str, beside: str, folder: Path) -> str:
    """A list of digests: an address, a name beside the image, or a path."""
    if "://" not in where and "/" not in where:
        where = f"{beside}/{where}"
    if "://" not in where:
        return (folder / Path(where).expanduser()).read_text(encoding="utf-8")
    with urllib.request.urlopen(where, timeout=TIMEOUT) as answer:  # noqa: S310 (the model allows http and https)
        if where.startswith("https://") and not answer.url.startswith("https://"):
            raise ValueError(f"it leads to {answer.url}, which nobody vouches for")
        data: bytes = answer.read(MOST + 1)
    if len(data) > MOST:
        raise ValueError(f"more than {MOST} bytes")
    return data.decode(errors="replace")


def fetch(name: str, where: Origin) -> tuple[Path, dt.date]:
    """The file itself, with the digest that it must have, and the day it was made.

    A download that broke off is gone on with; one that is whole and wrong is removed.

    Raises:
        StageFailed: it can't be had, or is another file than the digest says.
    """
    if not where.remote:
        path = Path(where.where)
        day = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC).date()
    else:
        path, day = _download(name, where)
    kind = where.digest.split(":")[0]
    seen = digest_of(path, kind)
    if seen != where.digest:
        if where.remote:
            path.unlink()
        raise StageFailed(
            f"image {name}: {where.where} has {seen}, and {where.digest} is wanted",
            "the file or the list is damaged or of another day: fetch both again",
        )
    return path, day


def _download(name: str, where: Origin) -> tuple[Path, dt.date]:
    folder = cache_root() / "images"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / where.digest.replace(":", "-")
    part = target.with_suffix(".part")
    if not target.is_file():
        try:
            modified = _continue(where.where, part)
        except OSError as error:
            hint = "what came is kept: run it again to go on" if part.is_file() and part.stat().st_size else ""
            raise StageFailed(f"image {name}: {where.where}: {error}", hint) from error
        if modified:
            os.utime(part, (modified, modified))
        part.replace(target)
    return target, dt.datetime.fromtimestamp(target.stat().st_mtime, dt.UTC).date()


def _continue(address: str, part: Path) -> float | None:
    """Fetch an address into a file, from where it ends (RFC 9110, section 14.2); returns when it was made there.

    Raises:
        OSError: it can't be had, or not whole.
    """
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(address)  # noqa: S310 (the model allows http and https)
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT)  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # all of it is there, or it is longer than the file: begin again
            part.unlink()
            return _continue(address, part)
        raise
    with answer:
        going_on = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        length = answer.headers.get("Content-Length")
        got = 0
        with part.open("ab" if going_on else "wb") as file:
            while chunk := answer.read(1 << 20):
                got += file.write(chunk)
        if length is not None and got != int(length):
            raise OSError(f"the connection ended after {got} of {length} bytes")
        stamp = answer.headers.get("Last-Modified")
    return email.utils.parsedate_to_datetime(stamp).timestamp() if stamp else None
