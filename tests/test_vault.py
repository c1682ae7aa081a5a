import stat
import uuid
from pathlib import Path

import pytest

from scs_rack import vault
from scs_rack.design import make_design
from scs_rack.errors import UsageError
from scs_rack.model.load import load_rack

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _no_password_of_ours(monkeypatch):
    for name in vault.PASSWORD_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def design():
    return make_design(load_rack(REPOSITORY / "inventory/lab"))


@pytest.fixture
def real(design):
    """The same rack, but of metal."""
    rack = design.rack.model_copy(update={"lab": None})
    return make_design(rack)


def test_a_lab_gets_all_secrets_and_its_own_password(tmp_path, design):
    made = vault.ensure(tmp_path, design)
    assert sorted(made) == sorted(vault.names(design))
    assert len(set(made.values())) == len(made)
    assert all(len(value) >= 16 for value in made.values())
    uuid.UUID(made["rbd_secret_uuid"])
    for name in (vault.FILE, vault.PASSWORD_FILE):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_the_file_is_an_ansible_vault_and_holds_nothing_in_clear(tmp_path, design):
    made = vault.ensure(tmp_path, design)
    text = (tmp_path / vault.FILE).read_text()
    assert text.startswith("$ANSIBLE_VAULT;1.1;AES256")
    assert [value for value in made.values() if value in text] == []


def test_secrets_stay_what_they_are_and_only_missing_ones_are_made(tmp_path, design):
    made = vault.ensure(tmp_path, design)
    fewer = {name: value for name, value in made.items() if name != "db_nova"}
    vault.save(tmp_path, fewer)
    again = vault.ensure(tmp_path, design)
    assert {name: again[name] for name in fewer} == fewer
    assert again["db_nova"] != made["db_nova"]


def test_what_is_complete_is_not_written_again(tmp_path, design):
    vault.ensure(tmp_path, design)
    before = (tmp_path / vault.FILE).read_bytes()
    vault.ensure(tmp_path, design)
    assert (tmp_path / vault.FILE).read_bytes() == before


def test_bmc_passwords_fit_ipmi(tmp_path, design):
    assert all(len(value) <= 20 for name, value in vault.ensure(tmp_path, design).items() if name.startswith("bmc_"))


def test_a_real_rack_needs_a_password_that_the_operator_gives(tmp_path, real):
    with pytest.raises(UsageError, match="no vault password for") as caught:
        vault.ensure(tmp_path, real)
    assert "SCS_RACK_VAULT_PASSWORD_FILE" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_passwords_of_real_bmcs_are_not_made_up(tmp_path, real):
    (tmp_path / vault.PASSWORD_FILE).write_text("open sesame\n")
    with pytest.raises(UsageError, match="no password for the BMC of node1, node2, node3, node4"):
        vault.ensure(tmp_path, real)
    for server in real.nodes:
        vault.store(tmp_path, real, f"bmc_{server}", f"pass of {server}")
    assert vault.ensure(tmp_path, real)["bmc_node3"] == "pass of node3"


def test_a_wrong_password_is_said_and_nothing_is_lost(tmp_path, design, monkeypatch):
    vault.ensure(tmp_path, design)
    before = (tmp_path / vault.FILE).read_bytes()
    wrong = tmp_path / "wrong"
    wrong.write_text("no\n")
    monkeypatch.setenv("SCS_RACK_VAULT_PASSWORD_FILE", str(wrong))
    with pytest.raises(UsageError, match="does not open"):
        vault.ensure(tmp_path, design)
    assert (tmp_path / vault.FILE).read_bytes() == before


@pytest.mark.parametrize("variable", vault.PASSWORD_VARIABLES)
def test_the_password_may_come_from_a_command(tmp_path, design, monkeypatch, variable):
    command = tmp_path / "ask"
    command.write_text("#!/bin/sh\necho 'from a command'\n")
    command.chmod(0o700)
    monkeypatch.setenv(variable, str(command))
    made = vault.ensure(tmp_path, design)
    assert not (tmp_path / vault.PASSWORD_FILE).exists()
    plain = tmp_path / "plain"
    plain.write_text("from a command\n")
    monkeypatch.setenv(variable, str(plain))
    assert vault.load(tmp_path) == made


@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_password_is_refused(tmp_path, design, text):
    (tmp_path / vault.PASSWORD_FILE).write_text(text)
    with pytest.raises(UsageError, match="is empty"):
        vault.ensure(tmp_path, design)


def test_a_command_that_fails_is_said(tmp_path, design, monkeypatch):
    monkeypatch.setenv("SCS_RACK_VAULT_PASSWORD_FILE", "/bin/false")
    with pytest.raises(UsageError, match="can't be had from /bin/false"):
        vault.ensure(tmp_path, design)


def test_a_file_that_is_no_vault_is_refused(tmp_path, design):
    (tmp_path / vault.PASSWORD_FILE).write_text("x\n")
    (tmp_path / vault.FILE).write_text("admin_password: 1\n")
    with pytest.raises(UsageError, match="is not an Ansible vault"):
        vault.load(tmp_path)


def test_an_unknown_name_is_not_stored(tmp_path, design):
    vault.ensure(tmp_path, design)
    with pytest.raises(UsageError, match="has no secret bmc_node9"):
        vault.store(tmp_path, design, "bmc_node9", "x")


def test_the_password_of_a_switch_is_stored_but_never_made_up(tmp_path, design):
    assert not [name for name in vault.ensure(tmp_path, design) if name.startswith("login_")]
    vault.store(tmp_path, design, "login_leaf1", "x")
    assert vault.load(tmp_path)["login_leaf1"] == "x"
