"""Redfish services for benchmarks: one process, a port for each BMC, a delay before each answer.

Run as a program it serves: `redfish_bmcs.py CERTIFICATE KEY COUNT PORT DELAY`; prints "ready", and for each line on its
input the connections and requests so far.
"""

import asyncio
import base64
import contextlib
import datetime as dt
import ipaddress
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ADDRESS = "127.0.0.1"
PORT = 21000
USER, PASSWORD = "admin", "bench-Passw0rd"
ROOT = "/redfish/v1"
SYSTEM = f"{ROOT}/Systems/1"
SESSIONS = f"{ROOT}/SessionService/Sessions"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"


@dataclass
class Counted:
    """The process that serves."""

    process: subprocess.Popen[str]
    certificate: Path

    def counts(self) -> tuple[int, int]:
        """Connections and requests so far."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        connections, requests = self.process.stdout.readline().split()
        return int(connections), int(requests)


@contextlib.contextmanager
def started(count: int, folder: Path, delay: float) -> Iterator[Counted]:
    """Serve BMCs at ADDRESS, ports from PORT on; each answer comes `delay` seconds late."""
    certificate, key = certified(folder)
    argv = [sys.executable, __file__, certificate, key, count, PORT, delay]
    process = subprocess.Popen([str(word) for word in argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        if process.stdout.readline() != "ready\n":
            sys.exit("the Redfish emulators did not start")
        yield Counted(process, certificate)
    finally:
        process.kill()
        process.wait()


def certified(folder: Path) -> tuple[Path, Path]:
    """A certificate (RSA of 2048 bits, as most BMCs have) that is its own CA, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    now = dt.datetime.now(dt.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + dt.timedelta(days=1))
    address = x509.IPAddress(ipaddress.IPv4Address(ADDRESS))
    made = made.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    signed = made.sign(key, hashes.SHA256())
    files = folder / "redfish.crt", folder / "redfish.key"
    files[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return files


class Service(asyncio.Protocol):
    """One connection to one BMC (HTTP/1.1, kept open)."""

    connections = requests = 0
    delay = 0.0
    basic = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state
        self.buffer = b""
        Service.connections += 1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each whole request, late."""
        self.buffer += data
        while True:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            length = int(headers.get("content-length", 0))
            if len(rest) < length:
                return
            self.buffer = rest[length:]
            method, path, _ = first.split(" ")
            answer = self.answer(method, path.rstrip("/"), headers, rest[:length])
            asyncio.get_running_loop().call_later(Service.delay, self.write, answer, headers)

    def write(self, answer: tuple[int, Any, dict[str, str]], headers: dict[str, str]) -> None:
        """Send an answer, and close where the client wants that."""
        status, body, more = answer
        raw = b"" if body is None else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(raw)}", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in more.items()]
        assert isinstance(self.transport, asyncio.Transport)
        if not self.transport.is_closing():
            self.transport.write("\r\n".join([*lines, "", ""]).encode() + raw)
            if headers.get("connection", "").lower() == "close":
                self.transport.close()

    def answer(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> tuple[int, Any, dict[str, str]]:
        """Status, body, headers."""
        Service.requests += 1
        if method == "POST" and path == SESSIONS:
            if json.loads(raw) != {"UserName": USER, "Password": PASSWORD}:
                return 401, None, {}
            named = f"{SESSIONS}/1"
            return 201, {"@odata.id": named}, {"X-Auth-Token": "token", "Location": named}
        if method == "GET" and path in (ROOT, "/redfish"):
            return 200, self.resources()[ROOT], {}
        if headers.get("x-auth-token") != "token" and headers.get("authorization") != Service.basic:
            return 401, None, {"WWW-Authenticate": 'Basic realm="bmc"'}
        if method == "GET":
            found = self.resources().get(path)
            return (200, found, {}) if found else (404, None, {})
        if method == "PATCH" and path == SYSTEM:
            self.state["boot"] |= json.loads(raw).get("Boot", {})
        elif method == "POST" and path == RESET:
            self.state["on"] = not json.loads(raw)["ResetType"].endswith(("Off", "Shutdown"))
        return 204, None, {}

    def resources(self) -> dict[str, Any]:
        """Everything that can be read."""
        return {
            ROOT: {
                "@odata.id": f"{ROOT}/",
                "@odata.type": "#ServiceRoot.v1_9_0.ServiceRoot",
                "Id": "RootService",
                "Name": "Root",
                "RedfishVersion": "1.11.0",
                "UUID": "11111111-2222-3333-4444-555555555555",
                "Systems": {"@odata.id": f"{ROOT}/Systems"},
                "SessionService": {"@odata.id": f"{ROOT}/SessionService"},
                "Links": {"Sessions": {"@odata.id": SESSIONS}},
            },
            f"{ROOT}/SessionService": {
                "@odata.id": f"{ROOT}/SessionService",
                "@odata.type": "#SessionService.v1_1_8.SessionService",
                "Id": "SessionService",
                "Name": "Sessions",
                "ServiceEnabled": True,
                "SessionTimeout": 300,
                "Sessions": {"@odata.id": SESSIONS},
            },
            f"{ROOT}/Systems": {
                "@odata.id": f"{ROOT}/Systems",
                "@odata.type": "#ComputerSystemCollection.ComputerSystemCollection",
                "Name": "Systems",
                "Members@odata.count": 1,
                "Members": [{"@odata.id": SYSTEM}],
            },
            SYSTEM: {
                "@odata.id": SYSTEM,
                "@odata.type": "#ComputerSystem.v1_13_0.ComputerSystem",
                "Id": "1",
                "Name": "system",
                "PowerState": "On" if self.state["on"] else "Off",
                "Boot": self.state["boot"],
                "Actions": {
                    "#ComputerSystem.Reset": {
                        "target": RESET,
                        "ResetType@Redfish.AllowableValues": [
                            "On", "ForceOff", "GracefulShutdown", "ForceRestart", "PowerCycle",
                        ],
                    }
                },
            },
        }  # fmt: skip


async def serve(certificate: str, key: str, count: int, port: int, delay: float) -> None:
    """Serve until the input ends."""
    Service.delay = delay
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    for number in range(count):
        boot = {"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "None"}
        boot |= {"BootSourceOverrideMode": "UEFI"}
        boot["BootSourceOverrideTarget@Redfish.AllowableValues"] = ["None", "Pxe", "Hdd", "Cd", "BiosSetup"]
        state = {"on": True, "boot": boot}
        await loop.create_server(lambda state=state: Service(state), ADDRESS, port + number, ssl=context)
    print("ready", flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        print(Service.connections, Service.requests, flush=True)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])))
