"""Where the rotation of a secret stands, told by the vault alone, so that a rotation that died goes on where it was.

1. *resting*: the vault holds NAME.
2. *pending*: NAME_next is there too, and is made valid beside NAME; clients still use NAME.
3. *moving*: NAME is the new one and NAME_old the one before; both are valid, clients are moved.
4. *resting* again: nobody uses the old one, it was made invalid, and forgotten.

Some secrets are passwords of accounts that have one password at a time. Such an account has a twin: the vault's
NAME_user says which of the two clients use (nothing: the one of the service's own name).
"""

from collections.abc import Mapping
from enum import Enum

Changes = dict[str, str | None]
"""What to write into the vault; None removes."""
TWIN = "-b"


class State(Enum):
    """Where a rotation stands."""

    RESTING = "resting"
    PENDING = "pending"
    MOVING = "moving"


def state(vault: Mapping[str, str], name: str) -> State:
    """Where the rotation of a secret stands."""
    if f"{name}_old" in vault:
        return State.MOVING
    return State.PENDING if f"{name}_next" in vault else State.RESTING


def unfinished(vault: Mapping[str, str]) -> list[str]:
    """Secrets whose rotation did not get to its end."""
    found = {name.removesuffix(end) for name in vault for end in ("_next", "_old") if name.endswith(end)}
    return sorted(name for name in found if name in vault or f"{name}_0" in vault if not name.startswith("bmc_"))


def begin(vault: Mapping[str, str], name: str, fresh: str) -> Changes:
    """From resting to pending; nothing in any other state."""
    return {f"{name}_next": fresh} if state(vault, name) is State.RESTING else {}


def switch(vault: Mapping[str, str], name: str, account: str | None = None) -> Changes:
    """From pending to moving; nothing in any other state.

    Args:
        vault: all secrets.
        name: of the secret.
        account: the account's own name, where it has a twin.
    """
    if state(vault, name) is not State.PENDING:
        return {}
    changes: Changes = {name: vault[f"{name}_next"], f"{name}_next": None, f"{name}_old": vault[name]}
    if account is not None:
        other = twin(vault, name, account)
        changes[f"{name}_user"] = None if other == account else other
    return changes


def finish(vault: Mapping[str, str], name: str) -> Changes:
    """From moving to resting; nothing in any other state."""
    return {f"{name}_old": None} if state(vault, name) is State.MOVING else {}


def used(vault: Mapping[str, str], name: str, account: str) -> str:
    """The account that clients use (or move to)."""
    return vault.get(f"{name}_user", account)


def twin(vault: Mapping[str, str], name: str, account: str) -> str:
    """The account that they don't use: the next one while pending, the one before while moving."""
    return account + TWIN if used(vault, name, account) == account else account
