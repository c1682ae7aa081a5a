"""A backup is verified by restoring it where it harms nobody: each part is opened and tried by its own tools."""

import io
import json
import re
import sqlite3
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from scs_rack import vault
from scs_rack.backup import checks, manager, pipe
from scs_rack.backup.seal import Damaged
from scs_rack.backup.shelf import Backup, Part, digest
from scs_rack.backup.sources import MANAGER, SWITCHES
from scs_rack.engine.stage import Context
from scs_rack.errors import Interrupted, ScsRackError, StageFailed
from scs_rack.model.load import load_rack
from scs_rack.remote import run_many
from scs_rack.sonic.checks import load_tables

END = b"-- Dump completed"
"""Last line of a whole dump (mariadb-dump(1))."""
_TABLE = re.compile(rb"^CREATE TABLE `", re.MULTILINE)


@dataclass(frozen=True)
class Verdict:
    """Of one part."""

    part: str
    good: bool
    words: str
    """What was found in it, or what is wrong."""


def verify(ctx: Context, backup: Backup, password: bytes, on: str | None = None) -> Iterator[Verdict]:
    """Try all parts; a verdict as soon as it is there.

    Args:
        ctx: rack and state.
        backup: which.
        password: of the vault when it was made.
        on: the server that tries what needs its tools; a controller when None.

    Raises:
        UsageError: the password is another.
        Damaged: the manifest was changed.
    """
    key = backup.open(password)
    for part in backup.parts:
        try:
            yield Verdict(part.name, True, _part(ctx, Opening(backup, key, password), part, on))
        except Interrupted:
            raise
        except (ScsRackError, OSError, ValueError, tarfile.TarError, sqlite3.Error) as error:
            yield Verdict(part.name, False, getattr(error, "message", None) or f"{type(error).__name__}: {error}")
    for name, why in backup.failed.items():
        yield Verdict(name, False, f"is not in it: {why}")


@dataclass(frozen=True)
class Opening:
    """A backup, and what opens it."""

    backup: Backup
    key: bytes
    password: bytes


def _part(ctx: Context, opening: Opening, part: Part, on: str | None) -> str:
    if digest(opening.backup.folder / f"{part.name}.sealed") != part.sha256:
        raise Damaged(f"{part.name}.sealed is not the file that was written")
    with opening.backup.content(opening.key, part.name) as pieces:
        if part.name == MANAGER:
            return _manager(pieces, opening.password)
        if part.name == SWITCHES:
            return _switches(pieces)
        return _tried(ctx, part, pieces, _hosts(ctx, part, on))


def _hosts(ctx: Context, part: Part, on: str | None) -> list[str]:
    if on is not None:
        return [on]
    groups = ctx.design.groups
    return list(reversed(groups["ceph_mon"] if part.name.startswith("ceph") else groups["controller"]))


def _tried(ctx: Context, part: Part, pieces: Iterator[bytes], hosts: list[str]) -> str:
    """Give it to its tools on a server."""
    counter = Dump() if part.name == "databases" else None
    host = _reachable(ctx, hosts)
    said = pipe.feed(ctx, host, checks.argv(part.name), counter.through(pieces) if counter else pieces)
    try:
        found = json.loads(said)
    except ValueError as error:
        raise StageFailed(f"{host} says {said[:200]!r}") from error
    if counter is not None:
        return counter.judge(found["databases"], host)
    return ", ".join(f"{count} {what}" for what, count in found.items()) + f", by its own tools on {host}"


def _reachable(ctx: Context, hosts: list[str]) -> str:
    answers = run_many(ctx, hosts, ["true"], timeout=20)
    for host in hosts:
        if answers[host].ok:
            return host
    raise StageFailed(f"no server answers that could try it: {', '.join(hosts)}")


class Dump:
    """Looks at a dump as it passes: its tables, and its last line."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=31)
        self._line = b""
        self._tail = b""
        self.tables = 0

    def through(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The pieces, unchanged."""
        for piece in pieces:
            self._look(self._inflate.decompress(piece))
            yield piece
        self._look(self._inflate.flush())

    def judge(self, found: dict[str, int], host: str) -> str:
        """Compare with what a server has that loaded it.

        Raises:
            StageFailed: it is not the same, or the dump has no end.
        """
        if END not in self._tail:
            raise StageFailed("the dump has no end: it was cut when it was made")
        tables = sum(found.values())
        if not tables or tables != self.tables:
            raise StageFailed(f"the dump has {self.tables} tables, the server that loaded it {tables}")
        return f"{len(found)} databases with {tables} tables, loaded and checked by a MariaDB of their own on {host}"

    def _look(self, text: bytes) -> None:
        self._tail = (self._tail + text)[-200:]
        whole, newline, rest = text.rpartition(b"\n")
        if newline:
            self.tables += len(_TABLE.findall(self._line + whole))
            self._line = rest[:20]
        else:
            self._line = (self._line + text)[:20]


def _manager(pieces: Iterator[bytes], password: bytes) -> str:
    """Unpack it, load the rack file, open the vault with the password, and have each SQLite database check itself."""
    with tempfile.TemporaryDirectory(prefix="scs-rack-verify-") as folder:
        names = manager.unpack(cast("IO[bytes]", Reader(pieces)), Path(folder))
        rack, state = Path(folder, manager.RACK), Path(folder, manager.STATE)
        load_rack(rack)
        secrets = vault.opened(rack / vault.FILE, password) if (rack / vault.FILE).is_file() else {}
        if not secrets:
            raise StageFailed("it holds no vault")
        missing = [one for one in ("ca/ca.crt", "ca/ca.key", "ssh/id_ed25519") if not (state / one).is_file()]
        if missing:
            raise StageFailed(f"it lacks {', '.join(missing)}")
        databases = [path for path in state.rglob("*") if path.suffix in (".db", ".sqlite") and path.is_file()]
        for path in databases:
            with closing(sqlite3.connect(path)) as database:
                (word,) = database.execute("PRAGMA integrity_check").fetchone()
                if word != "ok":
                    raise StageFailed(f"{path.name}: {word}")
        runs = len(list(state.glob("runs/*/journal.db")))
        return f"{len(names)} files, rack file valid, {len(secrets)} secrets, {runs} runs"


def _switches(pieces: Iterator[bytes]) -> str:
    found = []
    with tarfile.open(fileobj=cast("IO[bytes]", Reader(pieces)), mode="r|") as tar:
        for member in tar:
            file = tar.extractfile(member)
            text = file.read().decode() if file else ""
            if member.name.endswith(".json"):
                load_tables(text)
                found.append(member.name.removesuffix(".json"))
    if not found:
        raise StageFailed("it holds no configuration")
    return f"CONFIG_DB of {', '.join(sorted(found))}"


class Reader(io.RawIOBase):
    """Pieces as a file that is read once."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces
        self._have = b""

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Exactly so many bytes, fewer only at the end."""
        parts, length = [self._have], len(self._have)
        while size < 0 or length < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            parts.append(piece)
            length += len(piece)
        data = b"".join(parts)
        cut = len(data) if size < 0 else size
        self._have = data[cut:]
        return data[:cut]

    def readinto(self, buffer: Any) -> int:
        """For those who bring a buffer."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
