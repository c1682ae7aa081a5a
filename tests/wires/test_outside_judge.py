"""Our scan for Mozilla's intermediate profile, beside sslyze's: both take what is good, and both refuse what is bad."""

import os
import re
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import pytest

from scs_rack import pki
from scs_rack.wires import gate
from scs_rack.wires.listeners import Listener
from scs_rack.wires.profile import CIPHERS, Endpoint, scan_one
from tests.judges import judge

TLS12 = ":".join(sorted(name for name in CIPHERS if name.startswith("ECDHE-ECDSA")))


@contextmanager
def serving(folder, settle):
    """TLS on a port of 127.0.0.1, for many clients at a time."""
    pki.issue(folder, "api", ["localhost"], ["127.0.0.1"])
    pki.put_roots(folder, b"")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca/api.crt", folder / "ca/api.key")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(TLS12)
    context.set_ecdh_curve("prime256v1")
    settle(context)
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(sock):
        sock.settimeout(10)
        with suppress(OSError), context.wrap_socket(sock, server_side=True) as secure:
            secure.recv(1)

    def loop():
        with suppress(OSError):
            while True:
                threading.Thread(target=answer, args=listener.accept()[:1], daemon=True).start()

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def good(_context):
    pass


def tls_1_0(context):
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers(f"{TLS12}:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")


def weak_cipher(context):
    context.set_ciphers(f"{TLS12}:ECDHE-ECDSA-AES128-SHA")


def foreign_curve(context):
    context.set_ecdh_curve("secp521r1")


EXPECTED = {good: [], tls_1_0: ["ciphers", "tls_versions"], weak_cipher: ["ciphers"], foreign_curve: ["tls_curves"]}


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("settle", EXPECTED)
def test_both_judge_alike(tmp_path, settle):
    python = judge("sslyze")
    with serving(tmp_path, settle) as port:
        ours = scan_one(Endpoint("127.0.0.1", port, "127.0.0.1"), pki.files(tmp_path).trust)
        theirs = subprocess.run(
            [python, "-m", "sslyze", "--mozilla_config=intermediate", f"127.0.0.1:{port}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )
    reasons = set(re.findall(r"^\s+\* (\w+): ", theirs.stdout, re.MULTILINE))
    assert "certificate_path_validation" in reasons, theirs.stdout + theirs.stderr  # it does not know the rack's CA
    reasons.remove("certificate_path_validation")
    assert sorted(reasons) == sorted(EXPECTED[settle]), theirs.stdout
    assert bool(ours) == bool(reasons), ours


class Rack:
    """As much of a rack as the gate asks for."""

    def __init__(self, folder):
        self.design = SimpleNamespace(
            in_service=["node1"], api=SimpleNamespace(vip4="127.0.0.1", vip6="::1", host="127.0.0.1")
        )
        self.state_dir = folder

    def selected(self, _name):
        return True


@pytest.mark.parametrize(("settle", "fails"), [(good, False), (weak_cipher, True)])
def test_the_gate_of_stage_cloud_fails_where_the_profile_is_not_held(tmp_path, monkeypatch, settle, fails):
    with serving(tmp_path, settle) as port:
        listener = Listener("node1", "127.0.0.1", port, "haproxy", "tls")
        monkeypatch.setattr(gate, "observe", lambda ctx, nodes: ([listener], []))
        found = gate.look(Rack(tmp_path))
    assert [(one.type, one.severity, one.where) for one in found] == [
        ("tls-profile", "error", f"127.0.0.1:{port}") for _ in range(fails)
    ]
