"""What sockets speak is found by talking with them, and judged."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scs_rack import pki
from scs_rack.wires.listeners import Listener, judge

from .servers import server, tls

PROBE = Path(__file__).resolve().parents[2] / "scs_rack/wires/probe.py"


@pytest.fixture
def ask(tmp_path):
    """Run the probe's own code on one port, as if others could reach it."""
    pki.issue(tmp_path, "node", [], ["127.0.0.1"])

    def asked(port, api="", roots=""):
        code = PROBE.read_text().replace("\nmain()\n", "\n") + (
            f"\none = {{'address': {api or '0.0.0.0'!r}, 'port': {port}}}\n"
            f"print(json.dumps(judge(one, {str(tmp_path / 'ca/ca.crt')!r}, '127.0.0.1', [{api!r}], {roots!r})))\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
        return json.loads(done.stdout)

    return asked


def test_tls_of_the_rack_is_known_with_its_fingerprint(ask, tmp_path):
    with server(tls(tmp_path, "node")) as port:
        found = ask(port)
    expected = pki.fingerprint((tmp_path / "ca/node.crt").read_bytes())
    assert (found["kind"], found["sha256"]) == ("tls", expected)


def test_tls_of_somebody_else_is_foreign(ask, tmp_path):
    pki.issue(tmp_path / "other", "node", [], ["127.0.0.1"])
    with server(tls(tmp_path / "other", "node")) as port:
        assert ask(port)["kind"] == "foreign"


def vnc(*kinds):
    def answer(sock):
        sock.sendall(b"RFB 003.008\n")
        sock.recv(12)
        sock.sendall(bytes([len(kinds), *kinds]))

    return answer


def http(text):
    def answer(sock):
        sock.recv(999)
        sock.sendall(text)

    return answer


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda sock: sock.sendall(b"SSH-2.0-OpenSSH_10.0\r\n"), "ssh"),
        (lambda sock: sock.sendall(b"ceph v2\n\x10\0"), "ceph"),
        (lambda sock: sock.sendall(b"ceph v027\0"), "plain"),
        (lambda sock: sock.sendall(b"220 smtp ready\r\n"), "plain"),
        (http(b"HTTP/1.0 400 Bad\r\n\r\n"), "plain"),
        (
            lambda sock: (sock.recv(999), sock.sendall(b"HTTP/1.1 301 Moved\r\nLocation: https://x/\r\n\r\n")),
            "redirect",
        ),
        (http(b"HTTP/1.1 301 Moved\r\nLocation: http://x/\r\n\r\n"), "plain"),
        (lambda sock: None, "closed"),
        (lambda sock: sock.recv(1), "silent"),
        (vnc(19), "vencrypt"),
        (vnc(19, 1), "plain"),
        (vnc(1), "plain"),
    ],
)
def test_what_speaks_is_told_by_its_words(ask, answer, kind):
    with server(answer) as port:
        assert ask(port)["kind"] == kind


def listener(kind, process="haproxy", port=443, address="10.0.0.1"):
    return Listener("node1", address, port, process, kind)


def test_only_what_can_be_read_on_a_wire_is_a_finding():
    good = [listener(kind) for kind in ("local", "tls", "ssh", "ceph", "vencrypt")]
    assert judge([*good, listener("plain", "bgpd", 179), listener("plain", "named", 53)]) == []
    found = judge([listener(kind, "memcached", 11211) for kind in ("plain", "foreign", "silent")])
    assert [one.type for one in found] == ["plaintext-listener"] * 3
    assert found[0].where == "node1 10.0.0.1:11211 (memcached)"


def test_a_process_that_takes_the_port_of_bgp_is_a_finding():
    assert len(judge([listener("plain", "nc", 179)])) == 1
