"""Redfish over TLS for one virtual BMC: sessions, Basic authentication, power, boot override with ETag."""

import asyncio
import base64
import binascii
import contextlib
import hmac
import json
import logging
import secrets
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from scs_rack.errors import UsageError
from scs_rack.lab.bmc import redfish_resources as tree
from scs_rack.lab.bmc.machine import BootOverride, Machine

log = logging.getLogger(__name__)

SESSION_SECONDS = 300.0
SESSIONS = 8
OPEN_PATHS = {"/redfish", tree.ROOT}
"""What is read without logging in (DSP0266, 13.3.2)."""


@dataclass
class _Session:
    user: str
    token: str
    used: float


def _message(status: int, identifier: str, text: str, headers: dict[str, str] | None = None) -> web.Response:
    """An error or success body in Redfish's form (DSP0266, 8.6)."""
    info = {
        "@odata.type": "#Message.v1_1_2.Message",
        "MessageId": f"Base.1.18.{identifier}",
        "Message": text,
        "MessageSeverity": "OK" if status < 400 else "Critical",
        "Severity": "OK" if status < 400 else "Critical",
        "Resolution": "None.",
    }
    body = {"error": {"code": info["MessageId"], "message": text, "@Message.ExtendedInfo": [info]}}
    return web.json_response(body, status=status, headers=headers)


class RedfishServer:
    """The HTTP side of one virtual BMC."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._sessions: dict[str, _Session] = {}
        self._next = 1

    def app(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=64 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.Response:
        if "silent" in self.machine.faults:
            await asyncio.sleep(3600)
        if "slow" in self.machine.faults:
            await asyncio.sleep(self.machine.faults.slow_seconds)
        path = request.path.rstrip("/") or "/"
        if path == tree.SESSIONS and request.method == "POST":
            return await self._login(request)
        if path not in OPEN_PATHS and not self._allowed(request):
            return _message(401, "NoValidSession", "There is no valid session.", {"WWW-Authenticate": "Basic"})
        response = await self._route(request, path)
        response.headers["OData-Version"] = "4.0"
        response.headers["Cache-Control"] = "no-cache"
        return response

    async def _route(self, request: web.Request, path: str) -> web.Response:
        if path == tree.SESSIONS or path.startswith(f"{tree.SESSIONS}/"):
            return self._session(request, path)
        if path == tree.RESET:
            return await self._reset(request)
        resource = {"v1": f"{tree.ROOT}/"} if path == "/redfish" else await tree.find(self.machine, path)
        if resource is None:
            return _message(404, "ResourceMissingAtURI", f"There is no resource at {path}.")
        if request.method in ("GET", "HEAD"):
            return web.json_response(resource, headers={"ETag": tree.etag(resource)})
        if request.method == "PATCH" and path == tree.SYSTEM:
            return await self._patch(request, resource)
        return _message(405, "OperationNotAllowed", f"{request.method} is not allowed here.", {"Allow": "GET, HEAD"})

    # Who asks

    def _password_right(self, user: str, password: str) -> bool:
        config = self.machine.config
        right_user = hmac.compare_digest(user.encode(), config.user.encode())
        return hmac.compare_digest(password.encode(), config.password.encode()) and right_user

    def _allowed(self, request: web.Request) -> bool:
        token = request.headers.get("X-Auth-Token")
        if token is not None:
            self._expire()
            for session in self._sessions.values():
                if hmac.compare_digest(token.encode(), session.token.encode()):
                    session.used = time.monotonic()
                    return True
            return False
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return self._password_right(user, password)

    async def _login(self, request: web.Request) -> web.Response:
        body = await _json(request)
        if body is None:
            return _message(400, "MalformedJSON", "The request body is no JSON object.")
        user, password = body.get("UserName"), body.get("Password")
        if not isinstance(user, str) or not isinstance(password, str):
            return _message(400, "PropertyMissing", "UserName and Password are needed.")
        if not self._password_right(user, password):
            return _message(401, "ResourceAtUriUnauthorized", "User name or password is wrong.")
        self._expire()
        if len(self._sessions) >= SESSIONS:
            return _message(503, "SessionLimitExceeded", "The number of sessions is at its limit.")
        number, self._next = str(self._next), self._next + 1
        session = _Session(user, secrets.token_hex(16), time.monotonic())
        self._sessions[number] = session
        headers = {"X-Auth-Token": session.token, "Location": f"{tree.SESSIONS}/{number}"}
        return web.json_response(self._session_resource(number), status=201, headers=headers)

    def _session_resource(self, number: str) -> dict[str, Any]:
        return {
            "@odata.id": f"{tree.SESSIONS}/{number}",
            "@odata.type": "#Session.v1_5_0.Session",
            "Id": number,
            "Name": f"Session {number}",
            "UserName": self._sessions[number].user,
        }

    def _session(self, request: web.Request, path: str) -> web.Response:
        self._expire()
        number = path.removeprefix(tree.SESSIONS).strip("/")
        if not number:
            members = [f"{tree.SESSIONS}/{known}" for known in self._sessions]
            return web.json_response(tree.collection(tree.SESSIONS, "Session", "Sessions", members))
        if number not in self._sessions:
            return _message(404, "ResourceMissingAtURI", f"There is no session {number}.")
        if request.method == "DELETE":
            del self._sessions[number]
            return web.Response(status=204)
        return web.json_response(self._session_resource(number))

    def _expire(self) -> None:
        now = time.monotonic()
        for number in [n for n, session in self._sessions.items() if now - session.used > SESSION_SECONDS]:
            del self._sessions[number]

    # What is done

    async def _reset(self, request: web.Request) -> web.Response:
        if request.method != "POST":
            return _message(405, "OperationNotAllowed", "Actions are posted to.", {"Allow": "POST"})
        body = await _json(request)
        if body is None:
            return _message(400, "MalformedJSON", "The request body is no JSON object.")
        wanted = body.get("ResetType", "On")
        if wanted not in tree.RESET_TYPES:
            return _message(400, "ActionParameterNotSupported", f"ResetType {str(wanted)[:60]} is not supported.")
        action = tree.RESET_TYPES[wanted]
        if action in ("soft", "reset", "cycle") and not await self.machine.power_state():
            return _message(409, "ResourceInUse", "The server is off.")
        self.machine.act(action)
        return web.Response(status=204)

    async def _patch(self, request: web.Request, resource: tree.Resource) -> web.Response:
        match = request.headers.get("If-Match")
        if match not in (None, "*", tree.etag(resource)):
            return _message(412, "PreconditionFailed", "The ETag is not that of the resource as it is now.")
        body = await _json(request)
        if body is None:
            return _message(400, "MalformedJSON", "The request body is no JSON object.")
        boot = body.get("Boot")
        unknown = sorted(set(body) - {"Boot"})
        if unknown or not isinstance(boot, dict):
            return _message(400, "PropertyNotWritable", f"Only Boot can be written, not {', '.join(unknown)[:60]}.")
        return await self._set_boot(boot, resource)

    async def _set_boot(self, boot: dict[str, Any], resource: tree.Resource) -> web.Response:
        wanted = {key: value for key, value in resource["Boot"].items() if "@" not in key} | boot
        target = wanted["BootSourceOverrideTarget"]
        enabled, mode = wanted["BootSourceOverrideEnabled"], wanted["BootSourceOverrideMode"]
        good = target in tree.BOOT_TARGETS and enabled in ("Disabled", "Once", "Continuous")
        if not good or mode not in ("UEFI", "Legacy") or set(boot) - set(resource["Boot"]):
            return _message(400, "PropertyValueNotInList", "A value of Boot is not in the list of allowed ones.")
        kept = "none" if enabled == "Disabled" else tree.BOOT_TARGETS[target]
        self.machine.set_boot(BootOverride(kept, enabled == "Continuous", mode == "UEFI"))
        after = await tree.find(self.machine, tree.SYSTEM)
        return web.json_response(after, headers={"ETag": tree.etag(after or {})})


async def _json(request: web.Request) -> dict[str, Any] | None:
    try:
        body = await request.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None
    return body if isinstance(body, dict) else None


def _tls(machine: Machine) -> ssl.SSLContext:
    if machine.config.cert is None:
        raise UsageError("a Redfish BMC needs `cert` and `key`", "scs_rack.pki.issue makes them")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(machine.config.cert, machine.config.key)
    return context


@contextlib.asynccontextmanager
async def serve_redfish(machine: Machine, host: str, port: int = 443) -> AsyncIterator[int]:
    """Serve until the block ends; gives the port that is really used."""
    runner = web.AppRunner(RedfishServer(machine).app(), access_log=None, handle_signals=False, shutdown_timeout=0.5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, ssl_context=_tls(machine))
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
