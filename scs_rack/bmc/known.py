"""What was learnt of BMCs, so that the next call needs fewer exchanges: a hint, never trusted.

A hint that turns out wrong costs one exchange and is learnt anew. Nothing here is secret.
"""

import json
import logging
import time
from dataclasses import dataclass, fields
from pathlib import Path

from scs_rack.bmc.types import Target
from scs_rack.files import write_file

log = logging.getLogger(__name__)

AGE = 7 * 86400.0
"""Seconds after which a hint is forgotten: a firmware update may bring a better cipher suite."""
_LONGEST = 16 * 1024 * 1024


@dataclass
class Hint:
    """What one BMC was like."""

    at: float = 0.0
    """When it was learnt, Unix time."""
    suite: int = 0
    """Cipher suite that it takes; 0 when not known."""
    system: str = ""
    """Path of the host's Redfish system."""
    basic: bool | None = None
    """True when it takes Basic authentication, False when it wants sessions."""


class Known:
    """Hints of all BMCs of a rack.

    Args:
        path: file that keeps them; they are kept for this process alone when None.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._hints: dict[str, Hint] = {}
        self._before = ""
        if path is not None:
            self._hints = _read(path)
            self._before = self._text()

    def hint(self, target: Target) -> Hint:
        """The hint of a BMC, to be read and changed."""
        key = f"{target.protocol}://{target.address}:{target.port or ''}"
        found = self._hints.get(key)
        if found is None or time.time() - found.at > AGE:
            found = self._hints[key] = Hint(at=time.time())
        return found

    def forget(self, target: Target) -> None:
        """Forget what was known of a BMC."""
        self._hints.pop(f"{target.protocol}://{target.address}:{target.port or ''}", None)

    def save(self) -> None:
        """Write what changed; that it can't be written costs a later call some exchanges and nothing else."""
        text = self._text()
        if self._path is None or text == self._before:
            return
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_file(self._path, text)
        except OSError as error:
            log.warning("%s can't be written: %s", self._path, error.strerror)
        self._before = text

    def _text(self) -> str:
        return json.dumps({key: vars(hint) for key, hint in self._hints.items() if hint != Hint(at=hint.at)})


def _read(path: Path) -> dict[str, Hint]:
    """Hints of a file; what is not as it should be is left out."""
    try:
        raw = path.read_bytes()
        data = json.loads(raw) if len(raw) <= _LONGEST else {}
    except (OSError, ValueError, RecursionError):
        return {}
    found = {}
    known = {field.name for field in fields(Hint)}
    for key, value in data.items() if isinstance(data, dict) else ():
        if isinstance(value, dict) and set(value) <= known:
            hint = Hint(**value)
            if _plausible(hint):
                found[key] = hint
    return found


def _plausible(hint: Hint) -> bool:
    right = isinstance(hint.at, int | float) and isinstance(hint.suite, int) and isinstance(hint.system, str)
    return right and hint.suite in (0, 3, 17) and len(hint.system) < 512 and hint.basic in (None, True, False)
