"""Certificates that the operator brings: one message for each fault, and what good ones lead to."""

import datetime as dt
import os
import shutil
import ssl
import subprocess
import time
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from scs_rack import pki, pki_chain, pki_given, prepare, vault
from scs_rack.cli.main import main
from scs_rack.design import make_design
from scs_rack.errors import UsageError
from scs_rack.model.fault import RackFaulty
from scs_rack.model.load import load_rack

RACK = (Path(__file__).resolve().parents[1] / "inventory/lab/rack.yml").read_text()
VIPS = ("10.91.0.254", "fd5c:5::fe")
DAY = dt.timedelta(days=1)


class Signer:
    """A name and key that may sign."""

    def __init__(self, name, key, certificate):
        self.name, self.key, self.certificate = name, key, certificate

    @property
    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self):
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def make(name, by=None, *, ca=False, names=VIPS, key=None, days=90, began=1, digest=None, usage="SERVER_AUTH"):
    """A certificate; `by` nobody: signed by itself."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    title = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(title)
        .issuer_name(by.certificate.subject if by else title)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - began * DAY)
        .not_valid_after(now + days * DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if by:
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key())
        builder = builder.add_extension(above, critical=False)
    if not ca:
        stated = [x509.IPAddress(ip_address(n)) if n[0].isdigit() or ":" in n else x509.DNSName(n) for n in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(stated), critical=False)
        purpose = x509.ExtendedKeyUsage([getattr(ExtendedKeyUsageOID, usage)])
        builder = builder.add_extension(purpose, critical=False)
    return Signer(name, key, builder.sign(by.key if by else key, digest or hashes.SHA256()))


@pytest.fixture(scope="module")
def root():
    return make("root", ca=True, days=3650)


@pytest.fixture(scope="module")
def middle(root):
    return make("middle", root, ca=True, days=1000)


@pytest.fixture
def rack(tmp_path, monkeypatch):
    """Write a rack with these lines in `cloud.tls`, and files beside it."""
    monkeypatch.setenv("SCS_RACK_STATE", str(tmp_path / "state"))
    folder = tmp_path / "rack"
    folder.mkdir()

    def write(lines, name="", **files):
        extra = "  tls:\n" + "".join(f"    {line}\n" for line in lines.splitlines())
        extra += f"  api_name: {name}\n" if name else ""
        assert RACK.count("\ncloud:\n") == 1
        (folder / "rack.yml").write_text(RACK.replace("\ncloud:\n", f"\ncloud:\n{extra}"))
        for file, data in files.items():
            path = folder / file.replace("_", ".")
            path.write_bytes(data)
            path.chmod(0o600)
        return folder

    return write


GIVEN = "certificate: api.crt\nkey: api.key\nroots: roots.crt"


def faults(folder):
    """Messages, without what the file is called."""
    found = pki_given.examine(folder, make_design(load_rack(folder)))[1]
    assert all(one.file == str(folder / "rack.yml") and one.line > 1 and one.hint for one in found), found
    return [f"{one.where}: {one.message}" for one in found]


def test_what_is_good_is_taken(rack, root, middle, tmp_path):
    leaf = make("api", middle)
    folder = rack(GIVEN, api_crt=leaf.pem + middle.pem, api_key=leaf.key_pem, roots_crt=root.pem)
    assert faults(folder) == []
    design, state = make_design(load_rack(folder)), tmp_path / "s"
    own = pki_given.given(folder, design)
    assert pki.lacking(state, design, own)[0] == "api"
    where = pki.ensure(state, design, own)
    assert where.api_cert.read_bytes() == leaf.pem + middle.pem
    assert where.api_key.stat().st_mode & 0o777 == 0o600
    assert where.trust.read_bytes() == where.ca.read_bytes() + root.pem
    assert where.roots.read_bytes() == root.pem
    assert pki.lacking(state, design, own) == []
    # taken back: the rack's own again
    pki.ensure(state, design)
    assert pki_chain.issued(pki_chain.read_chain(where.api_cert.read_bytes())[0].certificate, authority(state))
    assert where.roots.read_bytes() == root.pem  # as long as HAProxy may serve the former one
    yesterday = time.time() - pki.REMEMBERED
    os.utime(state / "ca/api-roots.sha256", (yesterday, yesterday))
    pki.ensure(state, design)
    assert not where.roots.exists()
    assert where.trust.read_bytes() == where.ca.read_bytes()


def authority(state):
    return x509.load_pem_x509_certificate((state / "ca/ca.crt").read_bytes())


def test_another_root_is_trusted_beside_the_former_one_for_a_day(rack, root, tmp_path):
    state, other = tmp_path / "s", make("other root", ca=True, days=900)
    for number, signer in enumerate((root, other, other)):
        leaf = make("api", signer)
        folder = rack(GIVEN, api_crt=leaf.pem, api_key=leaf.key_pem, roots_crt=signer.pem)
        design = make_design(load_rack(folder))
        where = pki.ensure(state, design, pki_given.given(folder, design))
        assert where.roots.read_bytes() == (root.pem if number == 0 else other.pem + root.pem)
    yesterday = time.time() - pki.REMEMBERED
    os.utime(state / "ca/api-roots.sha256", (yesterday, yesterday))
    pki.ensure(state, design, pki_given.given(folder, design))
    assert where.roots.read_bytes() == other.pem


def test_a_new_file_is_due_and_taken_by_a_renewal(rack, root, tmp_path):
    from scs_rack.rotation import certificates

    first, second = make("api", root), make("api", root)
    folder = rack(GIVEN, api_crt=first.pem, api_key=first.key_pem, roots_crt=root.pem)
    design, state = make_design(load_rack(folder)), tmp_path / "s"
    pki.ensure(state, design, pki_given.given(folder, design))
    assert certificates.due(state, design, 30, pki_given.given(folder, design)) == []
    rack(GIVEN, api_crt=second.pem, api_key=second.key_pem, roots_crt=root.pem)
    own = pki_given.given(folder, design)
    assert certificates.due(state, design, 30, own) == ["api"]
    pki.renew(state, design, ["api"], own)
    assert pki.files(state).api_cert.read_bytes() == second.pem
    trust = certificates.stages(design, ["api"], ["node1"])[1]
    assert (trust.hosts, trust.playbooks) == (("node1", "node2", "node3"), ("base.yml",))
    assert [one.name for one in certificates.stages(design, ["node-node1"], ["node1"])] == ["issue", "roll-node1"]


def test_one_that_ends_soon_is_told_since_nobody_here_can_renew_it(rack, root, tmp_path):
    from scs_rack.rotation import certificates

    leaf = make("api", root, days=20)
    folder = rack(GIVEN, api_crt=leaf.pem, api_key=leaf.key_pem, roots_crt=root.pem)
    design, state = make_design(load_rack(folder)), tmp_path / "s"
    own = pki_given.given(folder, design)
    pki.ensure(state, design, own)
    (found,) = certificates.ending(state, design, own)
    assert (found.severity, found.where) == ("error", "api")
    assert found.seen.startswith("19 days")


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


SERVER = [
    "-addext",
    "subjectAltName=IP:10.91.0.254,IP:fd5c:5::fe",
    "-addext",
    "basicConstraints=critical,CA:FALSE",
    "-addext",
    "extendedKeyUsage=serverAuth",
]


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


def test_a_key_that_others_can_read_is_refused(rack, root):
    leaf = make("api", root)
    folder = rack(GIVEN, api_crt=leaf.pem, api_key=leaf.key_pem, roots_crt=root.pem)
    (folder / "api.key").chmod(0o640)
    assert faults(folder) == ["cloud.tls.key: others may read the key (mode 0640)"]


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_a_key_in_git_is_refused_until_git_ignores_it(rack, root):
    leaf = make("api", root)
    folder = rack(GIVEN, api_crt=leaf.pem, api_key=leaf.key_pem, roots_crt=root.pem)
    subprocess.run(["git", "init", "-q", folder], check=True)
    assert "a private key that git has" in faults(folder)[0]
    (folder / ".gitignore").write_text("*.key\n")
    assert faults(folder) == []
    subprocess.run(["git", "-C", folder, "add", "-f", "api.key"], check=True)
    assert "a private key that git has" in faults(folder)[0]


def test_a_key_may_lie_in_the_vault(rack, root, tmp_path, monkeypatch, capsys):
    leaf = make("api", root)
    folder = rack("certificate: api.crt\nroots: roots.crt", api_crt=leaf.pem, roots_crt=root.pem)
    assert main(["secrets", "create", "-r", str(folder)]) == 2
    said = capsys.readouterr().err
    assert "rack.yml:" in said
    assert "secrets set api_key" in said
    (folder / ".vault-password").write_text("x")
    (tmp_path / "key").write_bytes(leaf.key_pem)
    with (tmp_path / "key").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        assert main(["secrets", "set", "api_key", "-r", str(folder)]) == 0
    assert faults(folder) == []
    assert b"PRIVATE KEY" not in (folder / "secrets.yml").read_bytes()
    design = make_design(load_rack(folder))
    assert vault.given_keys(design) == ("api_key",)
    prepare.prepare(folder, tmp_path / "s", design)
    assert (tmp_path / "s/ca/api.crt").read_bytes() == leaf.pem


def test_an_encrypted_key_is_told(rack, root):
    leaf = make("api", root)
    hidden = leaf.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    found = faults(rack(GIVEN, api_crt=leaf.pem, api_key=hidden, roots_crt=root.pem))
    assert found == ["cloud.tls.key: the key is encrypted with a passphrase"]


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


def test_clients_of_the_manager_trust_what_vouches_for_the_api(rack, root, tmp_path):
    leaf = make("api", root)
    folder = rack(GIVEN, api_crt=leaf.pem, api_key=leaf.key_pem, roots_crt=root.pem)
    design, state = make_design(load_rack(folder)), tmp_path / "s"
    prepare.prepare(folder, state, design)
    assert str(pki.files(state).trust) in (state / "clouds.yaml").read_text()
    context = ssl.create_default_context(cafile=str(pki.files(state).trust))
    assert len(context.get_ca_certs()) == 2


ACME = 'acme: {directory: "https://acme.example.org/d", terms_agreed: true}\nroots: roots.crt'


def test_until_acme_gives_one_the_rack_s_own_stands_in_and_a_renewal_asks_for_one(rack, root, tmp_path, monkeypatch):
    from scs_rack import pki_acme
    from scs_rack.rotation import certificates

    folder = rack(ACME, name="api.example.org", roots_crt=root.pem)
    design, state = make_design(load_rack(folder)), tmp_path / "s"
    prepare.prepare(folder, state, design)
    assert pki.stand_in(state, design)
    assert len(pki_acme.thumbprint(state)) == 43
    own = pki_given.given(folder, design)
    assert pki.lacking(state, design, own) == [], "`up` goes on with the stand-in"
    assert certificates.due(state, design, 30, own) == ["api"]
    leaf = make("api", root, names=["api.example.org"])

    def fetch(state_dir, _design, given, _folder):
        pki.put_api(state_dir, pki_chain.Pair(pki_chain.read_chain(leaf.pem), leaf.key), given.roots)

    monkeypatch.setattr(pki_acme, "fetch", fetch)
    monkeypatch.setattr(certificates, "release", lambda ctx: ())
    ctx = SimpleNamespace(rack_dir=folder, state_dir=state, design=design)
    (said,) = certificates.Issue(("api",)).apply(ctx)
    assert said.step == "get api from https://acme.example.org/d"
    assert list(certificates.Issue(("api",)).gate(ctx)) == []
    assert certificates.due(state, design, 30, own) == []
    prepare.prepare(folder, state, design)
    assert pki.files(state).api_cert.read_bytes() == leaf.pem, "`up` keeps it"


@pytest.mark.parametrize(("days", "wanted"), [(40, False), (25, True)])
def test_what_acme_gave_is_due_by_days_or_by_a_third_of_its_time(rack, root, tmp_path, days, wanted):
    from scs_rack import pki_acme

    folder = rack(ACME, name="api.example.org", roots_crt=root.pem)
    design, state = make_design(load_rack(folder)), tmp_path / "s"
    prepare.prepare(folder, state, design)
    leaf = make("api", root, names=["api.example.org"], days=days, began=90 - days)
    pki.put_api(state, pki_chain.Pair(pki_chain.read_chain(leaf.pem), leaf.key), root.pem)
    assert pki_acme.due(state, design, 30) is wanted
    short = make("api", root, names=["api.example.org"], days=4, began=2)  # certificates of six days
    pki.put_api(state, pki_chain.Pair(pki_chain.read_chain(short.pem), short.key), root.pem)
    assert pki_acme.due(state, design, 30) is False
