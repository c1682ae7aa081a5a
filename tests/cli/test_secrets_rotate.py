"""`scs-rack secrets rotate` as an operator types it, up to where devices would be asked."""

import json
from pathlib import Path

import pytest

from scs_rack import vault
from scs_rack.cli.main import main

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def rack(tmp_path, monkeypatch):
    monkeypatch.setenv("SCS_RACK_STATE", str(tmp_path / "state"))
    folder = tmp_path / "rack"
    folder.mkdir()
    (folder / "rack.yml").write_bytes((REPOSITORY / "inventory/lab/rack.yml").read_bytes())
    main(["secrets", "create", "-r", str(folder)])
    return str(folder)


def test_the_list_says_what_can_be_rotated_and_why_not(rack, capsys):
    capsys.readouterr()
    assert main(["secrets", "rotate", "--list", "--json", "-r", rack]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {"db_nova", "fernet"} <= set(said["can"])
    assert "bmc rotate" in said["can not"]["bmc_node1"]


@pytest.mark.parametrize("names", [["db_nvoa"], ["bmc_node1", "db_nova"], []])
def test_refusals_change_nothing(rack, capsys, names):
    before = vault.load(Path(rack))
    assert main(["secrets", "rotate", *names, "--yes", "-r", rack]) == 2
    assert "error: " in capsys.readouterr().err
    assert vault.load(Path(rack)) == before
