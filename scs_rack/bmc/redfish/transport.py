"""HTTPS to Redfish services: one TLS context for all, one connection a BMC, nothing taken from the environment.

The environment is not asked (`trust_env` off): CA and proxy variables would override what the caller wants.
Paths that a BMC names are followed only within its own service.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

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
from scs_rack.bmc.redfish.quirks import BUSY_MESSAGES
from scs_rack.bmc.redfish.read import worst_message
from scs_rack.bmc.types import Target, TimeLimits

PORT = 443
BODY_LIMIT = 1024 * 1024
"""Bytes of an answer that are read at most."""


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


@asynccontextmanager
async def http_client(limits: TimeLimits) -> AsyncIterator[aiohttp.ClientSession]:
    """The HTTP client of one BMC: one connection, which is closed when the visit is over (this costs 11 us)."""
    connector = aiohttp.TCPConnector(limit=1, force_close=False)
    timeout = aiohttp.ClientTimeout(
        total=limits.slow_answer, sock_connect=limits.answer, sock_read=limits.slow_answer, connect=limits.slow_answer
    )
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
    ) as client:
        yield client


class Service:
    """The Redfish service of one BMC."""

    def __init__(
        self,
        target: Target,
        client: aiohttp.ClientSession,
        context: ssl.SSLContext,
        limits: TimeLimits,
        hint: Hint | None = None,
    ) -> None:
        self.target = target
        self.hint = hint or Hint()
        """What an earlier visit learnt of it, and this one learns."""
        self.where = f"BMC of {target.name} ({target.address})"
        self.headers: dict[str, str] = {}
        """Sent with each request: token or credentials."""
        if "close-connections" in target.quirks:
            self.headers["Connection"] = "close"
        self._client = client
        self.limits = limits
        self._tls = aiohttp.Fingerprint(_pin(target.fingerprint)) if target.fingerprint else context
        self._base = f"https://{target.address}:{target.port or PORT}"

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
        url = self._base + self.inside(path)
        sent = {"Accept": "application/json", "Accept-Encoding": "identity", **self.headers, **(headers or {})}
        try:
            async with (
                asyncio.timeout(self.limits.slow_answer if limit is None else limit),
                self._client.request(
                    method, url, json=body, data=data, headers=sent, ssl=self._tls, allow_redirects=False
                ) as response,
            ):
                raw = await response.content.read(BODY_LIMIT + 1)
                while raw and len(raw) <= BODY_LIMIT and not response.content.at_eof():
                    raw += await response.content.read(BODY_LIMIT + 1 - len(raw))
        except Exception as error:
            raise self._failure(error) from error
        if len(raw) > BODY_LIMIT:
            raise NonsenseAnswer(f"{self.where}: {path}: the answer is longer than {BODY_LIMIT} bytes")
        parsed = self._parsed(raw, path, response.status)
        if response.status >= 300:
            raise self._refusal(method, path, response.status, parsed)
        return Reply(response.status, parsed, {name.lower(): value for name, value in response.headers.items()})

    def inside(self, path: str) -> str:
        """A path of this service, from a path or an absolute address that names this very service.

        Raises:
            NonsenseAnswer: it leads elsewhere.
        """
        parts = urlsplit(path)
        here = urlsplit(self._base)
        ours = not parts.netloc or (parts.hostname == here.hostname and (parts.port or PORT) == here.port)
        if not ours or not parts.path.startswith("/redfish") or ".." in parts.path:
            raise NonsenseAnswer(f"{self.where}: it points outside of its own service: {path[:120]}")
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

    def _failure(self, error: Exception) -> BmcError:
        """Tell apart what stands between us and an answer; what we can't name is raised as it is."""
        if isinstance(error, BmcError):
            return error
        if isinstance(error, aiohttp.ServerFingerprintMismatch):
            return CertificateRefused(f"{self.where}: its certificate is {error.got.hex()}, not the one that is pinned")
        if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError | ssl.SSLError):
            reason = getattr(error, "certificate_error", error)
            return CertificateRefused(f"{self.where}: {getattr(reason, 'verify_message', '') or reason}")
        return self._no_answer(error)

    def _no_answer(self, error: Exception) -> BmcError:
        if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ConnectionRefusedError):
            return PortClosed(f"{self.where}: nothing listens on TCP port {self.target.port or PORT}")
        if isinstance(error, TimeoutError):
            return NoAnswer(f"{self.where}: no answer within the time limit")
        if isinstance(error, aiohttp.ClientConnectionError | OSError):
            return NoAnswer(f"{self.where}: {error or type(error).__name__}")
        if isinstance(error, aiohttp.ClientError | ValueError):
            return NonsenseAnswer(f"{self.where}: {type(error).__name__}: {str(error)[:200]}")
        raise error


def _pin(fingerprint: str) -> bytes:
    try:
        pin = bytes.fromhex(fingerprint.replace(":", ""))
    except ValueError:
        pin = b""
    if len(pin) != 32:
        raise CertificateRefused("the pinned fingerprint is no SHA-256 in hex", "64 hex digits, colons allowed")
    return pin
