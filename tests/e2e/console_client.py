"""Runs in the manager's namespace: opens the console of a guest as noVNC in a browser does.

The URL that Nova gives leads to noVNC's page; its parameter `path` names the websocket (RFC 6455), in which the remote
framebuffer protocol (RFC 6143) is spoken. Prints one JSON object. Reads the clouds file of OS_CLIENT_CONFIG_FILE.
"""

import base64
import hashlib
import json
import os
import socket
import ssl
import struct
import sys
import time
import urllib.request
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import openstack

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""What servers add to a client's key (RFC 6455, section 1.3)."""
NO_SECURITY = 1
"""Security type None (RFC 6143, section 7.2.1): the websocket's TLS and token are the security."""


class WebSocket:
    """A client's end of a websocket with binary messages, as a stream of bytes."""

    def __init__(self, url: str, ca_file: str) -> None:
        parts = urlsplit(url)
        context = ssl.create_default_context(cafile=ca_file)
        plain = socket.create_connection((parts.hostname, parts.port), 60)
        self._socket = context.wrap_socket(plain, server_hostname=parts.hostname)
        self._raw = b""
        self._stream = b""
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {parts.path or '/'}?{parts.query} HTTP/1.1",
            f"Host: {parts.netloc}",
            f"Origin: https://{parts.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: binary",
            f"Sec-WebSocket-Key: {key}",
        ]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        while b"\r\n\r\n" not in self._raw:
            self._more()
        head, _, self._raw = self._raw.partition(b"\r\n\r\n")
        status, *fields = head.decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in fields)}
        self.status = int(status.split()[1])
        wanted = base64.b64encode(hashlib.sha1(f"{key}{MAGIC}".encode()).digest()).decode()
        self.accepted = self.status == 101 and headers.get("sec-websocket-accept") == wanted

    def __enter__(self) -> Self:
        """Nothing to do: it is open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self._socket.close()

    def _more(self) -> None:
        piece = self._socket.recv(65536)
        if not piece:
            raise ConnectionError("the other end closed the connection")
        self._raw += piece

    def _take(self, count: int) -> bytes:
        while len(self._raw) < count:
            self._more()
        taken, self._raw = self._raw[:count], self._raw[count:]
        return taken

    def send(self, data: bytes) -> None:
        """Send a binary message in one masked frame (section 5.2)."""
        assert len(data) < 126
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))
        self._socket.sendall(bytes([0x82, 0x80 | len(data)]) + mask + masked)

    def read(self, count: int) -> bytes:
        """So many bytes of the stream that messages make.

        Raises:
            ConnectionError: the other end closed the websocket, or the connection.
        """
        while len(self._stream) < count:
            first, second = self._take(2)
            length = second & 0x7F
            if length > 125:
                length = int.from_bytes(self._take(2 if length == 126 else 8), "big")
            body = self._take(length)
            if first & 0x0F == 8:
                raise ConnectionError(f"the other end closed the websocket: {body[2:].decode(errors='replace')}")
            if first & 0x0F in (0, 1, 2):
                self._stream += body
        taken, self._stream = self._stream[:count], self._stream[count:]
        return taken


def shake_hands(stream: WebSocket) -> dict[str, Any]:
    """Agree on version and security, and read what screen the guest has (RFC 6143, section 7)."""
    version = stream.read(12)
    stream.send(b"RFB 003.008\n")
    kinds = list(stream.read(stream.read(1)[0]))
    assert NO_SECURITY in kinds, kinds
    stream.send(bytes([NO_SECURITY]))
    (result,) = struct.unpack(">I", stream.read(4))
    assert result == 0, result
    stream.send(b"\x01")  # ClientInit: others may watch too
    width, height, bits = struct.unpack(">HHB", stream.read(5))
    stream.read(15)
    name = stream.read(struct.unpack(">I", stream.read(4))[0]).decode()
    stream.send(struct.pack(">BBHi", 2, 0, 1, 0))  # SetEncodings: raw
    stream.send(struct.pack(">BBHHHH", 3, 0, 0, 0, 8, 8))  # FramebufferUpdateRequest: the upper left corner, all of it
    kind, rectangles = struct.unpack(">BxH", stream.read(4))
    return {
        "version": version.decode().strip(),
        "screen": [width, height, bits],
        "name": name,
        "update": [kind, rectangles],
    }


def page_of(url: str, ca_file: str) -> str:
    """Text of noVNC's page."""
    context = ssl.create_default_context(cafile=ca_file)
    with urllib.request.urlopen(url, context=context, timeout=60) as answer:
        return str(answer.read().decode())


def look(cloud: Any, server: Any, ca_file: str) -> dict[str, Any]:
    """Open the console of a server that runs."""
    url = str(cloud.compute.create_console(server, "novnc")["url"])
    parts = urlsplit(url)
    path = parse_qs(parts.query)["path"][0]
    tunnel = f"https://{parts.netloc}/{path.lstrip('/')}"
    seen: dict[str, Any] = {"page": "noVNC" in page_of(url, ca_file), "url": f"{parts.scheme}://{parts.netloc}"}
    with WebSocket(tunnel, ca_file) as stream:
        seen["accepted"] = stream.accepted
        seen |= shake_hands(stream)
    token = parse_qs(urlsplit(tunnel).query)["token"][0]
    try:
        with WebSocket(tunnel.replace(token, "0" * len(token)), ca_file) as stream:
            seen["wrong token"] = stream.read(12).decode()
    except ConnectionError:
        seen["wrong token"] = "refused"
    seen["log"] = len(cloud.compute.get_server_console_output(server)["output"] or "")
    return seen


def main(ca_file: str) -> None:
    """Boot a guest, look at its console, and remove it."""
    cloud = openstack.connect(cloud="test")
    image = min(cloud.image.images(status="active"), key=lambda one: one.size or 0)
    flavor = min((one for one in cloud.compute.flavors() if one.disk), key=lambda one: (one.vcpus, one.ram, one.disk))
    name = f"scs-rack-console-{os.urandom(3).hex()}"
    server = cloud.compute.create_server(name=name, image_id=image.id, flavor_id=flavor.id, networks="none")
    try:
        server = cloud.compute.wait_for_server(server, wait=600)
        end = time.monotonic() + 120
        while not cloud.compute.get_server_console_output(server)["output"] and time.monotonic() < end:
            time.sleep(2)
        print(json.dumps(look(cloud, server, ca_file)))
    finally:
        cloud.compute.delete_server(server)
        cloud.compute.wait_for_delete(server, wait=120)


if __name__ == "__main__":
    main(sys.argv[1])
