"""`scs-rack pki` as an operator types it."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from scs_rack.cli.main import main
from scs_rack.cli.pki import journal

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def rack(tmp_path, monkeypatch):
    monkeypatch.setenv("SCS_RACK_STATE", str(tmp_path / "state"))
    folder = tmp_path / "rack"
    folder.mkdir()
    (folder / "rack.yml").write_bytes((REPOSITORY / "inventory/lab/rack.yml").read_bytes())
    return str(folder)


def test_without_certificates_show_says_how_to_get_them(rack, capsys):
    assert main(["pki", "show", "-r", rack]) == 2
    assert "secrets create" in capsys.readouterr().err


def test_show_tells_names_days_and_users(rack, capsys):
    main(["secrets", "create", "-r", rack])
    capsys.readouterr()
    assert main(["pki", "show", "-r", rack]) == 0
    said = capsys.readouterr().out
    assert "node-node3: 364 days left" in said
    assert "  for      10.91.0.254, fd5c:5::fe\n  used by  HAProxy of all controllers" in said
    assert main(["pki", "show", "-r", rack, "--json"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)][:2] == ["api", "ca"]


def test_renew_refuses_the_ca_and_names_that_are_none(rack, capsys):
    assert main(["pki", "renew", "api", "-r", rack]) == 2
    assert "no certificates yet" in capsys.readouterr().err
    main(["secrets", "create", "-r", rack])
    assert main(["pki", "renew", "ca", "-r", rack]) == 2
    assert main(["pki", "renew", "node-nobody", "-r", rack]) == 2
    assert "there are api, node-node1" in capsys.readouterr().err


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_the_timer_is_one_that_systemd_takes(rack, tmp_path, capsys):
    units = tmp_path / "units"
    assert main(["pki", "timer", "install", "-r", rack, "--to", str(units)]) == 0
    written = sorted(units.iterdir())
    assert [one.name for one in written] == ["scs-rack-pki-lab.service", "scs-rack-pki-lab.timer"]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *written], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"pki renew -r {rack}" in written[0].read_text()
    assert main(["pki", "timer", "remove", "-r", rack, "--to", str(units)]) == 0
    assert list(units.iterdir()) == []


@pytest.mark.skipif(Path("/run/systemd/system").is_dir(), reason="systemd runs here")
def test_without_systemd_the_timer_is_refused(rack, capsys):
    assert main(["pki", "timer", "install", "-r", rack]) == 2
    assert "systemd does not run" in capsys.readouterr().err


def test_the_journal_gets_one_line_with_its_priority(monkeypatch, capsys):
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    journal(done=True, names=["api"], hosts=["node1"])
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    journal(done=True, names=["api"], hosts=["node1", "node2"])
    assert capsys.readouterr().err == "<6>brought certificates api to node1, node2\n"
    journal(done=False, names=[], hosts=["node1"])
    assert capsys.readouterr().err.startswith("<3>could not bring certificates that were there to node1; ")
