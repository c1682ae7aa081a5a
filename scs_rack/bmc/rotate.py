"""A new password for the account that scs-rack logs in with, on many BMCs, without a moment in which nobody knows it.

1. The new password goes into the vault beside the old one.
2. It is set on the BMC.
3. A second session logs in with it, while the first one is still open: where that fails, the first sets the old again.
4. The new one takes the old one's place in the vault.

If we die in between, the vault holds both; the next rotation tries each of them once and goes on.
"""

import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import replace

from scs_rack.bmc.errors import BmcError, Refused, WrongPassword
from scs_rack.bmc.fleet import Fleet
from scs_rack.bmc.types import Target
from scs_rack.results import Finding, Result

LENGTH = 16
"""Characters of a password: what IPMI 1.5 firmware still keeps whole (2.0 takes 20; 22.30 Set User Password)."""
_SETS = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.+")
STEP = "rotate the password"

Keep = Callable[[Mapping[str, str | None]], None]
"""Writes secrets by name (None removes one); returns when they are on the disk."""


def new_password() -> str:
    """A random password with characters of all four kinds that policies ask for."""
    while True:
        found = "".join(secrets.choice("".join(_SETS)) for _ in range(LENGTH))
        if all(set(found) & set(one) for one in _SETS) and found[0] in string.ascii_letters:
            return found


def names(server: str) -> tuple[str, str]:
    """Names in the vault of a server's password, and of the one that is to take its place."""
    return f"bmc_{server}", f"bmc_{server}_next"


async def rotate(fleet: Fleet, target: Target, pending: str | None, keep: Keep) -> Result:
    """Rotate the password of one BMC.

    Args:
        fleet: that calls it.
        target: with the password in use.
        pending: a new password that an earlier rotation left in the vault.
        keep: writes to the vault.

    Raises:
        BmcError: the BMC can't be reached, or takes none of the passwords; the vault still holds what it held.
    """
    current, following = names(target.name)
    if pending is not None and await _opens(fleet, replace(target, password=pending)):
        keep({current: pending, following: None})
        return Result(
            target.name, STEP, changed=True, diff="it was set already, by a rotation that did not get to its end"
        )
    password = pending or new_password()
    async with fleet.bmc(target) as bmc:
        keep({following: password})
        try:
            await bmc.set_password(target.user, password)
        except Refused:
            keep({following: None})
            raise
        try:
            opened = await _opens(fleet, replace(target, password=password))
        except BmcError as error:
            hint = "the vault holds both passwords: run it again"
            raise type(error)(f"{error.message}, after the new password was set", hint) from error
        if not opened:
            await bmc.set_password(target.user, target.password)
            back = await _opens(fleet, target)
            if back:
                keep({following: None})
            state = (
                "the old one is in force again" if back else "the vault holds both, find out by hand which one it takes"
            )
            finding = Finding(
                "password-not-taken", "error", target.name, "a login with the new password", f"it is refused; {state}",
                "some BMCs keep IPMI's password apart, or take fewer characters",
            )  # fmt: skip
            return Result(target.name, STEP, error="the BMC accepted the password and refuses it", findings=(finding,))
    keep({current: password, following: None})
    return Result(target.name, STEP, changed=True, diff="observed by a login with it")


async def _opens(fleet: Fleet, target: Target) -> bool:
    """Log in once and read; False if the password is refused."""
    try:
        async with fleet.bmc(target) as bmc:
            await bmc.power_state()
    except WrongPassword:
        return False
    return True
