"""Accounts of a BMC: set, then read back, as `settings` does."""

from scs_rack.bmc.errors import Refused
from scs_rack.bmc.facts import Role, User
from scs_rack.bmc.read_back import change_and_look
from scs_rack.bmc.types import Bmc, TimeLimits
from scs_rack.results import Finding, Result


async def add_user(bmc: Bmc, name: str, password: str, role: Role, limits: TimeLimits) -> Result:
    """Add an account, enabled."""

    def taken(seen: tuple[User, ...]) -> bool:
        return any((one.name, one.role, one.enabled) == (name, role, True) for one in seen)

    step = f"add user {name}"
    expected = f"user {name}, {role}, enabled"
    return await change_and_look(
        bmc, step, lambda: bmc.add_user(name, password, role), bmc.users, taken=taken, expected=expected, limits=limits
    )


async def set_user(
    bmc: Bmc, name: str, limits: TimeLimits, role: Role | None = None, *, enabled: bool | None = None
) -> Result:
    """Change an account; None leaves as it is."""

    def taken(seen: tuple[User, ...]) -> bool:
        return any(one.name == name and role in (None, one.role) and enabled in (None, one.enabled) for one in seen)

    words = [*([role] if role else []), *([] if enabled is None else ["enabled" if enabled else "disabled"])]
    step = f"set user {name}: {', '.join(words)}"
    if enabled is False and name == bmc.target.user:
        raise Refused(f"{bmc.target.where}: {name} is the user that scs-rack logs in with", "name another one")
    if taken(await bmc.users()):
        return Result(bmc.target.name, step)
    change = lambda: bmc.set_user(name, role=role, enabled=enabled)  # noqa: E731
    return await change_and_look(
        bmc, step, change, bmc.users, taken=taken, expected=f"user {name}: {', '.join(words)}", limits=limits
    )


async def set_password(bmc: Bmc, name: str, password: str, limits: TimeLimits) -> Result:  # noqa: ARG001
    """Set the password of another account than our own.

    It is not tried afterwards: a failed login counts against the account, and not every account may log in here.
    """
    if name == bmc.target.user:
        hint = "its password is in the vault too and must change in both places: `scs-rack bmc rotate` does that"
        raise Refused(f"{bmc.target.where}: {name} is the user that scs-rack logs in with", hint)
    await bmc.set_password(name, password)
    seen = "the BMC accepted it; a password can't be read back, and trying it might lock the account"
    unseen = Finding("password-not-observable", "info", f"{bmc.target.name} {name}", "the new password", seen)
    return Result(bmc.target.name, f"set the password of {name}", changed=True, findings=(unseen,))


async def remove_user(bmc: Bmc, name: str, limits: TimeLimits) -> Result:
    """Remove an account; refused for the one that we are logged in with."""
    if name == bmc.target.user:
        raise Refused(f"{bmc.target.where}: {name} is the user that scs-rack logs in with", "name another one")

    def gone(seen: tuple[User, ...]) -> bool:
        return not any(one.name == name for one in seen)

    step = f"remove user {name}"
    if gone(await bmc.users()):
        return Result(bmc.target.name, step)
    return await change_and_look(
        bmc, step, lambda: bmc.remove_user(name), bmc.users, taken=gone, expected=f"no user {name}", limits=limits
    )
