"""What the probe of stage platform sees of ports, against servers on this machine."""

import json
import socket
import ssl
import struct
import threading
from types import SimpleNamespace

import pytest

from scs_rack import pki
from scs_rack.stages import platform_probe as probe


@pytest.fixture
def tls(tmp_path):
    """A server's context with a certificate of a CA, and a client's that trusts it."""
    pki.ensure_ca(tmp_path, "test")
    pki.issue(tmp_path, "api", ["node1"], ["127.0.0.1"])
    files = (str(tmp_path / "ca/api.crt"), str(tmp_path / "ca/api.key"))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*files)
    return SimpleNamespace(server=server, client=probe.context(str(tmp_path / "ca/ca.crt"), files), files=files)


def serve(talk, times=1):
    """A server that holds this talk with each client; returns its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        for _ in range(times):
            sock, _ = listener.accept()
            try:
                with sock:
                    talk(sock)
            except OSError:
                pass
        listener.close()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def test_a_verified_port_answers(tls):
    def talk(sock):
        with tls.server.wrap_socket(sock, server_side=True) as secured:
            assert secured.recv(8) == probe.AMQP
            secured.sendall(b"\x01\0\0\0\0")

    with probe.secured("127.0.0.1", serve(talk), "node1", tls.client) as sock:
        probe.exchange(sock, probe.AMQP, b"\x01\0\0")


def test_a_certificate_for_another_name_does_not_hold(tls):
    port = serve(lambda sock: tls.server.wrap_socket(sock, server_side=True))
    with pytest.raises(ssl.SSLError, match="Hostname mismatch"):
        probe.secured("127.0.0.1", port, "node2", tls.client)


def test_a_certificate_of_another_ca_does_not_hold(tls, tmp_path):
    pki.ensure_ca(tmp_path / "other", "other")
    stranger = probe.context(str(tmp_path / "other/ca/ca.crt"), tls.files)
    port = serve(lambda sock: tls.server.wrap_socket(sock, server_side=True))
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        probe.secured("127.0.0.1", port, "node1", stranger)


def test_mariadb_is_asked_for_tls_in_its_own_protocol(tls, monkeypatch):
    def talk(sock):
        greeting = b"\x0a11.8.9-MariaDB\0"
        sock.sendall(struct.pack("<I", len(greeting)) + greeting)
        header, request = sock.recv(4), sock.recv(32)
        assert header == b"\x20\0\0\x01"
        assert struct.unpack("<I", request[:4])[0] & probe.CLIENT_SSL
        with tls.server.wrap_socket(sock, server_side=True) as secured:
            secured.sendall(b"x")

    port = serve(talk)
    monkeypatch.setitem(probe.TLS_PORTS, "mariadb", port)
    with probe.secured("127.0.0.1", port, "node1", tls.client) as sock:
        assert sock.recv(1) == b"x"


def test_mariadb_that_refuses_says_why(tls, monkeypatch):
    text = b"\xff\x15\x04Too many connections"
    port = serve(lambda sock: sock.sendall(struct.pack("<I", len(text)) + text))
    monkeypatch.setitem(probe.TLS_PORTS, "mariadb", port)
    with pytest.raises(OSError, match="Too many connections"):
        probe.secured("127.0.0.1", port, "node1", tls.client)


@pytest.mark.parametrize(
    ("said", "refuses"),
    [
        (b"\x15\x03\x03\0\x02\x02\x32", True),
        (b"HTTP/1.0 400 Bad Request\r\n\r\n", True),
        (b"", True),
        (b"AMQP\0\0\x09\x01", False),
    ],
)
def test_only_a_refusal_is_no_answer(said, refuses):
    def talk(sock):
        sock.recv(64)
        sock.sendall(said)

    assert (probe.plain_answer("127.0.0.1", serve(talk)) == "") is refuses


def test_ports_that_nothing_serves_are_named(tls, monkeypatch, unused_tcp_port):
    monkeypatch.setattr(probe, "TLS_PORTS", {"mariadb": -1, "etcd": unused_tcp_port})
    monkeypatch.setattr(probe, "PLAIN_PORTS", {"rabbitmq": serve(lambda _: None)})
    seen = probe.ports("node1", "127.0.0.1", tls.client)
    assert "refused" in seen["etcd"]
    assert "is open, which has no TLS" in seen["rabbitmq"]


def test_rabbitmq_says_what_runs(monkeypatch):
    status = {
        "running_nodes": ["rabbit@node2", "rabbit@node1"],
        "alarms": [{"resource": "disk", "node": "rabbit@node1"}],
        "partitions": {"rabbit@node1": ["rabbit@node3"]},
    }
    monkeypatch.setattr(probe, "run", lambda *_: json.dumps(status))
    assert probe.rabbitmq() == {
        "running": ["rabbit@node1", "rabbit@node2"],
        "alarms": ["disk"],
        "partitions": ["rabbit@node1"],
    }


def test_a_command_that_fails_says_why():
    with pytest.raises(OSError, match="no such thing"):
        probe.run("sh", "-c", "echo no such thing >&2; exit 3")
    assert probe.tried(lambda: probe.run("false")) == {"error": "false ended with 1"}
