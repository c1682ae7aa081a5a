"""Certificates that the operator brings: one message for each fault."""

import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from scs_rack import pki_given, prepare
from scs_rack.cli.main import main
from scs_rack.design import make_design
from scs_rack.model.fault import RackFaulty
from scs_rack.model.load import load_rack

from .racks import GIVEN, faults
from .signers import Signer, make

RSA1024 = rsa.generate_private_key(65537, 1024)
CASES = {
    "another key": (
        lambda root, mid: {"api_key": make("other", root).key_pem},
        ["cloud.tls.key: the key is not that of the certificate"],
    ),
    "no key": (lambda root, mid: {"api_key": b"hello"}, ["cloud.tls.key: this is no private key"]),
    "a key that nobody uses": (
        lambda root, mid: {"api_key": Signer("", ed25519.Ed25519PrivateKey.generate(), None).key_pem},
        ["cloud.tls.key: neither an RSA key nor one on an elliptic curve"],
    ),
    "no certificate": (lambda root, mid: {"api_crt": b""}, ["cloud.tls.certificate: no certificate in it"]),
    "half a certificate": (
        lambda root, mid: {"api_crt": b"x\n" + root.pem[:200]},
        ["cloud.tls.certificate: certificate 1 (line 2 of the file) can't be read"],
    ),
    "roots that are none": (lambda root, mid: {"roots_crt": b"x"}, ["cloud.tls.roots: no certificate in it"]),
}


@pytest.mark.parametrize("case", CASES)
def test_each_fault_of_a_file_is_told(rack, root, middle, case):
    leaf = make("api", root)
    good = {"api_crt": leaf.pem, "api_key": leaf.key_pem, "roots_crt": root.pem}
    spoil, said = CASES[case]
    found = faults(rack(GIVEN, **(good | spoil(root, middle))))
    assert found[: len(said)] == said
    assert len(found) == len(said)


LEAVES = {
    "ended": ({"days": -1, "began": 30}, "certificate 1 (line 1 of the file) ended on "),
    "not yet": ({"began": -2}, "certificate 1 (line 1 of the file) is not valid before "),
    "soon": ({"days": 3}, "certificate 1 (line 1 of the file) ends within 7 days"),
    "long": ({"days": 500}, "certificate 1 (line 1 of the file) lasts 501 days"),
    "short key": ({"key": RSA1024}, "certificate 1 (line 1 of the file) has an RSA key of 1024 bits"),
    "curve": (
        {"key": ec.generate_private_key(ec.SECP521R1())},
        "certificate 1 (line 1 of the file) has a key on secp521r1",
    ),
    "clients": ({"usage": "CLIENT_AUTH"}, "certificate 1 (line 1 of the file) is not for servers"),
    "names": ({"names": ["10.91.0.254"]}, "clients refuse it: IP address mismatch"),
    "authority": ({"ca": True}, "certificate 1 (line 1 of the file) is an authority's"),
}


@pytest.mark.parametrize("case", LEAVES)
def test_each_fault_of_a_certificate_is_told_once(rack, root, case):
    options, said = LEAVES[case]
    leaf = make("api", root, **options)
    found = faults(rack(GIVEN, api_crt=leaf.pem, api_key=leaf.key_pem, roots_crt=root.pem))
    assert len(found) == 1, found
    assert found[0].startswith(f"cloud.tls.certificate: {said}")


def test_a_name_must_be_in_it_and_addresses_then_need_not(rack, root):
    leaf = make("api", root, names=["api.example.org"])
    files = {"api_crt": leaf.pem, "api_key": leaf.key_pem, "roots_crt": root.pem}
    assert faults(rack(GIVEN, name="api.example.org", **files)) == []
    (found,) = faults(rack(GIVEN, name="cloud.example.org", **files))
    assert "Hostname mismatch" in found
    assert len(faults(rack(GIVEN, **files))) == 2  # an address of the API each


SERVER = [
    "-addext",
    "subjectAltName=IP:10.91.0.254,IP:fd5c:5::fe",
    "-addext",
    "basicConstraints=critical,CA:FALSE",
    "-addext",
    "extendedKeyUsage=serverAuth",
]


def test_sha_1_is_refused(rack, tmp_path):
    """Signed by openssl(1): the library here signs with SHA-1 no more."""
    call = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "90"]
    for name, extra in (
        ("root", ["-subj", "/CN=root"]),
        ("api", ["-subj", "/CN=api", "-sha1", "-CA", "root.crt", "-CAkey", "root.key", *SERVER]),
    ):
        subprocess.run([*call, "-keyout", f"{name}.key", "-out", f"{name}.crt", *extra], cwd=tmp_path, check=True)
    read = {f"{n.replace('.', '_')}": (tmp_path / n).read_bytes() for n in ("api.crt", "api.key")}
    found = faults(rack(GIVEN, **read, roots_crt=(tmp_path / "root.crt").read_bytes()))
    assert found == ["cloud.tls.certificate: certificate 1 (line 1 of the file) is signed with SHA1"]


def test_a_chain_out_of_order_says_where_each_belongs(rack, root, middle):
    low = make("low", middle, ca=True, days=500)
    leaf = make("api", low)
    files = {"api_key": leaf.key_pem, "roots_crt": root.pem}
    assert faults(rack(GIVEN, api_crt=leaf.pem + low.pem + middle.pem, **files)) == []
    wrong = pki_given.examine(
        folder := rack(GIVEN, api_crt=leaf.pem + middle.pem + low.pem, **files), make_design(load_rack(folder))
    )[1]
    assert "did not sign certificate 1" in wrong[0].message
    assert "certificate 3" in wrong[0].hint
    (found,) = faults(rack(GIVEN, api_crt=leaf.pem + low.pem, **files))
    assert "unable to get" in found  # what clients say of a chain with a gap


def test_nobody_who_vouches_is_told_and_roots_of_this_machine_are_found(rack, root, tmp_path, monkeypatch):
    leaf = make("api", root)
    folder = rack("certificate: api.crt\nkey: api.key", api_crt=leaf.pem, api_key=leaf.key_pem)
    (found,) = faults(folder)
    assert "nobody whom this machine trusts" in found
    (tmp_path / "bundle.pem").write_bytes(make("another", ca=True).pem + root.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "bundle.pem"))
    assert faults(folder) == []
    assert pki_given.given(folder, make_design(load_rack(folder))).roots == root.pem


def test_validate_tells_all_faults_with_the_line_and_up_stops_before_it_writes(rack, root, tmp_path, capsys):
    leaf = make("api", root, days=-1, began=20)
    folder = rack(GIVEN, api_crt=leaf.pem, api_key=make("b").key_pem, roots_crt=root.pem)
    assert main(["validate", "-r", str(folder)]) == 2
    said = capsys.readouterr().out
    line = (folder / "rack.yml").read_text().splitlines().index("    certificate: api.crt") + 1
    assert f"rack.yml:{line}: cloud.tls.certificate: certificate 1 (line 1 of the file) ended" in said
    assert f"rack.yml:{line + 1}: cloud.tls.key: the key is not that of the certificate (api.key)" in said
    assert said.endswith("2 faults\n")
    with pytest.raises(RackFaulty, match="2 faults"):
        prepare.prepare(folder, tmp_path / "s", make_design(load_rack(folder)))
    assert not (tmp_path / "s").exists()
    assert not (folder / "secrets.yml").exists()
