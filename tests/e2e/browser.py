"""A headless Chromium in the manager's namespace, driven through two pipes (Chrome DevTools Protocol 1.3).

`--remote-debugging-pipe`: the browser reads commands from descriptor 3 and writes answers to 4, each JSON and a NUL.
"""

import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-extensions",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--no-first-run",
    "--no-pings",
    "--no-proxy-server",
    "--window-size=1280,1000",
    "--remote-debugging-pipe",
)


def chromium() -> str | None:
    """Path of the browser; None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def key_hash(certificate: Path) -> str:
    """What a certificate's key is pinned by: SHA-256 of its SubjectPublicKeyInfo, in base64 (RFC 7469, section 2.4)."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    return b64encode(sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()).decode()


def _high(number: int) -> int:
    """The same file by a descriptor that is out of the way of 3 and 4; a plain sh knows none above 9, bash does."""
    copy = fcntl.fcntl(number, fcntl.F_DUPFD, 10)
    os.close(number)
    return copy


class Browser:
    """One page of a browser; a context manager.

    Args:
        prefix: command that runs the browser elsewhere, such as `ip netns exec lab-manager`.
        pinned: hash of the only key that the browser accepts though it does not know the CA.
    """

    def __init__(self, prefix: Sequence[str], pinned: str) -> None:
        self._folder = tempfile.mkdtemp(prefix="scs-rack-browser-")
        there, self._to = os.pipe()
        self._from, back = os.pipe()
        there, back = _high(there), _high(back)
        argv = [*prefix, chromium() or "", *OPTIONS, f"--user-data-dir={self._folder}/profile"]
        argv += [f"--ignore-certificate-errors-spki-list={pinned}", "about:blank"]
        with Path(self._folder, "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["bash", "-c", f'exec "$@" 3<&{there} 4>&{back}', "bash", *argv],
                env={"HOME": self._folder, "PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
                pass_fds=(there, back),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        os.close(there)
        os.close(back)
        self._left = b""
        self._number = 0
        self._session = ""

    def __enter__(self) -> Self:
        """Attach to the page."""
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(one["targetId"] for one in targets if one["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        self.call("Page.enable")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """End the browser."""
        os.close(self._to)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._from)
        shutil.rmtree(self._folder, ignore_errors=True)

    def call(self, method: str, **arguments: Any) -> Any:
        """Give a command and return its result; events are passed over."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": arguments}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read(60)
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]

    def _read(self, seconds: float) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while b"\0" not in self._left:
            ready, _, _ = select.select([self._from], [], [], max(0.0, end - time.monotonic()))
            piece = os.read(self._from, 1 << 20) if ready else b""
            assert piece, f"the browser says nothing: {Path(self._folder, 'log').read_text(errors='replace')[-2000:]}"
            self._left += piece
        line, _, self._left = self._left.partition(b"\0")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def evaluate(self, script: str) -> Any:
        """Value of a JavaScript expression in the page."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, (script, result["exceptionDetails"])
        return result["result"].get("value")

    def open(self, url: str) -> None:
        """Go to a URL."""
        error = self.call("Page.navigate", url=url).get("errorText")
        assert not error, (url, error)

    def wait(self, script: str, seconds: float = 90) -> None:
        """Wait until a JavaScript expression is true in a page that is loaded; pages may change meanwhile."""
        end = time.monotonic() + seconds
        whole = f"document.readyState === 'complete' && !!({script})"
        while not self.call("Runtime.evaluate", expression=whole, returnByValue=True)["result"].get("value"):
            seen = f"{self.evaluate('location.href')}: {self.text()[:2000]}"
            assert time.monotonic() < end, f"{script} did not come true; the page is {seen}"
            time.sleep(0.3)

    def text(self) -> str:
        """What can be read on the page."""
        return str(self.evaluate("document.body ? document.body.innerText : ''"))

    def fill(self, **fields: str) -> None:
        """Type into fields of a form, named by their ids."""
        for name, value in fields.items():
            self.evaluate(f"document.getElementById({json.dumps(name)}).focus()")
            self.evaluate(f"document.getElementById({json.dumps(name)}).value = ''")
            self.call("Input.insertText", text=value)

    def screenshot(self, path: Path) -> None:
        """Keep a picture of the page."""
        from base64 import b64decode

        path.write_bytes(b64decode(self.call("Page.captureScreenshot")["data"]))
