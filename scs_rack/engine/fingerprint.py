"""One number for all that a run's outcome depends on, so that a resumed run knows whether anything changed."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from scs_rack.paths import shipped

_BESIDE = ("rack.yml", "group_vars", "host_vars", "switches")


def fingerprint(rack_dir: Path, secrets: Mapping[str, str], limit: Iterable[str] | None) -> str:
    """SHA-256 over the rack's files, our own code, roles and playbooks, the secrets, and the chosen devices."""
    total = hashlib.sha256()
    package = Path(__file__).resolve().parents[1]
    for root in (*(rack_dir / name for name in _BESIDE), shipped("roles"), shipped("playbooks"), package):
        for path in _files(root):
            total.update(f"{path.relative_to(root)}\0".encode())
            total.update(hashlib.sha256(path.read_bytes()).digest())
    total.update(repr(sorted(secrets.items())).encode())
    total.update(repr(None if limit is None else sorted(limit)).encode())
    return total.hexdigest()


def _files(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
    elif root.is_dir():
        found = (path for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc")
        yield from sorted(found)
