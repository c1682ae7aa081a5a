"""What comes back over HTTP/1.1 (RFC 9112), read piece by piece within limits: a BMC may send anything, for ever."""

import re
import secrets
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

HEAD_LIMIT = 64 * 1024
"""Bytes of status line and headers that are read at most."""
BODY_LIMIT = 1024 * 1024
"""Bytes of an answer that are read at most, as they come and unpacked."""
_LINE_LIMIT = 256
"""Bytes of a chunk's length line."""
_CHUNKS = 32 * 1024
"""Chunks of an answer, at most: each costs time, however small it is."""
_INTERIM = 8
"""Interim answers (1xx) before the answer, at most."""
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: |$)")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?")
_EMPTY = (204, 304)


class BadAnswer(ValueError):
    """Bytes that are no answer of HTTP/1.1, or more of them than anybody needs."""


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    headers: dict[str, str]
    """Names in lower case; values of a name that comes again are joined by commas."""
    body: bytes
    lasting: bool
    """True when the connection may be used again."""


class Reader:
    """Reads one answer.

    Args:
        body: False for a request whose answer has none (HEAD).
    """

    def __init__(self, *, body: bool = True) -> None:
        self._buffer = bytearray()
        self._body = bytearray()
        self._wants_body = body
        self._status = 0
        self._headers: dict[str, str] = {}
        self._lasting = False
        self._interim = 0
        self._left: int | None = None
        """Bytes of the body, or of the chunk, that are still to come; None until the connection ends."""
        self._chunked = False
        self._count = 0
        """Chunks so far."""
        self._after = False
        """True between a chunk and the end of its line."""
        self._trailer = False

    def feed(self, data: bytes) -> Answer | None:
        """Take what came; gives the answer when it is whole.

        Raises:
            BadAnswer: it is none.
        """
        self._buffer += data
        while not self._status:
            if not self._head():
                return None
        if self._chunked:
            return self._chunks()
        take = len(self._buffer) if self._left is None else min(self._left, len(self._buffer))
        self._keep(take)
        if self._left is not None:
            self._left -= take
        return self._whole() if self._left == 0 else None

    def end(self) -> Answer | None:
        """The connection ended: the answer, where nothing is missing."""
        return self._whole() if self._status and self._left is None and not self._chunked else None

    def _head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n", 0, HEAD_LIMIT + 4)
        if end < 0:
            if len(self._buffer) > HEAD_LIMIT:
                raise BadAnswer(f"its headers are longer than {HEAD_LIMIT} bytes")
            if self._buffer[:5] != b"HTTP/"[: len(self._buffer)]:
                raise BadAnswer("what answers speaks no HTTP")
            return False
        first, *lines = bytes(self._buffer[:end]).split(b"\r\n")
        del self._buffer[: end + 4]
        found = _STATUS.match(first)
        if not found:
            raise BadAnswer("what answers speaks no HTTP/1.1")
        status = int(found[1])
        if status < 200:
            self._interim += 1
            if self._interim > _INTERIM:
                raise BadAnswer("it sends interim answers without end")
            return True
        self._status, self._headers = status, _headers(lines)
        self._frame(old=first[:8] == b"HTTP/1.0")
        return True

    def _frame(self, *, old: bool) -> None:
        """How the end of the body is found (RFC 9112, 6.3)."""
        coding = self._headers.get("transfer-encoding", "").lower()
        length = self._headers.get("content-length")
        wishes = {word.strip() for word in self._headers.get("connection", "").lower().split(",")}
        self._lasting = "close" not in wishes and (not old or "keep-alive" in wishes)
        if not self._wants_body or self._status in _EMPTY:
            self._left = 0
        elif coding:
            if coding.rsplit(",", 1)[-1].strip() != "chunked" or length is not None:
                raise BadAnswer("the length of its answer is stated in two ways, or in none that is known")
            self._chunked, self._left = True, 0
        elif length is not None:
            if not re.fullmatch(r"[0-9]{1,18}", length):
                raise BadAnswer("the length of its answer is no number")
            self._left = int(length)
            if self._left > BODY_LIMIT:
                raise BadAnswer(f"the answer is longer than {BODY_LIMIT} bytes")
        else:
            self._left, self._lasting = None, False

    def _chunks(self) -> Answer | None:
        while True:
            if self._left:
                take = min(self._left, len(self._buffer))
                self._keep(take)
                self._left -= take
                if self._left:
                    return None
                self._after = True
            line, whole = self._line()
            if not whole:
                return None
            if self._trailer and not line:
                return self._whole()
            if not self._trailer:
                self._between(line)

    def _between(self, line: bytes) -> None:
        """A line between chunks: the end of the last one, or the length of the next."""
        if self._after:
            if line:
                raise BadAnswer("a chunk of its answer is longer than it says")
            self._after = False
            return
        size = _CHUNK.fullmatch(line)
        if not size:
            raise BadAnswer("a chunk of its answer has no length")
        self._count += 1
        if self._count > _CHUNKS:
            raise BadAnswer("its answer comes in too many chunks")
        self._left = int(size[1], 16)
        self._trailer = self._left == 0

    def _line(self) -> tuple[bytes, bool]:
        end = self._buffer.find(b"\r\n", 0, _LINE_LIMIT + 2)
        if end < 0:
            if len(self._buffer) > _LINE_LIMIT:
                raise BadAnswer("a line between the chunks of its answer is too long")
            return b"", False
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        if self._trailer:
            self._interim += 1
            if self._interim > 64:
                raise BadAnswer("it sends trailers without end")
        return line, True

    def _keep(self, count: int) -> None:
        if len(self._body) + count > BODY_LIMIT:
            raise BadAnswer(f"the answer is longer than {BODY_LIMIT} bytes")
        self._body += self._buffer[:count]
        del self._buffer[:count]

    def _whole(self) -> Answer:
        packed = self._headers.get("content-encoding", "identity").strip().lower()
        body = bytes(self._body) if packed in ("", "identity") or not self._body else _unpacked(packed, self._body)
        return Answer(self._status, self._headers, body, self._lasting and not self._buffer)


def _headers(lines: Iterable[bytes]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise BadAnswer("a header of its answer has no name")
        key, text = name.decode("latin-1").lower(), value.strip().decode("latin-1")
        if key == "content-length" and found.get(key, text) != text:
            raise BadAnswer("it states two lengths of its answer")
        found[key] = text if key not in found or key == "content-length" else f"{found[key]}, {text}"
    return found


def _unpacked(coding: str, body: bytearray) -> bytes:
    """Undo gzip or deflate, which was not asked for, but no further than the limit."""
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise BadAnswer(f"its answer is packed in a way that was not asked for: {coding[:20]!r}")
    unpacker = zlib.decompressobj(47)  # gzip or zlib, as the data says
    try:
        found = unpacker.decompress(body, BODY_LIMIT + 1)
    except zlib.error as error:
        raise BadAnswer("its answer can't be unpacked") from error
    if len(found) > BODY_LIMIT:
        raise BadAnswer(f"the answer is longer than {BODY_LIMIT} bytes when it is unpacked")
    if not unpacker.eof:
        raise BadAnswer("its answer is packed, and cut short")
    return found


@dataclass(frozen=True)
class Form:
    """Parts of a form with a file (RFC 7578)."""

    parts: tuple[tuple[str, str, str, bytes], ...]
    """Name, name of the file or "", media type, content."""

    def encoded(self) -> tuple[str, bytes]:
        """Media type with the boundary, and the body."""
        boundary = f"scs-rack-{secrets.token_hex(16)}"
        pieces = []
        for name, file, kind, content in self.parts:
            stated = f'; filename="{re.sub(r"[^A-Za-z0-9._-]", "_", file)}"' if file else ""
            head = (
                f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{stated}\r\nContent-Type: {kind}\r\n\r\n'
            )
            pieces += [head.encode(), content, b"\r\n"]
        return f"multipart/form-data; boundary={boundary}", b"".join([*pieces, f"--{boundary}--\r\n".encode()])
