"""What goes from the site's machine to a manager node: an order for one rack, and the files of the rack."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from scs_rack import vault
from scs_rack.errors import UsageError

FILE, RACK = "ticket.json", "rack"
"""The order, and the folder with the rack's files, as they are sent."""
LARGEST = 32 * 1024 * 1024
"""Bytes of all files of one rack; more is a folder that holds other things than a rack."""

Action = Literal["run", "read", "stop"]


@dataclass(frozen=True)
class Ticket:
    """One order for one rack."""

    rack: str
    id: str
    """The same for all links of one command, so that a second link goes on where the first was lost."""
    action: Action
    """`run`: begin a run, or follow the one that this very order began. `read`: a command that changes nothing, for as
    long as the link lasts. `stop`: ask the run of this order to stop, as Ctrl-C does."""
    words: tuple[str, ...]
    """Command line of scs-rack for this rack, without `-r`."""
    folder: str
    """Where the rack's files lie on the manager."""
    sent: bool
    """False: they are no copy, since the site's machine is the manager."""
    digest: str = ""
    """Of the files that are sent."""
    vault: bool = False
    """True: a vault lies beside the rack file on the site's machine. It is never sent."""
    run: str = ""
    """Run folder that is followed already."""
    after: int = 0
    """Number of its last event that was heard."""
    version: str = ""
    """Of scs-rack on the site's machine."""

    def write(self, folder: Path) -> None:
        """Put it into the folder that is sent."""
        (folder / FILE).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Ticket":
        """What was sent.

        Raises:
            UsageError: it is not an order.
        """
        try:
            content: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
            known = {field.name for field in fields(cls)}
            return cls(**{**{k: v for k, v in content.items() if k in known}, "words": tuple(content["words"])})
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise UsageError(f"{folder} holds no order of a site: {error}", "`scs-rack -s SITE` sends one") from None


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Files of a rack that go to its manager: all but the vault, its password and other hidden files."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(".") for part in parts) and parts != (vault.FILE,):
            yield "/".join(parts), path


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each of these files.

    Raises:
        UsageError: the folder holds too much.
    """
    found, total = {}, 0
    for name, path in files(folder):
        total += path.stat().st_size
        if total > LARGEST:
            raise UsageError(
                f"{folder} holds more than {LARGEST >> 20} MiB with {name}", "keep other things than the rack elsewhere"
            )
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def whole(found: dict[str, str]) -> str:
    """One digest for all of them."""
    return hashlib.sha256(json.dumps(sorted(found.items())).encode()).hexdigest()


def copy(folder: Path, to: Path) -> None:
    """Copy these files, with their permissions."""
    for name, path in files(folder):
        target = to / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
