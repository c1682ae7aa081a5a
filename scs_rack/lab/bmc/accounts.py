"""Accounts of a virtual BMC, one list for both protocols (IPMI v2.0, 22.26 to 22.30; Redfish ManagerAccount)."""

import hmac
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Role = Literal["Administrator", "Operator", "ReadOnly"]

SLOTS = 15
NULL_USER, FIRST_USER = 1, 2
"""Slot 1 belongs to IPMI's anonymous user, which is switched off and has no name."""
PRIVILEGES: dict[int, Role] = {2: "ReadOnly", 3: "Operator", 4: "Administrator"}
LEVELS: dict[str, int] = {role: level for level, role in PRIVILEGES.items()}
NO_ACCESS = 0x0F
MIN_PASSWORD, MAX_PASSWORD, MAX_NAME = 8, 20, 16


@dataclass
class Account:
    """One slot; empty while it has no name."""

    slot: int
    name: str = ""
    password: str = ""
    level: int = NO_ACCESS
    """IPMI privilege: 2 user, 3 operator, 4 administrator, 15 none."""
    enabled: bool = False
    must_change: bool = False
    failures: int = 0
    locked_until: float = 0.0

    @property
    def role(self) -> Role:
        """Redfish role."""
        return PRIVILEGES.get(self.level, "ReadOnly")

    @property
    def locked(self) -> bool:
        """True while too many wrong passwords keep it shut."""
        return time.monotonic() < self.locked_until


class Accounts:
    """All slots of one BMC.

    Args:
        user: name of the first administrator.
        password: its password.
        changed: called after each change, to keep it.
    """

    def __init__(self, user: str, password: str, changed: Callable[[], None] = lambda: None) -> None:
        self.slots = {FIRST_USER: Account(FIRST_USER, user, password, 4, enabled=True)}
        self.changed = changed
        self.lock_after = 10
        """Wrong passwords in a row that shut an account; 0 for never."""
        self.lock_seconds = 30
        self.min_password = MIN_PASSWORD

    def slot(self, number: int) -> Account:
        """A slot that may be empty; kept only once it is written."""
        return self.slots.get(number, Account(number))

    def put(self, account: Account) -> None:
        """Write a slot."""
        if account.name or account.password or account.enabled:
            self.slots[account.slot] = account
        else:
            self.slots.pop(account.slot, None)
        self.changed()

    def remove(self, slot: int) -> None:
        """Empty a slot."""
        self.slots.pop(slot, None)
        self.changed()

    def named(self, name: str) -> Account | None:
        """The account of a name, switched off or not."""
        return next((one for one in self.slots.values() if one.name and one.name == name), None)

    def free(self) -> int | None:
        """Number of an empty slot."""
        return next((n for n in range(FIRST_USER, SLOTS + 1) if not self.slot(n).name), None)

    def login(self, name: str, password: str) -> Account | None:
        """The account that a name and a password open; counts failures."""
        account = self.named(name)
        right = hmac.compare_digest(password.encode(), (account.password if account else "").encode())
        if account is None or not account.enabled or account.level == NO_ACCESS or account.locked:
            return None
        self.tried(account, right=right)
        return account if right else None

    def tried(self, account: Account, *, right: bool) -> None:
        """Count a login."""
        account.failures = 0 if right else account.failures + 1
        if self.lock_after and account.failures >= self.lock_after:
            account.failures = 0
            account.locked_until = time.monotonic() + self.lock_seconds

    def dump(self) -> list[dict[str, Any]]:
        """What is kept over a restart."""
        names = ("slot", "name", "password", "level", "enabled", "must_change")
        return [{name: asdict(one)[name] for name in names} for one in self.slots.values()]

    def load(self, kept: list[dict[str, Any]]) -> None:
        """Take what was kept.

        Raises:
            TypeError: it is no list of accounts.
        """
        slots = {int(one["slot"]): Account(**one) for one in kept}
        if slots:
            self.slots = slots
