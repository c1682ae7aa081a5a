"""One HTTPS connection to one BMC: a request at a time, opened when it is needed, gone when the visit is over."""

import asyncio
import hashlib
import ssl
from asyncio import sslproto
from typing import cast

from scs_rack.bmc.errors import CertificateRefused, NoAnswer
from scs_rack.bmc.redfish.http import Answer, BadAnswer, Reader

_PIECE = 64 * 1024
"""Bytes of a long body that are handed over before the connection is asked whether it keeps up."""
sslproto.SSLProtocol.max_size = 32 * 1024
"""asyncio clears a buffer of this size for each TLS connection: its own 256 KiB would be most of what a fleet
holds, and a tenth of its time. A TLS record has 16 KiB."""
_SAFE = ("GET", "HEAD", "DELETE")
"""Methods that may be sent again when a connection that was idle turns out to be gone."""


class _Lost(ConnectionError):
    """The connection ended before a byte of the answer came."""


class _Wire(asyncio.Protocol):
    """Hands what comes to the reader of the answer that is waited for."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.answer: asyncio.Future[Answer] | None = None
        self.reader = Reader()
        self.heard = False
        self.gone = False
        self._ready: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.answer is None or self.answer.done():
            self.drop()  # nobody asked for it: such a connection is not used again
            return
        self.heard = True
        try:
            found = self.reader.feed(data)
        except BadAnswer as error:
            self.answer.set_exception(error)
            self.drop()
            return
        if found is not None:
            self.answer.set_result(found)
            if not found.lasting:
                self.drop()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        self.resume_writing()
        if self.answer is None or self.answer.done():
            return
        found: Answer | None = None
        try:
            found = self.reader.end() if exc is None else None
        except BadAnswer as error:
            self.answer.set_exception(error)
            return
        if found is not None:
            self.answer.set_result(found)
        else:
            words = "the connection ended in the middle of an answer" if self.heard else "the connection was closed"
            self.answer.set_exception((ConnectionError if self.heard else _Lost)(words))

    def pause_writing(self) -> None:
        self._ready = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)
        self._ready = None

    async def ask(self, head: bytes, body: bytes, *, answer: bool) -> Answer:
        """Send a request and wait for the answer."""
        assert self.transport is not None
        self.reader, self.heard = Reader(body=answer), False
        self.answer = asyncio.get_running_loop().create_future()
        try:
            self.transport.write(head + body if len(body) <= _PIECE else head)
            for start in range(0, len(body), _PIECE) if len(body) > _PIECE else ():
                if self.answer.done():
                    break  # it does not want to hear the rest
                self.transport.write(body[start : start + _PIECE])
                if self._ready is not None:
                    await self._ready
            return await self.answer
        except BaseException:
            self.drop()  # an answer that comes later must not be taken for that of the next request
            raise
        finally:
            self.answer = None

    def drop(self) -> None:
        """End the connection at once."""
        self.gone = True
        if self.transport is not None:
            self.transport.abort()


class Connection:
    """HTTPS to one BMC.

    Args:
        host: its address.
        port: TCP port.
        context: whom to trust.
        pin: SHA-256 of the only certificate that is accepted; the context decides when None.
        where: how messages call the BMC.
    """

    def __init__(self, host: str, port: int, context: ssl.SSLContext, pin: bytes | None, where: str) -> None:
        self._host, self._port = host, port
        self._context, self._pin = context, pin
        self._where = where
        self._wire: _Wire | None = None
        self._turn = asyncio.Lock()

    def close(self) -> None:
        """End the connection where there is one."""
        if self._wire is not None:
            self._wire.drop()
            self._wire = None

    async def request(self, method: str, path: str, headers: dict[str, str], body: bytes, connect: float) -> Answer:
        """Send a request; the caller bounds the time of the answer.

        Args:
            method: HTTP method.
            path: path and query.
            headers: all but Host and Content-Length.
            body: content.
            connect: seconds that connecting may take, TLS included.

        Raises:
            BadAnswer: what came back is no answer.
            NoAnswer, CertificateRefused, OSError, ssl.SSLError: there is no connection, or it ended.
        """
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}:{self._port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body or method in ("POST", "PATCH", "PUT"):
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
        if not all(line.isprintable() for line in lines):
            raise BadAnswer("what it wants to be sent back holds control characters")
        async with self._turn:
            wire, used = await self._open(connect)
            try:
                return await wire.ask(head, body, answer=method != "HEAD")
            except _Lost:
                if not used or method not in _SAFE:
                    raise
            wire, _ = await self._open(connect)
            return await wire.ask(head, body, answer=method != "HEAD")

    async def _open(self, limit: float) -> tuple[_Wire, bool]:
        """A connection, and whether it was used before."""
        if self._wire is not None and not self._wire.gone:
            return self._wire, True
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(limit):
                transport, wire = await loop.create_connection(
                    _Wire, self._host, self._port, ssl=self._context, ssl_shutdown_timeout=1.0
                )
        except TimeoutError as error:
            raise NoAnswer(f"{self._where}: no answer within {limit:g} s") from error
        if self._pin is not None:
            got = hashlib.sha256(transport.get_extra_info("ssl_object").getpeercert(binary_form=True) or b"").digest()
            if got != self._pin:
                transport.abort()
                raise CertificateRefused(f"{self._where}: its certificate is {got.hex()}, not the one that is pinned")
        self._wire = wire
        return wire, False
