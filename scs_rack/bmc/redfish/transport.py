"""HTTPS to Redfish services: one TLS context for all, one connection a BMC, nothing taken from the environment.

The environment is not asked (`trust_env` off): CA and proxy variables would override what the caller wants.
Paths that a BMC names are followed only within its own service.
"""

import asyncio
import json
import re
import ssl
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scs_rack.bmc.errors import (
    BmcError,
    Busy,
    CertificateRefused,
    LoginFailed,
    NoAnswer,
    NonsenseAnswer,
    NotSupported,
    PortClosed,
    PrivilegeTooLow,
    Refused,
)
from scs_rack.bmc.known import Hint
from scs_rack.bmc.redfish.connection import Connection
from scs_rack.bmc.redfish.http import BadAnswer, Form
from scs_rack.bmc.redfish.quirks import BUSY_MESSAGES
from scs_rack.bmc.redfish.read import worst_message
from scs_rack.bmc.types import Target, TimeLimits

PORT = 443
_PATH_LIMIT = 1024
"""Characters of a path that a BMC names."""
_PLAIN = re.compile(r"[!-~]*")
"""Characters that a request line may hold: anything else could be read as the end of it."""


@dataclass(frozen=True)
class Reply:
    """A successful answer."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    """Names in lower case."""


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Trust the rack's CA and nothing else; loading the system's CA store costs 50 ms and trusts strangers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None and ca_file.is_file():
        context.load_verify_locations(cafile=ca_file)
    return context


@cache
def _pinned_context() -> ssl.SSLContext:
    """For pinned certificates: no signature counts, the fingerprint is compared before anything is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Service:
    """The Redfish service of one BMC."""

    def __init__(self, target: Target, context: ssl.SSLContext, limits: TimeLimits, hint: Hint | None = None) -> None:
        self.target = target
        self.hint = hint or Hint()
        """What an earlier visit learnt of it, and this one learns."""
        self.where = f"BMC of {target.name} ({target.address})"
        self.headers: dict[str, str] = {}
        """Sent with each request: token or credentials."""
        if "close-connections" in target.quirks:
            self.headers["Connection"] = "close"
        self.limits = limits
        port, pin = target.port or PORT, _pin(target.fingerprint) if target.fingerprint else None
        self._connection = Connection(str(target.address), port, _pinned_context() if pin else context, pin, self.where)
        self._base = f"https://{target.address}:{port}"

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

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
        """Make one request; nothing is repeated here.

        Args:
            method: HTTP method.
            path: path within the service.
            body: sent as JSON.
            data: sent instead, as it is (a form or bytes).
            headers: added to those of all requests.
            limit: seconds for the whole answer; the usual limit when None.

        Raises:
            BmcError: no answer, a certificate that is not trusted, or the BMC refused.
        """
        inner = self.inside(path)
        sent = {"Accept": "application/json", "Accept-Encoding": "identity", **self.headers, **(headers or {})}
        if isinstance(data, Form):
            sent["Content-Type"], content = data.encoded()
        elif data is not None:
            content = data
        else:
            content = b"" if body is None else json.dumps(body).encode()
            sent |= {} if body is None else {"Content-Type": "application/json"}
        try:
            async with asyncio.timeout(self.limits.slow_answer if limit is None else limit):
                answer = await self._connection.request(method, inner, sent, content, self.limits.answer)
        except (BadAnswer, OSError) as error:  # TimeoutError and what TLS refuses are OSErrors
            raise self._failure(error) from error
        parsed = self._parsed(answer.body, path, answer.status)
        if answer.status >= 300:
            raise self._refusal(method, path, answer.status, parsed)
        return Reply(answer.status, parsed, answer.headers)

    def inside(self, path: str) -> str:
        """A path of this service, from a path or an absolute address that names this very service.

        Raises:
            NonsenseAnswer: it leads elsewhere.
        """
        here = urlsplit(self._base)
        try:
            parts = urlsplit(path if len(path) <= _PATH_LIMIT and _PLAIN.fullmatch(path) else "")
            ours = not parts.netloc or (parts.hostname == here.hostname and (parts.port or PORT) == here.port)
        except ValueError:
            ours = False
        if not ours or not parts.path.startswith("/redfish") or ".." in parts.path:
            raise NonsenseAnswer(f"{self.where}: it points outside of its own service: {path[:120]!r}")
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    def _parsed(self, raw: bytes, path: str, status: int) -> Any:
        if not raw.strip():
            return None
        try:
            return json.loads(raw)
        except (ValueError, RecursionError) as error:
            if status >= 300:
                return None
            raise NonsenseAnswer(f"{self.where}: {path}: the answer is no JSON") from error

    def _refusal(self, method: str, path: str, status: int, body: Any) -> BmcError:
        identifier, text = worst_message(body)
        detail = f": {text}" if text else ""
        what = f"{self.where}: {method} {path}: HTTP {status}{f' {identifier}' if identifier else ''}{detail}"
        error = self._kind(status, identifier, what)
        error.status, error.identifier = status, identifier
        return error

    def _kind(self, status: int, identifier: str, what: str) -> BmcError:
        if status == 401:
            return LoginFailed(what, "the session has ended, or the user or password is wrong")
        if status in (409, 429, 503) or identifier in BUSY_MESSAGES:
            return Busy(what)
        if status == 403:
            return PrivilegeTooLow(what)
        if status in (404, 405, 501):
            return NotSupported(what)
        if status < 400:
            return NonsenseAnswer(f"{what}: redirects are not followed")
        return Refused(what)

    def _failure(self, error: BadAnswer | OSError) -> BmcError:
        """Tell apart what stands between us and an answer."""
        if isinstance(error, ssl.SSLError):
            reason = getattr(error, "verify_message", "") or error.reason or str(error)
            return CertificateRefused(f"{self.where}: {reason}")
        if isinstance(error, ConnectionRefusedError):
            return PortClosed(f"{self.where}: nothing listens on TCP port {self.target.port or PORT}")
        if isinstance(error, TimeoutError):
            return NoAnswer(f"{self.where}: no answer within the time limit")
        if isinstance(error, OSError):
            return NoAnswer(f"{self.where}: {error.strerror or error or type(error).__name__}")
        return NonsenseAnswer(f"{self.where}: {error}")


def _pin(fingerprint: str) -> bytes:
    try:
        pin = bytes.fromhex(fingerprint.replace(":", ""))
    except ValueError:
        pin = b""
    if len(pin) != 32:
        raise CertificateRefused("the pinned fingerprint is no SHA-256 in hex", "64 hex digits, colons allowed")
    return pin
