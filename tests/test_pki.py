import datetime as dt
import ipaddress
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from scs_rack import pki
from scs_rack.design import make_design
from scs_rack.errors import UsageError
from scs_rack.model.load import load_rack

REPOSITORY = Path(__file__).resolve().parents[1]


def certificate(pem):
    return x509.load_pem_x509_certificate(pem.encode())


def names(pem):
    return certificate(pem).extensions.get_extension_for_class(x509.SubjectAlternativeName).value


def test_a_certificate_has_its_names_and_is_issued_by_the_ca(tmp_path):
    cert, key = pki.issue(tmp_path, "api", ["api.example"], [ipaddress.ip_address("10.0.0.1"), "fd00::1"])
    assert names(cert).get_values_for_type(x509.DNSName) == ["api.example"]
    assert [str(ip) for ip in names(cert).get_values_for_type(x509.IPAddress)] == ["10.0.0.1", "fd00::1"]
    assert isinstance(certificate(cert).public_key().curve, ec.SECP256R1)
    assert key.startswith("-----BEGIN PRIVATE KEY-----")
    certificate(cert).verify_directly_issued_by(certificate((tmp_path / "ca/ca.crt").read_text()))


def test_openssl_accepts_the_chain(tmp_path):
    pki.issue(tmp_path, "api", [], ["10.0.0.1"])
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-CAfile", "ca/ca.crt", "-verify_ip", "10.0.0.1", "ca/api.crt"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_keys_are_private(tmp_path):
    pki.issue(tmp_path, "api", [], ["10.0.0.1"])
    for name in ("ca.key", "api.key"):
        assert stat.S_IMODE((tmp_path / "ca" / name).stat().st_mode) == 0o600


def test_a_certificate_that_fits_is_kept(tmp_path):
    first = pki.issue(tmp_path, "api", ["b", "a"], ["10.0.0.1"])
    assert pki.issue(tmp_path, "api", ["a", "b"], ["10.0.0.1"]) == first


@pytest.mark.parametrize(("dns", "ips"), [(["a"], ["10.0.0.2"]), ([], ["10.0.0.1"]), (["a", "b"], ["10.0.0.1"])])
def test_other_names_give_another_certificate(tmp_path, dns, ips):
    first = pki.issue(tmp_path, "api", ["a"], ["10.0.0.1"])
    assert pki.issue(tmp_path, "api", dns, ips)[0] != first[0]


def test_a_certificate_near_its_end_is_renewed(tmp_path, monkeypatch):
    monkeypatch.setattr(pki, "CERTIFICATE_DAYS", pki.RENEW_DAYS - 1)
    first = pki.issue(tmp_path, "api", [], ["10.0.0.1"])
    monkeypatch.setattr(pki, "CERTIFICATE_DAYS", 365)
    second = pki.issue(tmp_path, "api", [], ["10.0.0.1"])
    assert second[0] != first[0]
    left = certificate(second[0]).not_valid_after_utc - dt.datetime.now(dt.UTC)
    assert left > dt.timedelta(days=360)


def test_a_key_that_does_not_belong_to_the_certificate_is_replaced(tmp_path):
    pki.issue(tmp_path, "api", [], ["10.0.0.1"])
    pki.issue(tmp_path, "other", [], ["10.0.0.1"])
    (tmp_path / "ca/api.key").write_bytes((tmp_path / "ca/other.key").read_bytes())
    cert, _ = pki.issue(tmp_path, "api", [], ["10.0.0.1"])
    assert (tmp_path / "ca/api.key").read_bytes() != (tmp_path / "ca/other.key").read_bytes()
    assert certificate(cert)


def test_a_certificate_of_another_ca_is_replaced(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    pki.issue(one, "api", [], ["10.0.0.1"])
    foreign, _ = pki.issue(two, "api", [], ["10.0.0.1"])
    (one / "ca/api.crt").write_text(foreign)
    (one / "ca/api.key").write_bytes((two / "ca/api.key").read_bytes())
    assert pki.issue(one, "api", [], ["10.0.0.1"])[0] != foreign


def test_half_a_ca_is_refused(tmp_path):
    pki.ensure_ca(tmp_path, "lab")
    (tmp_path / "ca/ca.key").unlink()
    with pytest.raises(UsageError, match="one half of a CA"):
        pki.issue(tmp_path, "api", [], ["10.0.0.1"])


def lab_design():
    return make_design(load_rack(REPOSITORY / "inventory/lab"))


def test_each_server_in_service_gets_a_certificate_for_both_ends(tmp_path):
    design = lab_design()
    assert pki.lacking(tmp_path, design) == ["api", "node-node1", "node-node2", "node-node3"]
    pki.ensure(tmp_path, design)
    assert pki.lacking(tmp_path, design) == []
    cert_file, key_file = pki.node_files(tmp_path, "node2")
    stated = names(cert_file.read_text())
    assert stated.get_values_for_type(x509.DNSName) == ["localhost", "node2", "node2.lab.internal"]
    addresses = {str(ip) for ip in stated.get_values_for_type(x509.IPAddress)}
    brokers = {"10.91.0.1", "10.91.0.2", "10.91.0.3"}
    assert addresses == brokers | {"fd5c:5::2", "10.90.0.102", "127.0.0.1", "::1"}
    usages = certificate(cert_file.read_text()).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert {one.dotted_string for one in usages} == {"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"}
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600


def test_a_certificate_for_servers_only_is_no_peer_s(tmp_path):
    first = pki.issue(tmp_path, "node", [], ["10.0.0.1"])
    assert pki.issue(tmp_path, "node", [], ["10.0.0.1"], peer=True)[0] != first[0]


def test_what_lacks_is_told_without_writing(tmp_path):
    design = lab_design()
    pki.ensure(tmp_path, design)
    (tmp_path / "ca/node-node3.key").unlink()
    before = sorted((path.name, path.stat().st_mtime_ns) for path in (tmp_path / "ca").iterdir())
    assert pki.lacking(tmp_path, design) == ["node-node3"]
    assert sorted((path.name, path.stat().st_mtime_ns) for path in (tmp_path / "ca").iterdir()) == before
