from pathlib import Path

import pytest

from scs_rack.design import make_design
from scs_rack.errors import UsageError
from scs_rack.model.load import load_rack
from scs_rack.report.files import rendered, write_files

LAB = rendered(make_design(load_rack(Path(__file__).parents[2] / "inventory/lab")))


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_everything_is_written_and_nothing_else(tmp_path):
    assert set(write_files(tmp_path / "new/out", "lab", LAB).changed) == set(LAB)
    assert names(tmp_path / "new/out") == set(LAB)


def test_a_second_call_changes_nothing(tmp_path):
    write_files(tmp_path, "lab", LAB)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    written = write_files(tmp_path, "lab", LAB)
    assert (written.changed, written.removed) == ((), ())
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_files_of_a_switch_that_is_gone_are_removed_and_those_of_others_kept(tmp_path):
    write_files(tmp_path, "lab", LAB)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "switches/oob1/notes.txt").write_text("mine, too")
    (tmp_path / "switches/other").mkdir()
    (tmp_path / "switches/other/config_db.json").write_text("{}")
    fewer = {name: content for name, content in LAB.items() if "leaf2" not in name and "oob1" not in name}
    written = write_files(tmp_path, "lab", fewer)
    assert written.removed == ("switches/leaf2/config_db.json", "switches/oob1/config_db.json")
    mine = {"notes.txt", "switches/oob1/notes.txt", "switches/other/config_db.json"}
    assert names(tmp_path) == {*fewer, *mine}
    assert not (tmp_path / "switches/leaf2").exists()


def test_files_of_another_rack_are_not_replaced(tmp_path):
    write_files(tmp_path, "lab", LAB)
    with pytest.raises(UsageError, match="holds the files of rack lab"):
        write_files(tmp_path, "other", LAB)


@pytest.mark.parametrize("name", ["inventory.json", "cables.csv", "switches/a/config_db.json"])
def test_files_of_the_same_name_that_are_not_ours_are_not_replaced(tmp_path, name):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("[1]")
    with pytest.raises(UsageError, match="not of scs-rack"):
        write_files(tmp_path, "lab", LAB)
    assert names(tmp_path) == {name}


def test_an_inventory_that_names_files_elsewhere_removes_nothing(tmp_path):
    write_files(tmp_path / "out", "lab", LAB)
    (tmp_path / "config_db.json").write_text("{}")
    bad = LAB["inventory.json"].replace('"leaf2"', '".."').replace('"oob1"', '"../.."')
    (tmp_path / "out/inventory.json").write_text(bad)
    write_files(tmp_path / "out", "lab", LAB)
    assert (tmp_path / "config_db.json").exists()


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is not a folder"):
        write_files(tmp_path / "file", "lab", LAB)
