"""The rack's files on its manager."""

import shutil
from pathlib import Path

import pytest

from scs_rack import vault
from scs_rack.errors import UsageError
from scs_rack.sites import ticket as tickets
from scs_rack.sites import wares
from scs_rack.sites.ticket import Ticket


@pytest.fixture
def sent(tmp_path):
    """Sends files: what stands in a folder here, taken over there."""
    ours, there = tmp_path / "ours", tmp_path / "there"
    (ours / "group_vars").mkdir(parents=True)
    (ours / "rack.yml").write_text("one\n")
    (ours / "group_vars/all.yml").write_text("a: 1\n")
    (ours / "secrets.yml").write_text("sealed\n")
    (ours / ".vault-password").write_text("open sesame\n")

    class Sent:
        folder, here = ours, there

        def received(self, **changes) -> tuple[Ticket, Path]:
            received = tmp_path / "received"
            shutil.rmtree(received, ignore_errors=True)
            tickets.copy(ours, received / "rack")
            return Ticket("east", "1", "run", ("up",), str(there), **{"sent": True, **changes}), received

        def send(self, **changes) -> None:
            order = self.received(**changes)
            wares.judge(*order)
            wares.take(*order)

    return Sent()


def test_files_come_with_their_modes_and_secrets_stay(sent):
    (sent.folder / "rack.yml").chmod(0o640)
    sent.send()
    found = {str(path.relative_to(sent.here)) for path in sent.here.rglob("*") if path.is_file()}
    assert found == {"rack.yml", "group_vars/all.yml", wares.SENT}
    assert (sent.here / "rack.yml").stat().st_mode & 0o777 == 0o640
    assert sent.here.stat().st_mode & 0o777 == 0o700


def test_what_is_new_replaces_and_what_is_gone_is_removed_but_for_files_of_the_manager(sent):
    sent.send()
    (sent.here / "secrets.yml").write_text("made here\n")
    (sent.folder / "rack.yml").write_text("two\n")
    (sent.folder / "group_vars/all.yml").unlink()
    sent.send()
    assert (sent.here / "rack.yml").read_text() == "two\n"
    assert not (sent.here / "group_vars/all.yml").exists()
    assert (sent.here / "secrets.yml").read_text() == "made here\n"


@pytest.mark.parametrize("name", ["rack.yml", "host_vars/node1.yml"])
def test_what_was_changed_there_is_not_undone_until_it_is_here_too(sent, name):
    sent.send()
    for folder in (sent.here, sent.folder):
        (folder / name).parent.mkdir(exist_ok=True)
    (sent.here / name).write_text("by hand\n")
    with pytest.raises(UsageError, match=name):
        wares.judge(*sent.received())
    (sent.folder / name).write_text("by hand\n")
    sent.send()


def test_files_that_were_there_first_are_not_overwritten(sent):
    sent.here.mkdir()
    (sent.here / "rack.yml").write_text("another\n")
    with pytest.raises(UsageError, match=r"rack\.yml"):
        wares.judge(*sent.received())


def test_no_new_secrets_are_made_up_beside_a_vault_that_is_elsewhere(sent):
    with pytest.raises(UsageError, match="vault"):
        wares.judge(*sent.received(vault=True))
    sent.here.mkdir()
    (sent.here / vault.FILE).write_text("sealed\n")
    wares.judge(*sent.received(vault=True))


def test_a_look_has_the_new_files_and_the_vault_of_the_manager_and_leaves_nothing(sent):
    sent.send()
    (sent.here / vault.FILE).write_text("made here\n")
    (sent.folder / "rack.yml").write_text("two\n")
    with wares.looked_at(*sent.received()) as folder:
        assert (folder / "rack.yml").read_text() == "two\n"
        assert (folder / vault.FILE).read_text() == "made here\n"
    assert not folder.exists()
    assert (sent.here / "rack.yml").read_text() == "one\n"


def test_a_folder_with_too_much_is_refused(sent, monkeypatch):
    monkeypatch.setattr(tickets, "LARGEST", 5)
    with pytest.raises(UsageError, match=r"rack\.yml"):
        tickets.digests(sent.folder)
