"""The scan for Mozilla's intermediate profile, against servers that hold it and servers that don't."""

import ssl
from contextlib import contextmanager

import pytest

from scs_rack import pki
from scs_rack.wires.profile import Endpoint, scan_one

from .servers import as_mozilla_wants, server, tls


@pytest.fixture
def served(tmp_path):
    """Serve TLS with a certificate of the rack's CA; `settle` spoils the server's settings."""

    @contextmanager
    def serve(settle=as_mozilla_wants, names=("127.0.0.1",)):
        pki.issue(tmp_path, "api", [], names)
        with server(tls(tmp_path, "api", settle)) as port:
            yield Endpoint("127.0.0.1", port, "127.0.0.1"), tmp_path / "ca/ca.crt"

    return serve


def seen(findings):
    return [(one.expected, one.seen) for one in findings]


def test_a_server_that_holds_the_profile_has_no_finding(served):
    with served() as (endpoint, ca):
        assert scan_one(endpoint, ca) == []


def old_versions(context):
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")


def test_old_versions_and_weak_ciphers_are_found(served):
    with served(old_versions) as (endpoint, ca):
        expected = [one.expected for one in scan_one(endpoint, ca)]
    assert expected == ["no TLS 1.0 and 1.1", "no cipher outside of the profile"]


def test_a_curve_outside_of_the_profile_is_found(served):
    with served(lambda context: context.set_ecdh_curve("secp521r1")) as (endpoint, ca):
        assert "no curve secp521r1" in [one.expected for one in scan_one(endpoint, ca)]


def only_13(context):
    context.minimum_version = ssl.TLSVersion.TLSv1_3


def test_a_server_for_new_clients_only_is_found(served):
    with served(only_13) as (endpoint, ca):
        assert seen(scan_one(endpoint, ca)) == [
            ("TLS 1.2 with a cipher of the profile, which older clients need", "refused")
        ]


def test_a_certificate_for_other_names_is_found(served):
    with served(names=("127.0.0.2",)) as (endpoint, ca):
        (finding,) = scan_one(endpoint, ca)
    assert "IP address mismatch" in finding.seen


def test_a_certificate_of_another_ca_is_found(served, tmp_path):
    pki.ensure_ca(tmp_path / "other", "other")
    with served() as (endpoint, _):
        (finding,) = scan_one(endpoint, tmp_path / "other/ca/ca.crt")
    assert finding.type == "tls-profile"


def test_a_certificate_that_lasts_too_long_is_found(served, monkeypatch):
    monkeypatch.setattr(pki, "CERTIFICATE_DAYS", 397)
    with served() as (endpoint, ca):
        assert seen(scan_one(endpoint, ca)) == [("a certificate for at most 366 days", "397 days")]


def test_nobody_there_is_found():
    (finding,) = scan_one(Endpoint("127.0.0.1", 1, "127.0.0.1"), None)
    assert "refused" in finding.seen.lower()
