"""Runs on a node, with Python's own modules only: prints each listening TCP socket and what a stranger is told there.

Arguments: file with the CA's certificate; address to call sockets that listen on all addresses; addresses of the API,
with commas between; file of those who vouch for the API beside the CA, which need not be there.
"""

import concurrent.futures
import hashlib
import json
import re
import socket
import ssl
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

Seen = dict[str, Any]
PATIENCE = 3.0
BANNER = 0.6
"""Seconds for a server to speak first."""
OWN = (("/etc/haproxy/node.pem", None), ("/etc/pki/libvirt/clientcert.pem", "/etc/pki/libvirt/private/clientkey.pem"))
"""Where a node has its own certificate and key."""


def listening() -> list[Seen]:
    """Sockets, by ss(8)."""
    out = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    found = []
    for line in out.splitlines():
        columns = line.split(None, 5)
        address, _, port = columns[3].rpartition(":")
        users = sorted(set(re.findall(r'\("([^"]+)"', columns[5] if len(columns) > 5 else "")))
        found.append({"address": address.strip("[]").partition("%")[0], "port": int(port), "process": ",".join(users)})
    return found


def dial(host: str, port: int) -> socket.socket:
    """A connection."""
    sock = socket.create_connection((host, port), PATIENCE)
    sock.settimeout(PATIENCE)
    return sock


def banner(host: str, port: int) -> bytes | None:
    """What the server says unasked; None if it closes the connection at once, as HAProxy without a service does."""
    with dial(host, port) as sock:
        sock.settimeout(BANNER)
        try:
            return sock.recv(256) or None
        except TimeoutError:
            return b""
        except ConnectionError:
            return None


def handshake(sock: socket.socket, ca: list[str]) -> Seen:
    """TLS, verified; the certificate's fingerprint and the version. The node shows its own to who asks for one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    for one in ca:
        context.load_verify_locations(one)
    own = next((pair for pair in OWN if Path(pair[0]).is_file()), None)
    if own:
        context.load_cert_chain(*own)
    with context.wrap_socket(sock) as secure:
        certificate = secure.getpeercert(binary_form=True) or b""
        return {"kind": "tls", "version": secure.version(), "sha256": hashlib.sha256(certificate).hexdigest()}


def mysql(host: str, port: int, ca: list[str]) -> Seen:
    """MySQL's protocol: TLS after a request for it; then, whether it does without."""
    with dial(host, port) as sock:
        sock.recv(512)
        sock.sendall(b"\x20\x00\x00\x01" + struct.pack("<IIB23s", 0x200 | 0x800 | 0x8000, 1 << 24, 33, b""))
        found = handshake(sock, ca)
    with dial(host, port) as sock:
        sock.recv(512)
        body = struct.pack("<IIB23s", 0x200 | 0x8000, 1 << 24, 33, b"") + b"scs-rack-probe\0\0"
        sock.sendall(struct.pack("<I", len(body))[:3] + b"\x01" + body)
        said = sock.recv(512)
    refused = said[4:5] == b"\xff" and struct.unpack("<H", said[5:7])[0] in (3159, 4162)
    return found if refused else found | {"kind": "plain", "why": "MySQL's protocol asks for a password without TLS"}


def vnc(host: str, port: int) -> Seen:
    """RFC 6143, section 7.1: the kinds of security it offers."""
    with dial(host, port) as sock:
        sock.recv(12)
        sock.sendall(b"RFB 003.008\n")
        count = sock.recv(1)
        kinds = list(sock.recv(count[0])) if count else []
    if kinds == [19]:
        return {"kind": "vencrypt"}
    return {"kind": "plain", "why": f"VNC with security types {kinds}"}


def ceph_modes() -> Seen:
    """By daemon's socket: what is not secure there. Clients have no say: daemons that want it secure get it so."""
    weak = {}
    for path in map(str, Path("/run/ceph").rglob("ceph-*.asok")):
        for name in ("ms_cluster_mode", "ms_service_mode"):
            command = ["ceph", "--admin-daemon", path, "config", "get", name]
            done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
            if done.returncode == 0 and (mode := json.loads(done.stdout)[name]) != "secure":
                weak[path] = f"{name} = {mode}"
    return weak


def judge(one: Seen, ca: str, own: str, api: list[str], roots: str) -> Seen:
    """What a socket speaks: `local`, `tls`, `ssh`, `ceph`, `vencrypt`, `plain`, or `silent`."""
    address = one["address"]
    if address.startswith("127.") or address in ("::1", "::ffff:127.0.0.1"):
        return {"kind": "local"}
    by = [ca, roots] if address in api and Path(roots).is_file() else [ca]
    try:
        return greeted(own if address in ("*", "0.0.0.0", "::") else address, one["port"], by)
    except ssl.SSLCertVerificationError as error:
        return {"kind": "foreign", "why": error.verify_message}
    except ssl.SSLError as error:
        return {"kind": "plain", "why": error.reason or str(error)}
    except (OSError, ValueError) as error:
        return {"kind": "silent", "why": str(error) or type(error).__name__}


def greeted(host: str, port: int, ca: list[str]) -> Seen:
    """As `judge`: by what the server says first, else by a TLS handshake."""
    said = banner(host, port)
    starts = {b"SSH-": "ssh", b"ceph v2\n": "ceph"}
    kind = next((kind for start, kind in starts.items() if said and said.startswith(start)), None)
    if said is None or kind:
        return {"kind": kind or "closed"}
    if said.startswith(b"RFB "):
        return vnc(host, port)
    if said[3:5] == b"\0\x0a":  # packet 0, protocol 10
        return mysql(host, port, ca)
    if said:
        return {"kind": "plain", "why": f"says {said[:24]!r}"}
    try:
        return handshake(dial(host, port), ca)
    except ssl.SSLCertVerificationError:
        raise
    except ssl.SSLError:
        if redirects(host, port):
            return {"kind": "redirect"}
        raise


def redirects(host: str, port: int) -> bool:
    """HTTP, but only to say where HTTPS is (RFC 9110, section 15.4)."""
    with dial(host, port) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n")
        said = sock.recv(2048).lower()
    return said.split(b" ", 2)[1:2] in ([b"301"], [b"302"], [b"307"], [b"308"]) and b"\nlocation: https://" in said


def main() -> None:
    """Entry point."""
    ca, own, api, roots = sys.argv[1:5]
    sockets = listening()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for one, seen in zip(
            sockets, pool.map(lambda one: judge(one, ca, own, api.split(","), roots), sockets), strict=True
        ):
            one.update(seen)
    print(json.dumps({"sockets": sockets, "weak": ceph_modes() if any(s["kind"] == "ceph" for s in sockets) else {}}))


main()
