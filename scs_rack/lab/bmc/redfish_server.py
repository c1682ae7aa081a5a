"""Redfish over TLS for one virtual BMC: who asks, what version of a resource they mean, and what is answered."""

import asyncio
import base64
import binascii
import contextlib
import json
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

import scs_rack.lab.bmc.redfish.everything  # noqa: F401 (registers all paths)
from scs_rack.lab.bmc.accounts import Account
from scs_rack.lab.bmc.faults import FEW_SESSIONS
from scs_rack.lab.bmc.listener import Listener
from scs_rack.lab.bmc.machine import Machine
from scs_rack.lab.bmc.redfish.expand import expand, wrong_query
from scs_rack.lab.bmc.redfish.jobs import Jobs
from scs_rack.lab.bmc.redfish.messages import error
from scs_rack.lab.bmc.redfish.routes import ROOT, ROUTES, SESSIONS, Answer, Call, Handler, Method, Reply, Resource, etag
from scs_rack.lab.bmc.redfish.spoil import spoil
from scs_rack.lab.bmc.redfish.subscriptions import Subscriptions
from scs_rack.lab.bmc.tls import Certificates

log = logging.getLogger(__name__)

SESSION_SECONDS = 300.0
SESSIONS_MAX = 8
BODY_LIMIT = 32 * 1024 * 1024
"""Longest body in bytes: a firmware image that is pushed."""
OPEN_PATHS = {"/redfish", ROOT, f"{ROOT}/odata", f"{ROOT}/$metadata"}
"""What is read without logging in (DSP0266, 13.3.2)."""
_LOGIN = {SESSIONS, f"{SESSIONS}/Members"}
_METHODS: dict[str, Method] = {"GET": "GET", "HEAD": "GET", "PATCH": "PATCH", "POST": "POST", "DELETE": "DELETE"}


_JSON = ("application/json", "text/json", "")
_CARELESS = ("application/x-www-form-urlencoded",)
"""What some clients say of their JSON."""


@dataclass
class Session:
    """Somebody who logged in."""

    account: Account
    token: str
    created: float
    """Seconds of the BMC's clock."""
    origin: str
    used: float = field(default_factory=time.monotonic)


class RedfishServer:
    """The HTTP side of one virtual BMC."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.session_seconds = SESSION_SECONDS
        self.sessions: dict[str, Session] = {}
        self.jobs = Jobs()
        self.subscriptions = Subscriptions(machine)
        self.certificates = Certificates(machine.config)
        self._next = 1
        machine.on_restart.append(self._restarted)

    def _restarted(self) -> None:
        self.sessions.clear()

    def close(self) -> None:
        """End all work."""
        self.jobs.close()
        self.subscriptions.close()
        self.machine.on_restart.remove(self._restarted)

    def after_answer(self, work: Callable[[], None]) -> None:
        """Do something once the answer had time to leave."""
        asyncio.get_running_loop().call_later(0.1, work)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        faults = self.machine.faults
        if "silent" in faults or "half-open" in faults:
            await asyncio.sleep(3600)
        if "slow" in faults:
            await asyncio.sleep(faults.slow_seconds)
        reply, method = await self._reply(request), request.method
        if "garbage" in faults or "truncated" in faults:
            return await spoil(request, reply, garbage="garbage" in faults)
        return _response(reply, head=method == "HEAD")

    async def _reply(self, request: web.BaseRequest) -> Reply:
        try:
            return await self._answer(request)
        except web.HTTPRequestEntityTooLarge:
            return error(413, "PayloadTooLarge", "The body is too long.")
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            return error(500, "InternalError", "The BMC failed.")

    async def _answer(self, request: web.BaseRequest) -> Reply:
        if not request.path.startswith("/redfish"):
            return error(404, "ResourceMissingAtURI", "There is nothing but Redfish here.", request.path)
        path = request.path.rstrip("/")
        account: Account | None = None
        if path not in OPEN_PATHS and not (path in _LOGIN and request.method == "POST"):
            account = self._who(request)
            if account is None:
                challenge = {"WWW-Authenticate": 'Basic realm="Redfish"'}
                return error(401, "NoValidSession", "There is no valid session.", headers=challenge)
        if request.headers.get("OData-Version", "4.0") != "4.0":
            return error(412, "PreconditionFailed", "OData version 4.0 is spoken.")
        return await self._routed(request, path, account)

    async def _routed(self, request: web.BaseRequest, path: str, account: Account | None) -> Reply:
        method = _METHODS.get(request.method)
        found = ROUTES.find(method, path, self.machine.config.kind) if method else None
        if method is None or found is None:
            return self._no_route(path, method)
        route, ids = found
        if account and not _may(account, route.level, path, method):
            return _forbidden(account)
        on = await self.machine.power_state()
        call = Call(self.machine, self, path, ids, on, account, request.headers, request.query)
        if method == "GET":
            wrong = wrong_query(call)
            if wrong:
                return wrong
            return self._shown(route.handler(call), call)
        return await self._change(request, method, call, route.handler)

    def _no_route(self, path: str, method: Method | None) -> Reply:
        allowed = ROUTES.methods(path, self.machine.config.kind)
        if not allowed:
            return error(404, "ResourceMissingAtURI", f"There is no resource at {path[:200]}.", path)
        status = 405 if method else 501
        return error(status, "OperationNotAllowed", "Not allowed here.", headers={"Allow": ", ".join(allowed)})

    async def _change(self, request: web.BaseRequest, method: Method, call: Call, handler: Handler) -> Reply:
        refused = await self._take_body(request, method, call)
        # between this look at the version and the change nothing else may run: no await
        refused = refused or (self._other_version(request, call) if method == "PATCH" else None)
        if refused:
            return refused
        if call.path in _LOGIN:
            call.headers = {"X-Origin": str(request.remote or "")}
        answer = handler(call)
        if isinstance(answer, dict) and method == "PATCH":
            answer = self._again(call) or answer
        return self._shown(answer, call)

    async def _take_body(self, request: web.BaseRequest, method: Method, call: Call) -> Reply | None:
        call.raw = await request.read()
        kind = request.headers.get("Content-Type", "application/json").partition(";")[0].strip()
        if call.raw and method != "DELETE":
            image = call.path.startswith(f"{ROOT}/UpdateService") and kind not in _JSON
            if not image and kind not in (*_JSON, *_CARELESS):
                return error(415, "UnsupportedMediaType", "Bodies are JSON.")
            body = {} if image else _json(call.raw)
            if body is None:
                return error(400, "MalformedJSON", "The body is no JSON object.")
            call.body = body
        if method == "PATCH" and not call.body:
            return error(400, "EmptyJSON" if call.raw else "MalformedJSON", "There is nothing to change.")
        return None

    def _again(self, call: Call) -> Resource | None:
        found = ROUTES.find("GET", call.path, self.machine.config.kind)
        answer = found[0].handler(call) if found else None
        return answer if isinstance(answer, dict) else None

    def _other_version(self, request: web.BaseRequest, call: Call) -> Reply | None:
        match = request.headers.get("If-Match")
        if match is None or match.strip() == "*":
            return None
        now = self._again(call)
        if now is None:
            return None
        tags = {one.strip() for one in match.split(",")}
        return None if etag(now) in tags else error(412, "PreconditionFailed", "The resource has another version now.")

    def _shown(self, answer: Answer, call: Call) -> Reply:
        if answer is None:
            return error(404, "ResourceMissingAtURI", f"There is no resource at {call.path[:200]}.", call.path)
        if isinstance(answer, Reply):
            return answer
        tag = etag(answer)
        if "@odata.id" in answer:
            answer["@odata.etag"] = tag
        if call.query and ("$expand" in call.query or "only" in call.query):
            answer = expand(call, answer)
        if call.headers.get("If-None-Match", "") == tag:
            return Reply(304, None, {"ETag": tag})
        headers = {"ETag": tag, "Allow": ", ".join(ROUTES.methods(call.path, self.machine.config.kind))}
        schema = str(answer.get("@odata.type", "")).split(".")[0].lstrip("#")
        if schema:
            headers["Link"] = f"<http://redfish.dmtf.org/schemas/v1/{schema}.json>; rel=describedby"
        return Reply(200, answer, headers)

    # Who asks

    def password_right(self, user: str, password: str) -> Account | None:
        """The account that a name and a password open."""
        if "wrong-password" in self.machine.faults:
            password += "\0"
        return self.machine.accounts.login(user, password)

    def begin(self, account: Account, origin: str) -> tuple[str | None, str]:
        """Open a session; no number when there are too many."""
        self._expire()
        few = "few-sessions" in self.machine.faults
        if len(self.sessions) >= (FEW_SESSIONS if few else SESSIONS_MAX):
            return None, ""
        number, self._next = str(self._next), self._next + 1
        session = Session(account, secrets.token_hex(16), self.machine.clock.now(), origin)
        self.sessions[number] = session
        return number, session.token

    def end(self, number: str) -> None:
        """End a session."""
        self.sessions.pop(number, None)

    def end_all(self, account: Account) -> None:
        """End all sessions of an account, since its password changed or it is gone."""
        for number in [n for n, one in self.sessions.items() if one.account.slot == account.slot]:
            del self.sessions[number]

    def _who(self, request: web.BaseRequest) -> Account | None:
        token = request.headers.get("X-Auth-Token")
        if token is not None:
            self._expire()
            for session in self.sessions.values():
                if secrets.compare_digest(token.encode(), session.token.encode()):
                    session.used = time.monotonic()
                    account = session.account
                    return account if account.enabled and "wrong-password" not in self.machine.faults else None
            return None
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return self.password_right(user, password)

    def _expire(self) -> None:
        now = time.monotonic()
        for number in [n for n, one in self.sessions.items() if now - one.used > self.session_seconds]:
            del self.sessions[number]


def _may(account: Account, level: int, path: str, method: str) -> bool:
    """True when the role suffices, and no change of the password is due first."""
    own = path == f"{ROOT}/AccountService/Accounts/{account.slot}" and method in ("GET", "PATCH")
    own = own or (path.startswith(f"{SESSIONS}/") and method == "DELETE")
    return account.level >= level and (own or not account.must_change)


def _forbidden(account: Account) -> Reply:
    if account.must_change:
        path = f"{ROOT}/AccountService/Accounts/{account.slot}"
        return error(403, "PasswordChangeRequired", "The password must be changed first.", path)
    return error(403, "InsufficientPrivilege", "The account's role does not allow this.")


def _json(raw: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(raw)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _response(reply: Reply, *, head: bool) -> web.Response:
    headers = {"OData-Version": "4.0", "Cache-Control": "no-cache", **reply.headers}
    if reply.body is None:
        return web.Response(status=reply.status, headers=headers)
    if isinstance(reply.body, str):
        return web.Response(status=reply.status, text=reply.body, headers=headers)
    body = json.dumps(reply.body).encode()
    headers["Content-Type"] = "application/json; charset=utf-8"
    if head:
        headers["Content-Length"] = str(len(body))
        body = b""
    return web.Response(status=reply.status, body=body, headers=headers)


@contextlib.asynccontextmanager
async def serve_redfish(machine: Machine, host: str, port: int = 443) -> AsyncIterator[int]:
    """Serve until the block ends; gives the port that is really used."""
    server = RedfishServer(machine)
    web_server = web.Server(server.handle, access_log=None, request_factory=_request, keepalive_timeout=75.0)
    listener = Listener(machine, web_server, server.certificates, host, port)
    try:
        yield listener.start()
    finally:
        await listener.close()
        await web_server.shutdown(0.2)
        server.close()


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=BODY_LIMIT)
