"""The API's certificate from an ACME server of others (acme2certifier), proved through HAProxy."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from scs_rack import pki_chain
from tests.judges import judge
from tests.pki_given.racks import RACK
from tests.pki_given.signers import make

HERE = Path(__file__).parent
pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root and network namespaces"),
    pytest.mark.skipif(not shutil.which("haproxy"), reason="needs haproxy"),
]
TLS = """
  tls:
    roots: roots.crt
    acme: {directory: "https://127.0.0.1:PORT/directory", terms_agreed: true, contact: t@example.org, trust: server.crt}
  api_name: cloud.example.org
"""


@pytest.fixture
def world(tmp_path):
    """Run client.py; what it said."""
    python = judge("acme2certifier")
    root = make("public root", ca=True, days=3000)
    tls = make("acme", names=["127.0.0.1"])
    for folder in ("acme/signed", "rack", "state"):
        (tmp_path / folder).mkdir(parents=True)
    plain = root.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    for name, data in {
        "acme/ca.crt": root.pem,
        "acme/ca.key": plain,
        "acme/tls.crt": tls.pem,
        "acme/tls.key": tls.key_pem,
        "rack/roots.crt": root.pem,
        "rack/server.crt": tls.pem,
        "rack/rack.yml": RACK.replace("\ncloud:\n", f"\ncloud:{TLS}").encode(),
    }.items():
        (tmp_path / name).write_bytes(data)

    def run(*what, **environment):
        done = subprocess.run(
            ["unshare", "--net", sys.executable, HERE / "client.py", tmp_path, python, *what],
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
            env={**os.environ, **environment, "PYTHONPATH": str(HERE.parents[1])},
        )
        assert done.returncode == 0, done.stderr + (tmp_path / "acme.log").read_text()[-3000:]
        return json.loads(done.stdout), tmp_path

    return run


def test_a_certificate_is_fetched_and_its_name_proved_through_haproxy(world):
    said, folder = world("twice")
    assert "error" not in said, said
    assert (said["stand_in_before"], said["due_before"]) == (True, True)
    assert (said["stand_in"], said["due"], said["lacking"]) == (False, False, [])
    chain = pki_chain.read_chain((folder / "state/ca/api.crt").read_bytes())
    assert len(chain) >= 1
    for name in ("api.key", "acme.key"):
        assert stat.S_IMODE((folder / "state/ca" / name).stat().st_mode) == 0o600
    roots = (folder / "rack/roots.crt").read_bytes()
    assert (folder / "state/ca/api-roots.pem").read_bytes() == roots
    assert (folder / "state/ca/trust.pem").read_bytes().endswith(roots)
    # what HAProxy says on port 80
    assert said["/"][0] == "301"
    assert said["/.well-known/acme-challenge/tok_-1"] == ["200", f"tok_-1.{said['thumbprint']}"]
    for path in ("/.well-known/acme-challenge/a%22b", "/.well-known/acme-challenge/a/b"):
        assert said[path][0] == "301", "nothing but a token is repeated"


def test_without_haproxy_s_answer_nobody_is_asked(world):
    said, folder = world("thumbprint")
    assert "does not answer for our account" in said["error"]
    assert "up --from platform" in said["hint"]
    assert said["stand_in"]
    assert not (folder / "acme/acme.db").exists() or not list((folder / "acme/signed").iterdir())


def test_a_certificate_that_clients_would_refuse_is_not_taken(world):
    said, _ = world(DAYS="500")
    assert "gave a certificate, but certificate 1" in said["error"]
    assert "lasts 500 days" in said["error"]
    assert said["stand_in"]
