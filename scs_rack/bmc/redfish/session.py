"""A login to a Redfish service that is deleted at the end (DSP0266, 13.3)."""

import base64
import contextlib
from typing import Any, Self

from scs_rack.bmc.errors import BmcError, LoginFailed, NonsenseAnswer, NotSupported, WrongPassword
from scs_rack.bmc.redfish.transport import Reply, Service

SESSIONS = "/redfish/v1/SessionService/Sessions"


class Session:
    """A session; an async context manager, so that it is always deleted.

    Basic authentication stands in where there is no session service. A session that ends early (some BMCs end idle ones
    after 30 s) is made anew with the password that has worked; a password that has not is never tried again.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.where = service.where
        self.renewable = True
        """False once the password may have changed."""
        self._path = ""

    async def __aenter__(self) -> Self:
        try:
            await self._login()
        except NotSupported:
            target = self.service.target
            pair = f"{target.user}:{target.password}".encode()
            self.service.headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._path:
            with contextlib.suppress(BmcError):
                await self.service.request("DELETE", self._path, headers={"Connection": "close"})
        self._forget()

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
        try:
            return await self.service.request(method, path, body, headers, limit=limit, data=data)
        except LoginFailed as error:
            if error.status != 401:
                raise
            if not self._path or not self.renewable:
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
        token = reply.headers.get("x-auth-token", "")
        named = reply.headers.get("location") or (reply.body if isinstance(reply.body, dict) else {}).get("@odata.id")
        if not token or not isinstance(named, str) or not named:
            raise NonsenseAnswer(f"{self.where}: a login without token or session")
        self.service.headers["X-Auth-Token"] = token
        self._path = self.service.inside(named)

    def _wrong(self) -> str:
        return f"{self.where}: user {self.service.target.user} or its password is wrong"
