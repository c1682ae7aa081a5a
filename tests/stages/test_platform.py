"""The gate of stage platform, against servers on this machine."""

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from scs_rack import pki
from scs_rack.stages import platform

URL = "https://127.0.0.1:5000/v3"


class Handler(BaseHTTPRequestHandler):
    """Gives a token for the password `right`."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        right = asked["auth"]["identity"]["password"]["user"]["password"] == "right"
        catalog = [{"endpoints": [{"region": "lab", "url": url} for url in self.server.urls]}]
        body = {"token": {"catalog": catalog}} if right else {"error": {"message": "who are you"}}
        data = json.dumps(body).encode() if self.server.status is None else b"<html>"
        self.send_response(self.server.status or (201 if right else 401))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def keystone(tmp_path):
    """An API with a certificate of a rack's CA."""
    pki.ensure_ca(tmp_path, "test")
    pki.issue(tmp_path, "api", [], ["127.0.0.1"])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.urls, server.status, server.ca = [URL], None, tmp_path / "ca/ca.crt"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca/api.crt", tmp_path / "ca/api.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def design():
    return SimpleNamespace(api=SimpleNamespace(host="127.0.0.1"), rack=SimpleNamespace(region="lab"))


def findings(keystone, password="right", ca=None):
    return list(platform.api(design(), ca or keystone.ca, password, keystone.server_port))


def test_passes(keystone):
    assert findings(keystone) == []


def test_wrong_password(keystone):
    (finding,) = findings(keystone, "wrong-password")
    assert (finding.type, finding.seen) == ("api-login", "status 401: who are you")
    assert "wrong-password" not in str(finding)


def test_certificate_of_another_ca(keystone, tmp_path):
    pki.ensure_ca(tmp_path / "other", "other")
    (finding,) = findings(keystone, ca=tmp_path / "other/ca/ca.crt")
    assert finding.type == "api-certificate"
    assert "CERTIFICATE_VERIFY_FAILED" in finding.seen


def test_backend_is_down(keystone):
    keystone.status = 503
    (finding,) = findings(keystone)
    assert (finding.type, finding.seen) == ("api-login", "status 503")


def test_not_keystone(keystone):
    keystone.status = 200
    (finding,) = findings(keystone)
    assert finding.type == "api-unreachable"


def test_endpoint_without_tls(keystone):
    keystone.urls.append("http://127.0.0.1:9292")
    (finding,) = findings(keystone)
    assert (finding.type, finding.seen) == ("api-plain-http", "http://127.0.0.1:9292")


def test_nothing_listens(keystone, unused_tcp_port):
    (finding,) = platform.api(design(), keystone.ca, "right", unused_tcp_port)
    assert finding.type == "api-unreachable"
    assert "refused" in finding.seen


def test_tls_port_that_answers_plain_http(keystone, monkeypatch):
    plain = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=plain.serve_forever, daemon=True).start()
    try:
        assert platform._speaks_plain_http("127.0.0.1", plain.server_port)
        assert not platform._speaks_plain_http("127.0.0.1", keystone.server_port)
        (finding,) = platform.api(design(), keystone.ca, "right", plain.server_port)
        assert finding.type == "api-certificate"
    finally:
        plain.shutdown()
        plain.server_close()
