"""The rack's files on its manager: taken over from the site's machine, unless somebody changed them here."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from scs_rack import vault
from scs_rack.errors import UsageError
from scs_rack.files import write_file
from scs_rack.sites.ticket import RACK, Ticket, copy, digests

SENT = ".site.json"
"""Says in the rack's folder which files came from the site's machine, and what was in them."""


def judge(ticket: Ticket, received: Path) -> None:
    """See whether the files may be taken over; changes nothing.

    Raises:
        UsageError: they would undo what was changed here, or the vault is elsewhere.
    """
    if not ticket.sent:
        return
    here = Path(ticket.folder)
    if ticket.vault and not (here / vault.FILE).is_file():
        raise UsageError(
            f"the vault of {ticket.rack} lies on the site's machine, and not in {here} on its manager",
            f"move {vault.FILE} and {vault.PASSWORD_FILE} there; without them new secrets would be made up",
        )
    new, now, before = digests(received / RACK), digests(here) if here.is_dir() else {}, _before(here)
    changed = [name for name, digest in now.items() if new.get(name) != digest and before.get(name) != digest]
    if changed:
        raise UsageError(
            f"changed on the manager of {ticket.rack}, in {here}: {', '.join(changed)}",
            "nothing was changed; bring the files to the site's machine first (scp), or remove them there",
        )


def take(ticket: Ticket, received: Path) -> None:
    """Take the files over; call it while the rack is held, after `judge`."""
    if not ticket.sent:
        return
    here = Path(ticket.folder)
    here.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = digests(received / RACK)
    write_file(here / SENT, json.dumps(_before(here) | new))  # killed in between: both are ours
    for name in new:
        source, target = received / RACK / name, here / name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_file(target, source.read_bytes(), source.stat().st_mode & 0o777)
    for name in set(_before(here)) - set(new):
        (here / name).unlink(missing_ok=True)
    write_file(here / SENT, json.dumps(new))


@contextmanager
def looked_at(ticket: Ticket, received: Path) -> Iterator[Path]:
    """A folder with the files that were sent and the vault that is here, for commands that change nothing."""
    if not ticket.sent:
        yield Path(ticket.folder)
        return
    with TemporaryDirectory(prefix="scs-rack-look-") as name:
        folder = Path(name) / ticket.rack
        copy(received / RACK, folder)
        for one in (vault.FILE, vault.PASSWORD_FILE):
            if (Path(ticket.folder) / one).is_file():
                shutil.copy2(Path(ticket.folder) / one, folder / one)
        yield folder


def _before(here: Path) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads((here / SENT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found
