"""Keystone's keys: rows `fernet_N` (tokens) and `credential_N` (stored credentials) of the vault.

Key 0 of a row was distributed a rotation ago and only decrypts; the highest encrypts. A rotation makes key 0 the
highest, and a fresh one key 0: whichever controller hears of it first, the others can read what it encrypts.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scs_rack import vault
from scs_rack.engine.stage import Context
from scs_rack.results import Result
from scs_rack.rotation import states
from scs_rack.rotation.kinds import PLATFORM, Kind, Vault
from scs_rack.rotation.nodes import told

KEPT = 5
"""Keys of a row beside key 0: a token of an older one is refused."""
LIFE = dt.timedelta(hours=72)
"""For so long may a token be shown: four hours, two days more by a service that acts for its owner (Keystone's
`allow_expired_window`), and some time to spare."""
TIMES = "fernet_times"
"""When the row of tokens' keys moved on, newest last (seconds since 1970)."""

MIGRATE = r"""
import json, subprocess, sys
json.load(sys.stdin)
command = ["runuser", "-u", "keystone", "--", "keystone-manage", "credential_migrate"]
done = subprocess.run(command, capture_output=True, text=True)
print(json.dumps("" if done.returncode == 0 else (done.stderr or done.stdout).strip().splitlines()[-1]))
"""


@dataclass(frozen=True)
class KeyRow(Kind):
    """The rows `fernet` and `credential`, by these names."""

    playbooks: tuple[str, ...] = (PLATFORM,)
    written: bool = False

    def begin(self, stored: Vault, name: str) -> states.Changes:
        """A fresh key, not yet in the row."""
        return states.begin(stored, name, vault.generate(f"{name}_0"))

    def switch(self, stored: Vault, name: str) -> states.Changes:
        """The row moves on by one."""
        return turned(stored, name) if states.state(stored, name) is states.State.PENDING else {}

    def retire(self, ctx: Context, stored: Vault, names: Sequence[str]) -> Iterable[Result]:  # noqa: ARG002
        """Stored credentials are encrypted anew; keys of tokens that went out stay until their row is full."""
        for name in names:
            why = told(ctx, ctx.design.groups["controller"][0], MIGRATE, {}) if name == "credential" else ""
            yield Result("keystone", f"{name} keys are on all controllers", changed=True, error=why or None)


def row(stored: Vault, name: str) -> list[int]:
    """Numbers of a row's keys."""
    ends = [one.removeprefix(f"{name}_") for one in stored if one.startswith(f"{name}_")]
    return sorted(int(end) for end in ends if end.isdigit())


def turned(stored: Vault, name: str) -> states.Changes:
    """What a rotation changes in a row, its fresh key at hand as NAME_next."""
    numbers = row(stored, name)
    highest = numbers[-1] + 1
    changes: states.Changes = {f"{name}_{highest}": stored[f"{name}_0"], f"{name}_0": stored[f"{name}_next"]}
    changes |= {f"{name}_{number}": None for number in numbers if 0 < number <= highest - KEPT}
    if name == "fernet":
        changes[TIMES] = " ".join([*_times(stored), str(int(dt.datetime.now(dt.UTC).timestamp()))][-KEPT:])
    return changes | {f"{name}_next": None, f"{name}_old": "see the row"}


def too_early(stored: Vault) -> str | None:
    """Why the row of tokens' keys may not move on now; None when it may."""
    times = _times(stored)
    if len(row(stored, "fernet")) <= KEPT or len(times) < KEPT - 1:
        return None  # no key goes out
    # the key that would go out encrypted tokens until the one after it did
    since = dt.datetime.fromtimestamp(int(times[1 - KEPT]), dt.UTC)
    if dt.datetime.now(dt.UTC) - since >= LIFE:
        return None
    return f"tokens of the key that would go out may be shown until {since + LIFE:%F %H:%M} UTC"


def _times(stored: Vault) -> list[str]:
    return stored.get(TIMES, "").split()
