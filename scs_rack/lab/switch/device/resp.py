"""As much of a Redis client as CONFIG_DB needs (RESP2, redis.io/docs/reference/protocol-spec).

python3-redis can do this and much more, but takes 0.12 s to import: each `config` and `sonic-cfggen` would pay that.
"""

import select
import socket
from collections.abc import Sequence
from typing import Any, BinaryIO

SOCKET = "/var/run/redis/redis.sock"


class RedisError(Exception):
    """Redis refused a command, or hung up."""


class Redis:
    """A connection to one database."""

    def __init__(self, database: int, path: str = SOCKET) -> None:
        """Connect.

        Raises:
            OSError: nobody listens.
            RedisError: Redis is not ready yet.
        """
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._file: BinaryIO = self._socket.makefile("rb")
        self.call("SELECT", str(database))

    @property
    def descriptor(self) -> int:
        """To wait for messages with select(2)."""
        return self._socket.fileno()

    def call(self, *words: str) -> Any:
        """Run one command; returns text, a number, a list, or None."""
        return self.pipeline([words])[0]

    def pipeline(self, commands: Sequence[Sequence[str]]) -> list[Any]:
        """Run many commands with one round trip.

        Raises:
            RedisError: one of them was refused.
        """
        self._socket.sendall(b"".join(_encode(words) for words in commands))
        replies = [self._reply() for _ in commands]
        for reply in replies:
            if isinstance(reply, RedisError):
                raise reply
        return replies

    def subscribe(self, pattern: str) -> None:
        """Take messages of channels from now on; no further command can be run."""
        self.call("PSUBSCRIBE", pattern)

    def message(self, timeout: float | None) -> bool:
        """Wait for messages and drop them; False when none came in time (seconds).

        Raises:
            RedisError: Redis hung up.
        """
        ready, _, _ = select.select([self._socket], [], [], timeout)
        if ready and not self._socket.recv(1 << 16):
            raise RedisError("Redis hung up")
        return bool(ready)

    def _reply(self) -> Any:
        line = self._file.readline()
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"+":
            return rest
        if kind == b"-":
            return RedisError(rest)
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == "-1" else self._file.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return None if rest == "-1" else [self._reply() for _ in range(int(rest))]
        raise RedisError("Redis hung up")


def _encode(words: Sequence[str]) -> bytes:
    parts = [f"*{len(words)}\r\n".encode()]
    for word in words:
        data = word.encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(parts)
