"""Keystone's API v3 in the few calls that we need (https://docs.openstack.org/api-ref/identity/v3).

No SDK: importing one costs more time than all of these calls.
"""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]


class Refused(Exception):
    """Keystone answered with an error; says which call and why."""

    def __init__(self, call: str, status: int, answer: str) -> None:
        super().__init__(f"{call} gave {status}: {answer}")
        self.status = status


class Silent(Exception):
    """Keystone does not answer."""


@dataclass(frozen=True)
class Login:
    """Who logs in, and for which project (none: a token that is good for nothing but proof)."""

    user: str
    password: str
    domain: str = "Default"
    project: str | None = None
    project_domain: str = "Default"

    def body(self) -> Body:
        """The request for a token."""
        user = {"name": self.user, "domain": {"name": self.domain}, "password": self.password}
        scope: Any = {"unscoped": {}}
        if self.project:
            scope = {"project": {"name": self.project, "domain": {"name": self.project_domain}}}
        return {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}


def _words(error: urllib.error.HTTPError) -> str:
    """What an answer that refuses says; its connection may end before it is read."""
    try:
        return error.read().decode(errors="replace")[:400]
    except OSError as cut:
        return f"(its words were not received: {cut})"


class Keystone:
    """A session; log in first."""

    def __init__(self, url: str, ca_file: str | None = None, timeout: float = 60.0) -> None:
        self.url = url.rstrip("/")
        self.timeout = timeout
        context = ssl.create_default_context(cafile=ca_file)
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        self._token = ""

    def call(self, method: str, path: str, body: Body | None = None) -> tuple[Body, dict[str, str]]:
        """One call; the answer and its headers (names in lower case).

        Raises:
            Refused: any status of 400 and above.
            Silent: no answer, or only the load balancer's.
        """
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._token:
            headers["X-Auth-Token"] = self._token
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.url}{path}", data=data, headers=headers, method=method)  # noqa: S310
        try:
            with self._opener.open(request, timeout=self.timeout) as answer:
                text = answer.read()
                return json.loads(text) if text else {}, {key.lower(): value for key, value in answer.headers.items()}
        except urllib.error.HTTPError as error:
            if error.code in (502, 503, 504):
                raise Silent(f"{self.url} gave {error.code}") from error
            raise Refused(f"{method} {path}", error.code, _words(error)) from error
        except (OSError, ValueError) as error:
            raise Silent(f"{self.url}: {error}") from error

    def log_in(self, login: Login, wait: float = 0.0) -> None:
        """Get a token, waiting up to `wait` seconds for Keystone to come up.

        Raises:
            Refused: wrong user or password (401), or no role in the project.
            Silent: it did not come up.
        """
        deadline = time.monotonic() + wait
        while True:
            try:
                _, headers = self.call("POST", "/auth/tokens", login.body())
            except Silent:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.4)
            else:
                self._token = headers["x-subject-token"]
                return

    def accepts(self, login: Login) -> bool:
        """True if a user can log in.

        Raises:
            Refused: any other reason than a wrong name or password.
        """
        try:
            self.call("POST", "/auth/tokens", login.body())
        except Refused as error:
            if error.status == 401:
                return False
            raise
        return True

    def list(self, collection: str, query: str = "") -> list[Body]:
        """All members of a collection, such as `users`."""
        answer, _ = self.call("GET", f"/{collection}{query}")
        return list(answer[collection])

    def create(self, collection: str, kind: str, fields: Body) -> Body:
        """Make one member of a collection."""
        answer, _ = self.call("POST", f"/{collection}", {kind: fields})
        return dict(answer[kind])

    def update(self, collection: str, kind: str, member: str, fields: Body) -> None:
        """Change fields of a member."""
        self.call("PATCH", f"/{collection}/{member}", {kind: fields})

    def delete(self, collection: str, member: str) -> None:
        """Remove a member."""
        self.call("DELETE", f"/{collection}/{member}")
