"""What is remembered of a rack that stands still."""

from pathlib import Path

import pytest

from scs_rack.cli.main import main
from scs_rack.errors import UsageError
from scs_rack.standstill import record
from scs_rack.standstill.record import Guest

REPOSITORY = Path(__file__).resolve().parents[2]


def test_it_comes_back_as_it_was_written(tmp_path):
    record.add_guests(tmp_path, [Guest("1", "a", "node1")])
    record.add_guests(tmp_path, [Guest("1", "a", "node1"), Guest("2", "b", "node2")])
    record.note(tmp_path, units={"node1": ("x.service",)})
    kept = record.add(tmp_path, "flags", ["noout", "noout"])
    assert record.read(tmp_path) == kept
    assert [one.id for one in kept.guests] == ["1", "2"]
    assert kept.flags == ("noout",)
    assert (tmp_path / record.FILE).stat().st_mode & 0o077 == 0
    record.forget(tmp_path)
    assert record.read(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"since": 1}'])
def test_a_record_that_can_not_be_read_is_never_taken_for_none(tmp_path, text):
    (tmp_path / record.FILE).write_text(text)
    with pytest.raises(UsageError, match="can't be read"):
        record.read(tmp_path)


@pytest.fixture
def rack(tmp_path, monkeypatch):
    monkeypatch.setenv("SCS_RACK_STATE", str(tmp_path / "state"))
    monkeypatch.setattr("scs_rack.cli.order.enter", lambda _design: None)
    folder = tmp_path / "rack"
    folder.mkdir()
    (folder / "rack.yml").write_bytes((REPOSITORY / "inventory/lab/rack.yml").read_bytes())
    return str(folder)


def test_start_without_stop_names_the_way(rack, capsys):
    assert main(["start", "-r", rack]) == 2
    assert "`scs-rack up` brings it up" in capsys.readouterr().err


def test_up_refuses_a_rack_that_was_stopped(rack, tmp_path, capsys):
    record.begin(tmp_path / "state/lab")
    assert main(["up", "-r", rack]) == 2
    assert "`scs-rack start` brings it back" in capsys.readouterr().err


def test_status_says_that_the_rack_stands_still(rack, tmp_path, capsys):
    record.begin(tmp_path / "state/lab")
    assert main(["status", "-r", rack]) == 0
    assert "`scs-rack start` brings it back" in capsys.readouterr().out


def test_start_shows_what_it_would_do(rack, tmp_path, capsys):
    record.add_guests(tmp_path / "state/lab", [Guest("1", "web", "node1")])
    assert main(["start", "--dry-run", "-r", rack]) == 0
    assert "start guests: web on node1" in capsys.readouterr().out
