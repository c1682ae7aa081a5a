"""Faults of lab switches on demand. They are written into the switch, whose own programs act on them.

Each lasts until it is healed, but those that strike once: these are gone once they struck. All survive a power cycle.
"""

import contextlib
import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scs_rack.errors import UsageError
from scs_rack.lab import overlay
from scs_rack.lab.layout import Lab

FAULTS = {
    "ssh-cut": "in the middle of the next change SSH dies, and nobody gets in for --seconds (20); strikes once",
    "patch-half": "the next change fails when half of it is applied; strikes once",
    "rollback": "`config rollback` fails",
    "slow-reload": "`config reload` takes --seconds (60)",
    "bgp-down": "the BGP session on PORT stays down, though its link is up",
}
"""What can be done to a switch that runs, with what it does."""
WITH_SECONDS = ("ssh-cut", "slow-reload")
CUT = "cut"
"""Ports whose cable is cut; set by `scs-rack lab cable`."""
FILE = "etc/labswitch/faults.json"


def _path(lab: Lab, name: str) -> Path:
    return overlay.root(lab, name) / FILE


def read(lab: Lab, name: str) -> dict[str, Any]:
    """Faults that are set on a switch."""
    try:
        found: dict[str, Any] = json.loads(_path(lab, name).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found


@contextmanager
def _changing(lab: Lab, name: str) -> Iterator[dict[str, Any]]:
    overlay.mount(lab, name)
    path = _path(lab, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with (lab.folder(name) / "faults.lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = read(lab, name)
        yield found
        temporary = path.with_name("faults.new")
        temporary.write_text(json.dumps(found), encoding="utf-8")
        temporary.replace(path)


def inflict(lab: Lab, name: str, fault: str, *, port: str | None = None, seconds: float | None = None) -> None:
    """Set a fault.

    Args:
        lab: which lab.
        name: the switch.
        fault: one of FAULTS.
        port: for `bgp-down`, which session.
        seconds: for those that last a while.

    Raises:
        UsageError: a port or a time is missing, or makes no sense here.
    """
    if fault == "bgp-down" and port not in lab.machine(name).ports:
        raise UsageError(
            f"{name} has no cabled port {port}" if port else "bgp-down needs the port of the session",
            f"write it behind: scs-rack lab fault {name} bgp-down Ethernet0",
        )
    if fault != "bgp-down" and port:
        raise UsageError(f"{fault} takes no port", f"scs-rack lab fault {name} {fault}")
    if fault not in WITH_SECONDS and seconds is not None:
        raise UsageError(f"{fault} takes no --seconds", f"only {' and '.join(WITH_SECONDS)} do")
    with _changing(lab, name) as found:
        if fault == "bgp-down":
            found[fault] = sorted({*found.get(fault, []), str(port)})
        else:
            found[fault] = {} if seconds is None else {"seconds": seconds}


def touch(lab: Lab, name: str) -> None:
    """Let a switch look at its faults and its ports again."""
    with _changing(lab, name):
        pass


def heal(lab: Lab, name: str) -> None:
    """Take all faults away; cut cables stay cut."""
    with _changing(lab, name) as found:
        for fault in FAULTS:
            found.pop(fault, None)


def mark_cut(lab: Lab, name: str, port: str, *, cut: bool) -> None:
    """Let a switch keep a port without link, or give it back."""
    with _changing(lab, name) as found:
        ports = set(found.get(CUT, []))
        ports = ports | {port} if cut else ports - {port}
        found[CUT] = sorted(ports)
        if not ports:
            found.pop(CUT)


def listing(lab: Lab, name: str) -> list[str]:
    """Faults of a switch in words."""
    lines = []
    for fault, how in sorted(read(lab, name).items()):
        detail = ", ".join(how) if isinstance(how, list) else " ".join(f"{key}={value}" for key, value in how.items())
        lines.append(f"{fault} {detail}".strip())
    with contextlib.suppress(OSError):
        if (lab.folder(name) / "replaced").exists():
            lines.append(f"replaced {(lab.folder(name) / 'replaced').read_text(encoding='ascii').strip()}")
    return lines
