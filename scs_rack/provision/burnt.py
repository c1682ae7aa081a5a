"""What burn-ins told of servers, kept in the rack's state: one small file for each server."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scs_rack.files import write_file


@dataclass(frozen=True)
class BurnIn:
    """The last burn-in of a server that came to its end."""

    serial: str
    """Serial number of the server, by its own words."""
    seconds: int
    """How long each part took, at least."""
    results: Mapping[str, tuple[bool, str]]
    """Whether each part passed, and its figures."""

    @property
    def passed(self) -> bool:
        """True if something was tried, and all of it passed."""
        return bool(self.results) and all(passed for passed, _ in self.results.values())


def path(state_dir: Path, server: str) -> Path:
    """File of a server."""
    return state_dir / "provision" / f"{server}.burnin.json"


def keep(state_dir: Path, server: str, told: BurnIn) -> None:
    """Remember what a burn-in told."""
    plain = asdict(told) | {
        "results": {what: {"passed": passed, "seen": seen} for what, (passed, seen) in told.results.items()}
    }
    where = path(state_dir, server)
    where.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_file(where, json.dumps(plain, indent=1) + "\n", 0o600)


def read(state_dir: Path, server: str) -> BurnIn | None:
    """The last burn-in of a server; None when there was none, or its file can't be read."""
    try:
        told: dict[str, Any] = json.loads(path(state_dir, server).read_text(encoding="utf-8"))
        results = {what: (bool(one["passed"]), str(one["seen"])) for what, one in told["results"].items()}
        return BurnIn(str(told["serial"]), int(told["seconds"]), results)
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None


def lacking(state_dir: Path, server: str, seconds: int, serial: str | None) -> str:
    """Why a server has to be burnt in before it is installed; empty when it has not.

    Args:
        state_dir: the rack's state.
        server: its name.
        seconds: that each part has to take; 0 when no burn-in is asked for.
        serial: its serial number, where the rack file states it.
    """
    if not seconds:
        return ""
    told = read(state_dir, server)
    if told is None:
        return "it was never burnt in"
    if serial and told.serial != serial:
        return f"the server {told.serial} was burnt in, which is another one"
    if told.seconds < seconds:
        return f"its burn-in took {told.seconds} s a part only"
    if not told.passed:
        return "it did not pass its burn-in"
    return ""
