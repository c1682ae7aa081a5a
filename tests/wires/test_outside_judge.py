"""Our scan for Mozilla's intermediate profile, beside sslyze's: both take what is good, and both refuse what is bad."""

import ssl
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from scs_rack import pki
from scs_rack.wires import gate
from scs_rack.wires.listeners import Listener
from scs_rack.wires.profile import scan_one
from tests.judges import judge, sslyze_reasons

from .servers import TLS12, as_mozilla_wants, server, tls


@contextmanager
def serving(folder, settle, address="127.0.0.1"):
    """TLS with the certificate of the API, for both loopbacks."""
    pki.issue(folder, "api", ["localhost"], ["127.0.0.1", "::1"])
    pki.put_roots(folder, b"")
    with server(tls(folder, "api", settle), address) as port:
        yield gate.Endpoint(address, port, address)


def tls_1_0(context):
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers(f"{TLS12}:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")


def weak_cipher(context):
    context.set_ciphers(f"{TLS12}:ECDHE-ECDSA-AES128-SHA")


def foreign_curve(context):
    context.set_ecdh_curve("secp521r1")


EXPECTED = {
    as_mozilla_wants: [],
    tls_1_0: ["ciphers", "tls_versions"],
    weak_cipher: ["ciphers"],
    foreign_curve: ["tls_curves"],
}
CASES = [*((settle, "127.0.0.1") for settle in EXPECTED), (as_mozilla_wants, "::1"), (weak_cipher, "::1")]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(("settle", "address"), CASES)
def test_both_judge_alike(tmp_path, settle, address):
    judge("sslyze")
    with serving(tmp_path, settle, address) as endpoint:
        ours = scan_one(endpoint, pki.files(tmp_path).trust)
        (reasons,) = sslyze_reasons([endpoint.where]).values()
    assert "certificate_path_validation" in reasons, reasons  # it does not know the rack's CA
    assert sorted(reasons - {"certificate_path_validation"}) == sorted(EXPECTED[settle])
    assert bool(ours) == bool(EXPECTED[settle]), ours


class Rack:
    """As much of a rack as the gate asks for."""

    def __init__(self, folder, address):
        self.design = SimpleNamespace(
            in_service=["node1"], api=SimpleNamespace(vip4="127.0.0.1", vip6="::1", host=address)
        )
        self.state_dir = folder

    def selected(self, _name):
        return True


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(("settle", "fails"), [(as_mozilla_wants, False), (weak_cipher, True)])
def test_the_gate_of_stage_cloud_fails_where_the_profile_is_not_held(tmp_path, monkeypatch, settle, fails, address):
    with serving(tmp_path, settle, address) as endpoint:
        listener = Listener("node1", address, endpoint.port, "haproxy", "tls")
        monkeypatch.setattr(gate, "observe", lambda ctx, nodes: ([listener], []))
        found = gate.look(Rack(tmp_path, address))
    assert [(one.type, one.severity, one.where) for one in found] == [
        ("tls-profile", "error", endpoint.where) for _ in range(fails)
    ]
