"""What can be wrong with a virtual BMC on demand: the names, what each does, and which are in force."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from scs_rack.errors import UsageError

Fault = Literal[
    "silent",
    "slow",
    "drops",
    "wrong-password",
    "lies",
    "ejects-media",
    "rewrites-boot-order",
    "garbage",
    "truncated",
    "few-sessions",
    "half-open",
    "expired-certificate",
    "clock-1970",
]

FAULTS: dict[Fault, str] = {
    "silent": "dead: no packet is answered, TCP connections are not even accepted",
    "slow": "waits some seconds before each answer",
    "drops": "loses every second datagram, and half of the packets of TCP at random",
    "wrong-password": "refuses the right password, as if somebody had changed it",
    "lies": "says yes to every change and does nothing",
    "ejects-media": "ejects virtual media while the server is in POST",
    "rewrites-boot-order": "forgets a persistent boot override and puts the disk first while the server is in POST",
    "garbage": "answers noise: random bytes by IPMI, HTML and JSON of wrong types by Redfish",
    "truncated": "cuts each answer in the middle",
    "few-sessions": "has room for 4 sessions",
    "half-open": "accepts TCP connections and never says a word on them; open ones fall silent (Redfish)",
    "expired-certificate": "shows a certificate that expired (Redfish)",
    "clock-1970": "its clock starts again in 1970, as without a battery; it can be set",
}
ALIASES: dict[str, Fault] = {"dead": "silent"}
FEW_SESSIONS = 4


def named(name: str) -> Fault:
    """A fault by its name or alias.

    Raises:
        UsageError: there is no such fault.
    """
    if name in ALIASES:
        return ALIASES[name]
    for fault in FAULTS:
        if fault == name:
            return fault
    raise UsageError(f"a BMC has no fault {name}", f"it can be {', '.join((*ALIASES, *FAULTS))}")


class LiveFaults:
    """The faults that are in force at this moment; read again from a configuration file whenever it changes."""

    def __init__(self, faults: list[Fault], slow_seconds: float, path: Path | None = None) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self.slow_seconds = slow_seconds
        self._faults: frozenset[str] = frozenset(faults)
        self.watched = path is not None
        """True when a file may change them at any time."""
        self.listeners: list[Callable[[], None]] = []
        """Called after each change that was noticed."""

    def __contains__(self, fault: str) -> bool:
        self.refresh()
        return fault in self._faults

    def set(self, *faults: Fault) -> None:
        """Set them directly (tests without a file)."""
        self._take(frozenset(faults))

    def _take(self, faults: frozenset[str]) -> None:
        changed, self._faults = faults != self._faults, faults
        if changed:
            for told in list(self.listeners):
                told()

    def refresh(self) -> None:
        """Read the file again if it changed."""
        if self._path is None:
            return
        from scs_rack.lab.bmc.config import load_config

        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp == self._stamp:
                return
            config = load_config(self._path)
        except (OSError, UsageError):
            return  # being rewritten: what was in force stays in force until the file is whole again
        self._stamp, self.slow_seconds = stamp, config.slow_seconds
        self._take(frozenset(config.faults))
