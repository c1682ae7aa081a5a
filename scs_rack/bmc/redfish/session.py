"""A login to a Redfish service that is deleted at the end (DSP0266, 13.3)."""

import asyncio
import base64
import contextlib
from typing import Any, Self

from scs_rack.bmc.errors import BmcError, Busy, LoginFailed, NonsenseAnswer, NotSupported, Refused, WrongPassword
from scs_rack.bmc.redfish.read import link
from scs_rack.bmc.redfish.transport import Reply, Service

SESSIONS = "/redfish/v1/SessionService/Sessions"
_PATIENCE = 2
"""How often a login is tried again that a BMC had no free session for."""
_WRONG = frozenset({"InvalidLoginAttempt", "UnauthorizedLoginAttempt"})
"""Identifiers of messages that mean a wrong password, where the status is not 401 (HPE iLO answers 400)."""


VISIT = 4
"""Requests of a visit that is too short for a session: where a BMC is known to take Basic authentication, one request
reads its power, and no session of its few is held."""


class Session:
    """A session; an async context manager, so that it is always deleted.

    Basic authentication stands in where there is no session service, and for short visits that only read. A session
    that ends early (some BMCs end idle ones after 30 s) is made anew with the password that has worked; a password that
    has not is never tried again.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.where = service.where
        self.renewable = True
        """False once the password may have changed."""
        self._path = ""
        self._visits = VISIT if service.hint.basic else 0
        """Requests that may still go by Basic authentication in place of a session."""

    async def __aenter__(self) -> Self:
        if self._visits:
            self.service.headers["Authorization"] = self._basic()
        else:
            await self._begin()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._path:
            with contextlib.suppress(BmcError):
                await self._end()
        self._forget()

    async def _begin(self) -> None:
        """Log in; by Basic authentication where there is no session service."""
        self._visits = 0
        self._forget()
        try:
            await self._login_patiently()
        except NotSupported:
            self.service.headers["Authorization"] = self._basic()
        except WrongPassword:
            if await self._has_sessions():
                raise
            self.service.headers["Authorization"] = self._basic()  # the password was not looked at yet

    async def _login_patiently(self) -> None:
        """Log in; again after a pause where the BMC has no free session."""
        for pause in self.service.limits.patience[:_PATIENCE]:
            try:
                await self._login()
            except Busy:
                await asyncio.sleep(pause)
            else:
                return
        await self._login()

    async def _has_sessions(self) -> bool:
        """False where the service root, which needs no login, names no session service, or wants credentials itself."""
        try:
            root = (await self.service.request("GET", "/redfish/v1/")).body
        except LoginFailed:
            return False
        return bool(link(root, "SessionService") or link(root, "Links", "Sessions"))

    async def _end(self) -> None:
        """Delete the session, and learn by the way whether the BMC takes Basic authentication.

        The password is known to be right, so a refusal counts against no account.
        """
        hint, closing = self.service.hint, {"Connection": "close"}
        if hint.basic is None and self.renewable:
            token = self.service.headers.pop("X-Auth-Token", "")
            self.service.headers["Authorization"] = self._basic()
            try:
                await self.service.request("DELETE", self._path, headers=closing)
            except LoginFailed:
                hint.basic = False
                del self.service.headers["Authorization"]
                self.service.headers["X-Auth-Token"] = token
            else:
                hint.basic = True
                return
        await self.service.request("DELETE", self._path, headers=closing)

    def _basic(self) -> str:
        target = self.service.target
        return f"Basic {base64.b64encode(f'{target.user}:{target.password}'.encode()).decode()}"

    def _forget(self) -> None:
        self._path = ""
        for name in ("X-Auth-Token", "Authorization"):
            self.service.headers.pop(name, None)

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        *,
        limit: float | None = None,
        data: Any = None,
    ) -> Reply:
        """One request within the session (see `Service.request`)."""
        if self._visits:
            self._visits -= 1
            if method != "GET" or not self._visits:
                await self._begin()
        try:
            return await self.service.request(method, path, body, headers, limit=limit, data=data)
        except LoginFailed as error:
            if error.status != 401:
                raise
            if not self._path or not self.renewable:
                self.service.hint.basic = None
                raise WrongPassword(self._wrong()) from error
        self._forget()
        await self._login()
        return await self.service.request(method, path, body, headers, limit=limit, data=data)

    async def _login(self) -> None:
        target = self.service.target
        body = {"UserName": target.user, "Password": target.password}
        try:
            reply = await self.service.request("POST", SESSIONS, body, limit=self.service.limits.login)
        except LoginFailed as error:
            raise WrongPassword(self._wrong()) from error
        except Refused as error:
            if error.identifier in _WRONG:
                raise WrongPassword(self._wrong()) from error
            raise
        token = reply.headers.get("x-auth-token", "")
        named = reply.headers.get("location") or (reply.body if isinstance(reply.body, dict) else {}).get("@odata.id")
        if not token or not isinstance(named, str) or not named:
            raise NonsenseAnswer(f"{self.where}: a login without token or session")
        self.service.headers["X-Auth-Token"] = token
        self._path = self.service.inside(named)

    def _wrong(self) -> str:
        return f"{self.where}: user {self.service.target.user} or its password is wrong"
