import pytest
from engine_fakes import rack

from scs_rack.engine.fingerprint import fingerprint

SECRETS = {"admin_password": "one"}


@pytest.fixture
def before(tmp_path):
    return fingerprint(rack(tmp_path), SECRETS, None)


def test_the_same_input_gives_the_same_number(tmp_path, before):
    assert fingerprint(tmp_path / "rack", dict(SECRETS), None) == before


@pytest.mark.parametrize("name", ["rack.yml", "group_vars/servers.yml", "host_vars/node1.yml", "switches/leaf1.yml"])
def test_what_stands_beside_the_rack_file_counts(tmp_path, before, name):
    path = tmp_path / "rack" / name
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write("# more\n")
    assert fingerprint(tmp_path / "rack", SECRETS, None) != before


def test_secrets_and_chosen_devices_count(tmp_path, before):
    folder = tmp_path / "rack"
    assert fingerprint(folder, {"admin_password": "two"}, None) != before
    assert fingerprint(folder, SECRETS, ["node1"]) != before
    assert fingerprint(folder, SECRETS, ["node2", "node1"]) == fingerprint(folder, SECRETS, ["node1", "node2"])


def test_files_that_are_moved_count(tmp_path, before):
    (tmp_path / "rack/group_vars").mkdir()
    (tmp_path / "rack/group_vars/a.yml").write_text("x: 1\n")
    first = fingerprint(tmp_path / "rack", SECRETS, None)
    (tmp_path / "rack/group_vars/a.yml").rename(tmp_path / "rack/group_vars/b.yml")
    assert fingerprint(tmp_path / "rack", SECRETS, None) != first
