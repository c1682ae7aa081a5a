"""An authority of the operator, which signs for the whole rack."""

import datetime as dt
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from scs_rack import pki, pki_chain, pki_given
from scs_rack.design import make_design
from scs_rack.errors import UsageError
from scs_rack.model.load import load_rack

from .racks import authority, faults
from .signers import DAY, Signer, make

CA = "ca: {certificate: ca.crt, key: ca.key}"


@pytest.mark.parametrize("kind", ["root", "middle", "rsa"])
def test_an_authority_of_the_operator_signs_for_all(rack, root, middle, kind, tmp_path):
    key = rsa.generate_private_key(65537, 2048)
    signer = {"root": root, "middle": middle, "rsa": make("rsa", root, ca=True, days=900, key=key)}[kind]
    folder = rack(CA, ca_crt=signer.pem, ca_key=signer.key_pem)
    assert faults(folder) == []
    design, state = make_design(load_rack(folder)), tmp_path / "s"
    own = pki_given.given(folder, design)
    where = pki.ensure(state, design, own)
    assert pki.lacking(state, design, own) == []
    anchor = authority(state)
    assert anchor.subject == signer.certificate.subject
    assert pki_chain.issued(anchor, anchor)  # so that OpenSSL's servers trust it and none above it
    node = (state / "ca/node-node1.crt").read_bytes()
    assert len(pki_chain.read_chain(node)) == 1
    (tmp_path / "root.pem").write_bytes(root.pem)
    for trusted, chain in ((where.ca, node), (tmp_path / "root.pem", where.api_cert.read_bytes())):
        (tmp_path / "chain.pem").write_bytes(chain)
        words = ["-CAfile", trusted, "-untrusted", tmp_path / "chain.pem", tmp_path / "chain.pem"]
        done = subprocess.run(["openssl", "verify", "-purpose", "sslserver", *words], capture_output=True, check=False)
        assert done.returncode == 0, done
    # what another one signed, whom the same root vouches for, is nothing inside
    if kind != "root":
        (tmp_path / "chain.pem").write_bytes((other := make("other", root, ca=True)).pem)
        (tmp_path / "foreign.pem").write_bytes(make("node1", other).pem)
        words = ["-CAfile", where.ca, "-untrusted", tmp_path / "chain.pem", tmp_path / "foreign.pem"]
        assert subprocess.run(["openssl", "verify", *words], capture_output=True, check=False).returncode != 0
    pki.ensure(state, design, own)
    assert authority(state) == anchor


def test_an_authority_is_not_changed_while_the_cloud_serves(rack, root, tmp_path):
    folder = rack(CA, ca_crt=root.pem, ca_key=root.key_pem)
    design = make_design(load_rack(folder))
    pki.ensure(tmp_path / "s", design)
    with pytest.raises(UsageError, match="not the authority that s was brought up with"):
        pki.ensure(tmp_path / "s", design, pki_given.given(folder, design))


def test_an_authority_that_is_none_or_may_not_sign_here_is_told(rack, root):
    leaf = make("api", root)
    (found,) = faults(rack(CA, ca_crt=leaf.pem, ca_key=leaf.key_pem))[:1]
    assert "is no authority's" in found
    key = ec.generate_private_key(ec.SECP256R1())
    title = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "narrow")])
    now = dt.datetime.now(dt.UTC)
    narrow = (
        x509.CertificateBuilder()
        .subject_name(title)
        .issuer_name(root.certificate.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - DAY)
        .not_valid_after(now + 900 * DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.NameConstraints([x509.DNSName("example.org")], None), critical=True)
        .sign(root.key, hashes.SHA256())
    )
    signer = Signer("narrow", key, narrow)
    assert faults(rack(CA, name="api.example.org", ca_crt=signer.pem, ca_key=signer.key_pem)) == []
    (found,) = faults(rack(CA, name="api.example.com", ca_crt=signer.pem, ca_key=signer.key_pem))
    assert "refuse what it signs for api.example.com" in found
