"""SessionService: logging in by name and password, and out again."""

from typing import Any

from scs_rack.lab.bmc.redfish.messages import Number, check, error, errors, info, missing, needed, success
from scs_rack.lab.bmc.redfish.routes import (
    ROOT,
    SESSIONS,
    Answer,
    Call,
    Reply,
    Resource,
    collection,
    delete,
    get,
    head,
    link,
    patch,
    post,
)  # fmt: skip

SERVICE = f"{ROOT}/SessionService"


@get(SERVICE, kind="any")
def service(call: Call) -> Resource:
    """The service."""
    return head(SERVICE, "SessionService", "Session Service") | {
        "ServiceEnabled": True,
        "SessionTimeout": int(call.server.session_seconds),
        "Sessions": link(SESSIONS),
    }


@patch(SERVICE, kind="any", level=4)
def set_service(call: Call) -> Answer:
    """Change how long a session lives."""
    found = check(call.body, {"SessionTimeout": Number(30, 86400)}, service(call))
    if found:
        return errors(400, found)
    if "SessionTimeout" in call.body and not call.machine.lies:
        call.server.session_seconds = float(call.body["SessionTimeout"])
    return service(call)


@get(SESSIONS, kind="any")
def sessions(call: Call) -> Resource:
    """All that are open."""
    return collection(SESSIONS, "Session", "Sessions", [f"{SESSIONS}/{one}" for one in call.server.sessions])


@get(f"{SESSIONS}/{{}}", kind="any")
def session(call: Call) -> Answer:
    """One."""
    found = call.server.sessions.get(call.ids[0])
    if found is None:
        return None
    return head(f"{SESSIONS}/{call.ids[0]}", "Session", f"Session {call.ids[0]}") | {
        "UserName": found.account.name,
        "CreatedTime": call.machine.clock.stamp(found.created),
        "SessionType": "Redfish",
        "ClientOriginIPAddress": found.origin,
    }


@delete(f"{SESSIONS}/{{}}", kind="any", level=2)
def logout(call: Call) -> Answer:
    """End one: one's own, or as administrator any."""
    found = call.server.sessions.get(call.ids[0])
    if found is None:
        return missing(call.path)
    if call.account and found.account is not call.account and call.account.level < 4:
        return error(403, "InsufficientPrivilege", "Only administrators end sessions of others.")
    call.server.end(call.ids[0])
    return success()


@post(SESSIONS, kind="any", level=0)
@post(f"{SESSIONS}/Members", kind="any", level=0)
def login(call: Call) -> Reply:
    """Log in."""
    given: dict[str, Any] = call.body
    found = needed(given, "UserName", "Password") or check(given, {"UserName": str, "Password": str, "Token": str}, {})
    if found:
        return errors(400, found)
    account = call.server.password_right(given["UserName"], given["Password"])
    if account is None:
        return error(401, "ResourceAtUriUnauthorized", "User name or password is wrong.", SESSIONS, "wrong password")
    number, token = call.server.begin(account, call.headers.get("X-Origin", ""))
    if number is None:
        return error(503, "SessionLimitExceeded", "The number of sessions is at its limit.")
    call.ids = (number,)
    headers = {"X-Auth-Token": token, "Location": f"{SESSIONS}/{number}"}
    body = session(call)
    if account.must_change and isinstance(body, dict):
        path = f"{ROOT}/AccountService/Accounts/{account.slot}"
        text = "The password must be changed before anything else."
        body["@Message.ExtendedInfo"] = [info("PasswordChangeRequired", text, path, severity="Warning")]
    return Reply(201, body, headers)
