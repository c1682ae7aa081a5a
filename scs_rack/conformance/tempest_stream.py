"""Runs in Tempest's own Python, not in ours: turns subunit v2 on standard input into one line of JSON a test."""

import json
import sys
from typing import Any

import subunit  # type: ignore[import-not-found]
from testtools import StreamResult  # type: ignore[import-not-found]

FINAL = ("success", "fail", "skip", "uxsuccess", "xfail")
"""States that a test ends with; `exists`, which each worker says of all its tests first, is none."""
MOST = 4000
"""Characters of a failure that are kept: its end tells what happened."""


class Lines(StreamResult):  # type: ignore[misc]
    """Writes a line when a test has ended."""

    def __init__(self) -> None:
        self.details: dict[str, dict[str, bytes]] = {}
        self.begun: dict[str, Any] = {}

    def status(self, **event: Any) -> None:
        """One event of subunit's stream (testtools' StreamResult)."""
        test = event.get("test_id")
        if test is None:
            return
        if event.get("file_name") and event.get("file_bytes"):
            files = self.details.setdefault(test, {})
            files[event["file_name"]] = files.get(event["file_name"], b"") + bytes(event["file_bytes"])
        if event.get("test_status") == "inprogress":
            self.begun[test] = event.get("timestamp")
        if event.get("test_status") in FINAL:
            files = self.details.pop(test, {})
            begun, ended = self.begun.pop(test, None), event.get("timestamp")
            words = files.get("reason") or files.get("traceback") or b"\n".join(files.values())
            line = {
                "test": test,
                "status": event["test_status"],
                "seconds": (ended - begun).total_seconds() if begun and ended else 0.0,
                "words": words.decode(errors="replace")[-MOST:],
            }
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    result = Lines()
    result.startTestRun()
    subunit.ByteStreamToStreamResult(sys.stdin.buffer, non_subunit_name="stdout").run(result)
    result.stopTestRun()
