"""What the manager holds of a rack, as a tar: the folder of the rack file, and its state."""

import io
import os
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

from scs_rack.vault import PASSWORD_FILE

LEFT_OUT = frozenset({"lab", "archives", "lock", "lab.lock", "locks", "mux", "drift", PASSWORD_FILE, "__pycache__"})
"""Names of files and folders that are no part of a backup: what is made anew, the backups themselves, sockets; and the
vault's password, without which nobody shall read the vault."""
_SQLITE = b"SQLite format 3\0"
_BESIDE = ("-wal", "-shm", "-journal")
RACK = "rack"
STATE = "state"


def pack(out: Any, rack_dir: Path, state_dir: Path) -> int:
    """Write the tar to something that has `write`; returns the number of files."""
    count = 0
    with tarfile.open(fileobj=out, mode="w|") as tar:
        for title, folder in ((RACK, rack_dir), (STATE, state_dir)):
            for path in _files(folder):
                count += _add(tar, path, f"{title}/{path.relative_to(folder)}")
    return count


def unpack(source: IO[bytes], target: Path) -> list[str]:
    """Unpack into an empty folder; returns the names. Nothing is written outside of it (PEP 706, `data`)."""
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = []
    with tarfile.open(fileobj=source, mode="r|") as tar:
        for member in tar:
            tar.extract(member, target, filter="data")
            names.append(member.name)
    return names


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in LEFT_OUT and not name.startswith(".git"))
        for name in sorted(files):
            path = Path(parent, name)
            if name not in LEFT_OUT and not name.endswith(_BESIDE) and path.is_file() and not path.is_symlink():
                yield path


def _add(tar: tarfile.TarFile, path: Path, name: str) -> int:
    """Add one file as it is now; one that vanished is none."""
    try:
        about = path.stat()
        data = _snapshot(path) if _is_sqlite(path) else path.read_bytes()
    except FileNotFoundError:
        return 0
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(data), about.st_mode & 0o777, int(about.st_mtime)
    tar.addfile(member, io.BytesIO(data))
    return 1


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def _snapshot(path: Path) -> bytes:
    """A database with all that its write-ahead log has, as of one moment."""
    with (
        closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as live,
        closing(sqlite3.connect(":memory:")) as copy,
    ):
        live.backup(copy)
        return copy.serialize()
