"""Keys that the operator brings: where they may lie, and which are refused."""

import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization

from scs_rack import prepare, vault
from scs_rack.cli.main import main
from scs_rack.design import make_design
from scs_rack.model.load import load_rack

from .racks import GIVEN, faults
from .signers import make


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
