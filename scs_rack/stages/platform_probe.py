"""Runs on a controller: prints as JSON how its MariaDB, RabbitMQ, etcd and memcached are, and whether their ports hold.

Standard library only: the gate of stage platform sends this file over SSH (`python3 - …` without a copy).
"""

import http.client
import json
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import Callable
from typing import Any

UNITS = (
    "etcd",
    "mariadb",
    "scs-rack-galera",
    "rabbitmq-server",
    "memcached",
    "haproxy",
    "scs-rack-vip",
    "keystone",
)
CA = "/usr/local/share/ca-certificates/scs-rack.crt"
CLIENT = ("/etc/etcd/node.crt", "/etc/etcd/node.key")
TLS_PORTS = {
    "mariadb": 3306,
    "galera": 4567,
    "galera-check": 9200,
    "rabbitmq": 5671,
    "rabbitmq-members": 25672,
    "etcd": 2379,
    "etcd-members": 2380,
    "memcached": 11211,
}
"""Ports that must speak TLS with a certificate that the rack's CA vouches for."""
PLAIN_PORTS = {"rabbitmq": 5672}
"""Ports that must be closed."""
AMQP = b"AMQP\0\0\x09\x01"
"""Protocol header of AMQP 0-9-1 (section 4.2.2); a broker answers with a method frame on channel 0."""
GALERA = "wsrep_cluster_size", "wsrep_cluster_status", "wsrep_local_state_comment", "wsrep_ready"
TIMEOUT = 10.0
CLIENT_SSL, CLIENT_PROTOCOL_41, CLIENT_SECURE_CONNECTION = 0x800, 0x200, 0x8000


def run(*command: str, timeout: float = 40.0) -> str:
    """What a command prints.

    Raises:
        OSError: it failed; says what it wrote.
    """
    try:
        seen = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{command[0]} did not end within {timeout:g} s") from error
    if seen.returncode:
        words = (seen.stderr or seen.stdout).strip().splitlines()
        raise OSError(words[-1] if words else f"{command[0]} ended with {seen.returncode}")
    return seen.stdout


def units() -> dict[str, str]:
    """States of the units."""
    seen = subprocess.run(["systemctl", "is-active", *UNITS], capture_output=True, text=True, check=False)
    return dict(zip(UNITS, seen.stdout.split(), strict=True))


def galera() -> dict[str, str]:
    """What MariaDB says of its cluster."""
    names = ", ".join(f"'{name}'" for name in GALERA)
    text = run("mariadb", "-N", "-B", "-e", f"SHOW GLOBAL STATUS WHERE Variable_name IN ({names})")
    seen = dict(line.split("\t", 1) for line in text.splitlines())
    secure = run("mariadb", "-N", "-B", "-e", "SELECT @@require_secure_transport").strip()
    return {**seen, "require_secure_transport": secure}


def rabbitmq() -> dict[str, list[str]]:
    """Members that run, alarms and partitions, as this member sees them."""
    seen = json.loads(run("rabbitmqctl", "-q", "cluster_status", "--formatter", "json"))
    alarms = [
        str(alarm.get("resource") or alarm) if isinstance(alarm, dict) else str(alarm) for alarm in seen["alarms"]
    ]
    return {
        "running": sorted(seen["running_nodes"]),
        "alarms": alarms,
        "partitions": sorted(seen["partitions"]),
    }


def context(ca: str = CA, client: tuple[str, str] = CLIENT) -> ssl.SSLContext:
    """TLS as the controllers speak it among themselves."""
    made = ssl.create_default_context(cafile=ca)
    made.load_cert_chain(*client)
    return made


def secured(address: str, port: int, name: str, tls: ssl.SSLContext) -> ssl.SSLSocket:
    """A verified TLS connection.

    Raises:
        OSError: no connection, no TLS (`ssl.SSLError`), or a certificate that does not hold.
    """
    plain = socket.create_connection((address, port), TIMEOUT)
    try:
        if port == TLS_PORTS["mariadb"]:
            ask_mariadb_for_tls(plain)
        return tls.wrap_socket(plain, server_hostname=name)
    except OSError:
        plain.close()
        raise


def ask_mariadb_for_tls(sock: socket.socket) -> None:
    """MariaDB's protocol begins without TLS: greeting, then the client's SSLRequest (Connection Phase, 32 bytes).

    Raises:
        OSError: it refuses the connection.
    """
    size, _ = struct.unpack("<I", receive(sock, 4))[0] & 0xFFFFFF, None
    greeting = receive(sock, size)
    if greeting[:1] == b"\xff":
        raise OSError(f"refused: {greeting[3:].decode(errors='replace')}")
    capabilities = CLIENT_SSL | CLIENT_PROTOCOL_41 | CLIENT_SECURE_CONNECTION
    sock.sendall(struct.pack("<I", 32 | 1 << 24) + struct.pack("<IIB23x", capabilities, 1 << 24, 33))


def receive(sock: socket.socket, size: int) -> bytes:
    """Exactly so many bytes.

    Raises:
        OSError: the connection ended before.
    """
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise OSError("the connection was closed")
        data += more
    return data


def exchange(sock: socket.socket, question: bytes, start: bytes) -> None:
    """Ask something and see how the answer begins.

    Raises:
        OSError: it begins otherwise.
    """
    sock.sendall(question)
    said = receive(sock, len(start))
    if said != start:
        raise OSError(f"unexpected answer {said!r}")


def etcd(address: str, tls: ssl.SSLContext) -> dict[str, Any]:
    """Verdict of etcd on its own health, which includes that there is a leader, and its members."""
    connection = http.client.HTTPSConnection(address, TLS_PORTS["etcd"], timeout=TIMEOUT, context=tls)
    try:
        connection.request("GET", "/health")
        health = json.loads(connection.getresponse().read())
        connection.request("POST", "/v3/cluster/member/list", "{}")
        members = json.loads(connection.getresponse().read())["members"]
    finally:
        connection.close()
    return {"health": health, "members": sorted(str(member.get("name", "")) for member in members)}


def plain_answer(address: str, port: int) -> str:
    """What a port says to somebody who speaks no TLS; empty when it refuses, as it must."""
    try:
        with socket.create_connection((address, port), TIMEOUT) as sock:
            sock.settimeout(2)
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            said = sock.recv(64)
    except OSError:
        return ""
    refusal = said[:2] == b"\x15\x03" or said[:12] in (b"HTTP/1.0 400", b"HTTP/1.1 400")
    return "" if not said or refusal else repr(said)


def is_open(address: str, port: int) -> bool:
    """True if something accepts connections there."""
    try:
        socket.create_connection((address, port), TIMEOUT).close()
    except OSError:
        return False
    return True


def tried(question: Callable[[], Any]) -> Any:
    """The answer, or why there is none."""
    try:
        return question()
    except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
        return {"error": str(error) or type(error).__name__}


def ports(name: str, address: str, tls: ssl.SSLContext) -> dict[str, str]:
    """What is wrong with each port; empty where TLS is verified, its service answers, and nothing else is spoken."""
    seen = {}
    for what, port in TLS_PORTS.items():
        try:
            with secured(address, port, name, tls) as sock:
                if what == "rabbitmq":
                    exchange(sock, AMQP, b"\x01\0\0")
                elif what == "memcached":
                    exchange(sock, b"version\r\n", b"VERSION ")
            said = "" if what == "mariadb" else plain_answer(address, port)
            seen[what] = f"port {port} answers without TLS: {said}" if said else ""
        except OSError as error:
            seen[what] = f"port {port}: {error or type(error).__name__}"
    for what, port in PLAIN_PORTS.items():
        if is_open(address, port):
            seen[what] = f"port {port} is open, which has no TLS"
    return seen


def main(name: str, address: str, asks_rabbitmq: str) -> None:
    """Print everything."""
    tls = context()
    seen = {
        "units": units(),
        "galera": tried(galera),
        "etcd": tried(lambda: etcd(address, tls)),
        "ports": ports(name, address, tls),
    }
    if asks_rabbitmq == "yes":
        seen["rabbitmq"] = tried(rabbitmq)
    print(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
