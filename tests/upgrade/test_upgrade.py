"""What there is to update, and a server that is drained, updated, restarted, and back."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "engine"))

from engine_fakes import Fake, Notes, error, order

from scs_rack.cli.main import main
from scs_rack.days import kept
from scs_rack.days.tools import Tools
from scs_rack.engine.bring_up import bring_up
from scs_rack.errors import StageFailed
from scs_rack.remote import Answer
from scs_rack.results import Result
from scs_rack.upgrade import look as looking
from scs_rack.upgrade import parts, probe
from scs_rack.upgrade.look import MARK, look
from scs_rack.upgrade.parts import Packages, Restart
from scs_rack.upgrade.roll import roll

APT = """NOTE: This is only a simulation!
Inst libssl3t64 [3.5.1-1] (3.5.4-1~deb13u1 Debian:13.2/stable, Debian-Security:13/stable-security [amd64])
Inst nova-common [2:31.0.0-6] (2:31.0.0-7 Debian:13.2/stable [all])
Inst libnew1 (1.0 Debian:13.2/stable [amd64])
Conf libssl3t64 (3.5.4-1~deb13u1 Debian:13.2/stable [amd64])
"""
"""As apt 3.0 prints it (`apt-get --simulate upgrade --with-new-pkgs`)."""


@pytest.fixture
def apt(tmp_path, monkeypatch):
    def say(text, code=0):
        (tmp_path / "text").write_text(text)
        (tmp_path / "apt-get").write_text(
            f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\ncat {tmp_path}/text\nexit {code}\n'
        )
        (tmp_path / "apt-get").chmod(0o700)

    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    say(APT)
    return say


def test_the_probe_reads_what_apt_would_do(apt, tmp_path):
    assert [(one["name"], one["new"], one["security"]) for one in probe.updates()] == [
        ("libssl3t64", "3.5.4-1~deb13u1", True),
        ("nova-common", "2:31.0.0-7", False),
    ]
    assert "--simulate" in (tmp_path / "asked").read_text()


def test_nothing_is_called_an_update_that_removes_something_or_that_apt_refuses(apt):
    apt(APT + "Remv nova-compute [2:31.0.0-6]\n")
    with pytest.raises(OSError, match="would remove nova-compute"):
        probe.updates()
    apt("", code=100)
    with pytest.raises(OSError, match="apt-get"):
        probe.updates()


def test_the_probe_runs_where_it_is_sent(apt):
    text = Path(probe.__file__).read_text()
    done = subprocess.run([sys.executable, "-c", text, "security"], capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    assert {"updates", "reboot", "boot", "lists"} == set(said)


def test_a_program_whose_library_was_replaced_is_seen(tmp_path, monkeypatch):
    shared = tmp_path / "libx.so"
    shared.write_bytes(b"old")
    line = f"7f00-7f01 r-xp 00000000 08:01 12 {shared} (deleted)"
    monkeypatch.setattr(probe, "WATCHED", (str(tmp_path),))
    assert probe._replaced(line)
    assert not probe._replaced(line.removesuffix(" (deleted)"))
    shared.unlink()
    assert not probe._replaced(line), "removed, not replaced: a restart would not bring another one"
    assert not probe._replaced("7f00-7f01 rw-s 00000000 00:01 12 /dev/zero (deleted)")


@dataclass
class Node:
    """A server with packages, that restarts when it is told."""

    updates: list = field(default_factory=lambda: [{"name": "libssl3t64", "old": "1", "new": "2", "security": True}])
    reboot: list = field(default_factory=list)
    boots: int = 1
    broken: str = ""
    lies: bool = False
    away: int = 0
    ran: list = field(default_factory=list)

    def run(self, host, argv, timeout=30.0):
        del timeout
        text = " ".join(argv)
        if self.away:
            self.away -= 1
            return Answer(host, 255, "", "no route", 0.0)
        if argv[:2] == ["python3", "-c"]:
            said = {"updates": self.updates, "reboot": self.reboot, "boot": str(self.boots), "lists": 1.0}
            return Answer(host, 0, json.dumps(said), "", 0.0)
        if "systemd-run" in text:
            self.ran.append(argv[-1])
            if self.broken:
                return Answer(host, 100, "", self.broken, 0.0)
            self.updates = self.updates if self.lies else []
            self.reboot = ["mariadb.service run with replaced files"]
        if argv[:2] == ["systemctl", "reboot"]:
            self.boots, self.reboot, self.away = self.boots + 1, [], 3
        return Answer(host, 0, "", "", 0.0)


@pytest.fixture
def node(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "PAUSE", 0.0)
    made = Node()
    ctx = order(tmp_path, []).context(tmp_path / "run", {})
    return made, Tools(ctx, made, None)


def test_packages_are_updated_to_the_versions_that_were_shown(node):
    made, tools = node
    found = list(Packages("node1", security=False).apply(tools))
    assert [one.step for one in found] == ["update libssl3t64 1 -> 2"]
    assert made.ran == ["libssl3t64=2"]
    assert list(Packages("node1", security=False).apply(tools)) == []


def test_apt_is_not_believed(node):
    made, tools = node
    made.lies = True
    (found,) = Packages("node1", security=False).apply(tools)
    assert found.error == "is not installed although apt said so"
    made.broken = "E: dpkg was interrupted"
    with pytest.raises(StageFailed, match="dpkg was interrupted"):
        list(Packages("node1", security=False).apply(tools))


def test_a_restart_is_one_when_another_start_answers(node, monkeypatch):
    made, tools = node
    assert list(Restart("node1", "needed").apply(tools)) == []
    made.reboot = ["kernel"]
    assert list(Restart("node1", "never").apply(tools)) == []
    (done,) = Restart("node1", "needed").apply(tools)
    assert (made.boots, done.changed) == (2, True)
    assert list(Restart("node1", "always").apply(tools)) == [], "it was restarted in this upgrade"
    made.reboot = ["kernel"]
    monkeypatch.setattr(parts, "boot_limit", lambda _design: -1.0)
    made.run = lambda host, argv, timeout=30: (
        Node.run(made, host, argv) if argv[0] == "python3" else Answer(host, 0, "", "", timeout)
    )
    with pytest.raises(StageFailed, match="has not come back"):
        list(Restart("node1", "needed").apply(tools))


@pytest.fixture
def rolling(tmp_path, monkeypatch, node):
    """Draining and coming back as one stage each, and what happened."""
    made, tools = node
    acts = []

    def stage(name, needs=()):
        def work(ctx):
            acts.append((name, bool(kept.read(ctx.state_dir, "node1").get(MARK)), list(made.updates), made.boots))
            return [Result("node1", name)]

        return Fake(name, needs, work=work)

    base = Fake("base", ("storage",))
    drained, back = [stage("judge"), stage("storage", ("judge",))], [stage("storage"), base]
    monkeypatch.setattr("scs_rack.days.operations.drain", lambda made, *_: order(tmp_path, drained))
    monkeypatch.setattr("scs_rack.days.operations.rejoin", lambda made, *_: order(tmp_path, back))
    return order(tmp_path, []), (lambda _ctx: tools), acts, base


def test_a_server_is_drained_updated_restarted_and_back_in_this_order(rolling, node, tmp_path):
    made, make, acts, _ = rolling
    steps = roll(made, "node1", security=False, reboot="needed", make=make)
    assert [stage.name for stage in steps.stages] == [
        "drain: judge", "update: mark", "drain: storage", "update: packages", "update: restart", "return: storage",
        "return: base",
    ]  # fmt: skip
    run = bring_up(steps, lambda _folder: Notes(), "upgrade")
    assert run.state == "passed", [(s.name, s.state, s.reason) for s in run.stages.values()]
    assert [(name, marked, len(updates), boots) for name, marked, updates, boots in acts] == [
        ("judge", False, 1, 1), ("storage", True, 1, 1), ("storage", True, 0, 2),
    ]  # fmt: skip


def test_a_gate_that_fails_ends_it_and_the_next_time_goes_on(rolling, node):
    made, make, _, base = rolling
    base.observed = lambda _ctx: [error()]
    steps = roll(made, "node1", security=False, reboot="needed", make=make)
    assert bring_up(steps, lambda _folder: Notes(), "upgrade").state == "failed"
    assert look(make(None), "node1", security=False).begun
    assert look(make(None), "node1", security=False).work("needed"), "though there is nothing left to update"
    base.observed = lambda _ctx: []
    assert bring_up(steps, lambda _folder: Notes(), "upgrade").state == "passed"
    assert node[0].boots == 2, "it is not restarted again"


def test_controllers_come_last_and_what_was_begun_first(tmp_path):
    ctx = order(tmp_path, []).context(tmp_path / "run", {})
    tools = Tools(ctx, Node(), None)
    names = list(ctx.design.in_service)
    assert looking.order(tools, names) == list(reversed(names))
    kept.note(ctx.state_dir, names[1], **{MARK: True})
    assert looking.order(tools, names)[0] == names[1]


@pytest.fixture
def rack(tmp_path, monkeypatch, node):
    made, tools = node
    monkeypatch.setenv("SCS_RACK_STATE", str(tmp_path / "state"))
    monkeypatch.setattr("scs_rack.cli.order.enter", lambda _design: None)
    monkeypatch.setattr("scs_rack.cli.upgrade.of", lambda _ctx: tools)
    return str(tmp_path / "rack"), made, tools


def test_the_plan_is_shown_and_changes_nothing(rack, capsys):
    folder, made, _ = rack
    assert main(["upgrade", "--plan", "-r", folder]) == 0
    assert "node3: 1 packages: libssl3t64 1 -> 2" in capsys.readouterr().out
    assert main(["upgrade", "--plan", "--json", "-r", folder]) == 0
    assert json.loads(capsys.readouterr().out)[0]["server"] == "node3"
    assert made.ran == []


def test_refusals(rack, capsys):
    folder, made, tools = rack
    assert main(["upgrade", "node9", "-r", folder]) == 2
    kept.note(tools.ctx.state_dir, "node2", noout=True)
    assert main(["upgrade", "--plan", "-r", folder]) == 2
    assert "`scs-rack node rejoin node2`" in capsys.readouterr().err
    assert made.ran == []


def test_an_image_is_for_servers_that_we_install(rack, capsys):
    folder, made, _ = rack
    assert main(["upgrade", "--image", "--security", "-r", folder]) == 2
    assert main(["upgrade", "--image", "--yes", "-r", folder]) == 2
    assert "its model states no `provision`" in capsys.readouterr().err
    assert made.ran == []


def test_the_first_that_fails_ends_it_and_the_others_are_named(rack, capsys, monkeypatch):
    folder, _, _ = rack
    done = []

    def fail(chosen, name, **_):
        done.append(name)
        from dataclasses import replace

        stages = [Fake("a", observed=lambda _ctx: [error()] if len(done) == 2 else [])]
        return replace(chosen, stages=stages, converge=True)

    monkeypatch.setattr("scs_rack.cli.upgrade.roll", fail)
    assert main(["upgrade", "--no-refresh", "--yes", "-r", folder]) == 1
    assert done == ["node3", "node2"]
    assert "stopped at node2; not touched: node1" in capsys.readouterr().out
