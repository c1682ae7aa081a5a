"""What ansible-runner's processor reads of a worker: bounded lines, and nothing that would be unpacked here."""

import json
import time
from typing import IO

LONGEST = 16 * 1024 * 1024
"""Bytes of one line; a plan of a whole rack is one line."""
EMPTY = b""


class Heard:
    """The worker's stream, as `Processor` reads it.

    A worker ends with an archive of its artifacts. They tell nothing new, and unpacking is where a manager node could
    write to the site's machine, so they are skipped.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.last = time.monotonic()
        """When something was heard."""
        self.ended = False
        """True when the worker said that it is done."""

    def readline(self) -> bytes:
        """The next line that is no archive; empty when the link is gone or what comes can't be a worker's."""
        while True:
            line = self._stream.readline(LONGEST + 1)
            self.last = time.monotonic()
            if not line.endswith(b"\n") or len(line) > LONGEST:
                return EMPTY
            try:
                content = json.loads(line)
            except ValueError:
                return EMPTY
            if not isinstance(content, dict):
                return EMPTY
            if "zipfile" not in content:
                self.ended = self.ended or "eof" in content
                return line
            if not self._skip(content["zipfile"]):
                return EMPTY

    def _skip(self, size: object) -> bool:
        """Skip an archive of so many bytes, which comes in base64 (RFC 4648, section 4)."""
        if not isinstance(size, int) or not 0 <= size <= LONGEST:
            return False
        left = -(-size // 3) * 4
        while left:
            got = len(self._stream.read(min(left, 65536)))
            if not got:
                return False
            self.last = time.monotonic()
            left -= got
        return True
