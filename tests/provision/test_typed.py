"""A reinstallation takes the server's name, typed; nothing is touched before."""

import io

import pytest

from scs_rack.cli import node_install
from scs_rack.cli.main import main
from tests.provision.test_netboot import METAL


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self):
        return True


@pytest.fixture
def ran(monkeypatch):
    """What would have been run."""
    found = []
    monkeypatch.setattr(node_install, "_run", lambda _args, wish: (found.append(wish), ([], None))[1])
    return found


def reinstall(*words):
    return main(["node", "reinstall", "metal1", "-r", str(METAL), *words])


def test_the_name_on_the_command_line_counts(ran):
    assert reinstall("--confirm", "metal1", "--wipe", "S1") == 0
    assert ran[0].reinstall == {"metal1"}
    assert ran[0].wipe == {"S1"}


@pytest.mark.parametrize("typed", ["metal2\n", "\n", "yes\n", "METAL1\n"])
def test_another_word_does_nothing(ran, monkeypatch, capsys, typed):
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    assert reinstall() == 2
    assert "nothing was done" in capsys.readouterr().err
    assert ran == []


def test_the_name_typed_does_it(ran, monkeypatch):
    monkeypatch.setattr("sys.stdin", Terminal("metal1\n"))
    assert reinstall() == 0
    assert len(ran) == 1


def test_where_nobody_can_be_asked_nothing_is_done(ran, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("metal1\n"))
    assert reinstall() == 2
    assert "--confirm metal1" in capsys.readouterr().err
    assert ran == []


@pytest.mark.parametrize("words", [("burnin", "metal1", "--seconds", "0"), ("discover", "--minutes", "0")])
def test_no_time_is_no_time(ran, capsys, words):
    assert main(["node", *words, "-r", str(METAL)]) == 2
    assert "is no time" in capsys.readouterr().err
    assert ran == []
