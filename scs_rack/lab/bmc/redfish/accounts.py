"""AccountService: who may log in, and as what."""

from dataclasses import replace

from scs_rack.lab.bmc.accounts import FIRST_USER, LEVELS, MAX_NAME, MAX_PASSWORD, Account
from scs_rack.lab.bmc.redfish.messages import Choice, Number, check, error, errors, info, missing, needed, success
from scs_rack.lab.bmc.redfish.routes import (
    ROOT,
    Answer,
    Call,
    Reply,
    Resource,
    collection,
    delete,
    get,
    head,
    health,
    link,
    patch,
    post,
)  # fmt: skip

SERVICE = f"{ROOT}/AccountService"
ACCOUNTS = f"{SERVICE}/Accounts"
ROLES = f"{SERVICE}/Roles"
_RIGHTS = {
    "Administrator": ["Login", "ConfigureManager", "ConfigureUsers", "ConfigureSelf", "ConfigureComponents"],
    "Operator": ["Login", "ConfigureSelf", "ConfigureComponents"],
    "ReadOnly": ["Login", "ConfigureSelf"],
}


@get(SERVICE, kind="any")
def service(call: Call) -> Resource:
    """The service."""
    accounts = call.machine.accounts
    return head(SERVICE, "AccountService", "Account Service") | {
        "ServiceEnabled": True,
        "Status": health(),
        "AuthFailureLoggingThreshold": 1,
        "MinPasswordLength": accounts.min_password,
        "MaxPasswordLength": MAX_PASSWORD,
        "AccountLockoutThreshold": accounts.lock_after,
        "AccountLockoutDuration": accounts.lock_seconds,
        "AccountLockoutCounterResetAfter": accounts.lock_seconds,
        "HTTPBasicAuth": "Enabled",
        "LocalAccountAuth": "Enabled",
        "Accounts": link(ACCOUNTS),
        "Roles": link(ROLES),
    }


@patch(SERVICE, kind="any", level=4)
def set_service(call: Call) -> Answer:
    """Change the rules."""
    spec = {
        "AccountLockoutThreshold": Number(0, 100),
        "AccountLockoutDuration": Number(0, 86400),
        "AccountLockoutCounterResetAfter": Number(0, 86400),
        "MinPasswordLength": Number(8, MAX_PASSWORD),
    }
    found = check(call.body, spec, service(call))
    if found:
        return errors(400, found)
    if not call.machine.lies:
        accounts, body = call.machine.accounts, call.body
        accounts.lock_after = int(body.get("AccountLockoutThreshold", accounts.lock_after))
        accounts.lock_seconds = int(body.get("AccountLockoutDuration", accounts.lock_seconds))
        accounts.min_password = int(body.get("MinPasswordLength", accounts.min_password))
    return service(call)


@get(ACCOUNTS, kind="any")
def accounts(call: Call) -> Resource:
    """All that have a name."""
    slots = sorted(number for number, one in call.machine.accounts.slots.items() if one.name)
    return collection(ACCOUNTS, "ManagerAccount", "Accounts", [f"{ACCOUNTS}/{number}" for number in slots])


def _found(call: Call) -> Account | None:
    one = call.machine.accounts.slots.get(int(call.ids[0])) if call.ids[0].isdecimal() else None
    return one if one and one.name else None


@get(f"{ACCOUNTS}/{{}}", kind="any")
def account(call: Call) -> Answer:
    """One account; its password is never shown."""
    one = _found(call)
    return _shown(one) if one else None


def _shown(one: Account) -> Resource:
    return head(f"{ACCOUNTS}/{one.slot}", "ManagerAccount", f"Account {one.slot}") | {
        "UserName": one.name,
        "Password": None,
        "RoleId": one.role,
        "Enabled": one.enabled,
        "Locked": one.locked,
        "PasswordChangeRequired": one.must_change,
        "AccountTypes": ["Redfish", "IPMI"],
        "Links": {"Role": link(f"{ROLES}/{one.role}")},
    }


def _spec() -> dict[str, object]:
    return {
        "UserName": str,
        "Password": str,
        "RoleId": Choice(tuple(LEVELS)),
        "Enabled": Choice((True, False)),
        "Locked": Choice((False,)),
        "PasswordChangeRequired": Choice((True, False)),
        "AccountTypes": list,
    }


def _wrong(call: Call, before: Account | None) -> list[Resource]:
    found = check(call.body, _spec(), _shown(before) if before else {})
    if found:
        return found
    name, password = call.body.get("UserName"), call.body.get("Password")
    if name is not None:
        other = call.machine.accounts.named(name)
        if not 1 <= len(name.encode()) <= MAX_NAME or not name.isprintable() or " " in name:
            found.append(
                info("PropertyValueFormatError", f"UserName has 1 to {MAX_NAME} characters.", name, "UserName")
            )
        elif other and (before is None or other.slot != before.slot):
            found.append(info("ResourceAlreadyExists", "There is an account of this name.", "ManagerAccount", name))
    low = call.machine.accounts.min_password
    if password is not None and not low <= len(password.encode()) <= MAX_PASSWORD:
        text = f"Password has {low} to {MAX_PASSWORD} characters."
        found.append(info("PropertyValueFormatError", text, "******", "Password", prop="Password"))
    return found


@post(ACCOUNTS, kind="any", level=4)
def create(call: Call) -> Answer:
    """Add one."""
    found = needed(call.body, "UserName", "Password", "RoleId") or _wrong(call, None)
    if found:
        return errors(400, found)
    slot = call.machine.accounts.free()
    if slot is None:
        return error(503, "CreateLimitReachedForResource", "There is no room for another account.")
    made = _merged(Account(slot, enabled=True), call.body)
    if not call.machine.lies:
        call.machine.accounts.put(made)
    return Reply(201, _shown(made), {"Location": f"{ACCOUNTS}/{slot}"})


def _merged(one: Account, body: Resource) -> Account:
    return replace(
        one,
        name=body.get("UserName", one.name),
        password=body.get("Password", one.password),
        level=LEVELS[body["RoleId"]] if "RoleId" in body else one.level,
        enabled=body.get("Enabled", one.enabled),
        must_change=body.get("PasswordChangeRequired", one.must_change and "Password" not in body),
        locked_until=0.0 if body.get("Locked") is False else one.locked_until,
    )


@patch(f"{ACCOUNTS}/{{}}", kind="any", level=2)
def change(call: Call) -> Answer:
    """Change one; without the right to configure users only one's own password."""
    one = _found(call)
    if one is None:
        return missing(call.path)
    me = call.account
    if me and me.level < 4 and (me.slot != one.slot or set(call.body) - {"Password"}):
        return error(403, "InsufficientPrivilege", "Only administrators change accounts of others.")
    found = _wrong(call, one)
    if found:
        return errors(400, found)
    if call.machine.lies:
        return _shown(one)
    fresh = _merged(one, call.body)
    call.machine.accounts.put(fresh)
    if fresh.password != one.password or not fresh.enabled or fresh.name != one.name:
        call.server.end_all(one)
    else:
        for session in call.server.sessions.values():
            session.account = fresh if session.account.slot == fresh.slot else session.account
    return _shown(fresh)


@delete(f"{ACCOUNTS}/{{}}", kind="any", level=4)
def remove(call: Call) -> Answer:
    """Remove one."""
    one = _found(call)
    if one is None:
        return missing(call.path)
    if one.slot == FIRST_USER:
        return error(405, "ResourceCannotBeDeleted", "The first account can't be removed.")
    if not call.machine.lies:
        call.machine.accounts.remove(one.slot)
        call.server.end_all(one)
    return success()


@get(ROLES, kind="any")
def roles(_call: Call) -> Resource:
    """All roles."""
    return collection(ROLES, "Role", "Roles", [f"{ROLES}/{name}" for name in _RIGHTS])


@get(f"{ROLES}/{{}}", kind="any")
def role(call: Call) -> Answer:
    """What a role may do."""
    name = call.ids[0]
    if name not in _RIGHTS:
        return None
    return head(f"{ROLES}/{name}", "Role", name) | {
        "RoleId": name,
        "IsPredefined": True,
        "AssignedPrivileges": _RIGHTS[name],
    }
