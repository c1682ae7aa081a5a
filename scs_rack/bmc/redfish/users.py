"""Accounts of a BMC: AccountService.Accounts."""

from scs_rack.bmc.errors import NotSupported, Refused
from scs_rack.bmc.facts import Role, User
from scs_rack.bmc.redfish.read import flag, link, text
from scs_rack.bmc.redfish.tree import Json, Tree

ROLES: dict[Role, str] = {
    "administrator": "Administrator",
    "operator": "Operator",
    "readonly": "ReadOnly",
    "none": "None",
}
_NAMES: dict[str, Role] = {name: role for role, name in ROLES.items()}


async def read(tree: Tree) -> tuple[User, ...]:
    """Accounts; slots without a name are left out."""
    return tuple([_user(path, body) for path, body in await _accounts(tree) if text(body, "UserName")])


async def add(tree: Tree, name: str, password: str, role: Role) -> None:
    """Add an account; an empty slot is filled where the BMC has slots."""
    account: Json = {"UserName": name, "Password": password, "RoleId": _role(tree, role), "Enabled": True}
    accounts = await _accounts(tree)
    if any(text(body, "UserName") == name for _, body in accounts):
        raise Refused(f"{tree.where}: it has a user {name} already")
    collection = await _collection(tree)
    if not await tree.has("users-in-slots"):
        try:
            await tree.post(collection, account)
        except NotSupported:
            pass
        else:
            return
    # Slot 1 of iDRAC is reserved and has no name either.
    free = [path for path, body in accounts if not text(body, "UserName") and text(body, "Id") != "1"]
    if not free:
        raise Refused(f"{tree.where}: all of its account slots are taken")
    await tree.patch(free[0], account)


async def change(tree: Tree, name: str, body: Json) -> None:
    """Patch the account of a user."""
    await tree.patch(await _path(tree, name), body)


async def set_user(tree: Tree, name: str, role: Role | None, *, enabled: bool | None) -> None:
    """Change role or state; what is None stays."""
    body: Json = {} if role is None else {"RoleId": _role(tree, role)}
    if enabled is not None:
        body["Enabled"] = enabled
    if body:
        await change(tree, name, body)


async def remove(tree: Tree, name: str) -> None:
    """Remove an account; a slot is emptied where accounts can't be deleted."""
    path = await _path(tree, name)
    if not await tree.has("users-in-slots"):
        try:
            await tree.delete(path)
        except NotSupported as error:
            if error.status == 404:
                raise
        else:
            return
    await tree.first_that_works([(path, {"Enabled": False, "UserName": ""}), (path, {"UserName": ""})])


def _role(tree: Tree, role: Role) -> str:
    if role not in ROLES:
        raise Refused(f"{tree.where}: no role {role}", f"there are {', '.join(ROLES)}")
    return ROLES[role]


async def _collection(tree: Tree) -> str:
    service = await tree.optional(link(await tree.root(), "AccountService"))
    path = link(service, "Accounts")
    if not path:
        raise NotSupported(f"{tree.where}: it does not show its accounts")
    return path


async def _accounts(tree: Tree) -> list[tuple[str, Json]]:
    return [one async for one in tree.members(await _collection(tree))]


async def _path(tree: Tree, name: str) -> str:
    accounts = await _accounts(tree)
    found = next((path for path, body in accounts if text(body, "UserName") == name and name), None)
    if found is None:
        known = ", ".join(text(body, "UserName") for _, body in accounts if text(body, "UserName"))
        raise Refused(f"{tree.where}: it has no user {name}", f"it has {known or 'none that it shows'}")
    return found


def _user(path: str, body: Json) -> User:
    return User(
        number=text(body, "Id") or path,
        name=text(body, "UserName"),
        role=_NAMES.get(text(body, "RoleId"), "other"),
        enabled=flag(body, "Enabled") is not False,
        locked=bool(flag(body, "Locked")),
    )
