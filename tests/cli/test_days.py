"""What a person types about servers in service: names typed again, and what would be restarted."""

from pathlib import Path

import pytest

from scs_rack import ssh, vault
from scs_rack.cli.main import main
from scs_rack.design import make_design
from scs_rack.engine import settled
from scs_rack.model.load import load_rack
from scs_rack.paths import state_dir
from scs_rack.results import Change, Result

REPOSITORY = Path(__file__).resolve().parents[2]


class Cloud:
    """The stage after which servers are in service; restarts something on node1 when it is told to."""

    name, needs, summary = "cloud", (), "a fake"
    restarts = False
    applied = 0

    def plan(self, ctx):
        diff = "--- before\n+++ after\n+restart nova-compute.service" if self.restarts else "+word"
        return [Change(self.name, "node1", "Run the services", diff)]

    def apply(self, ctx):
        self.applied += 1
        return [Result("node1", "Run the services")]

    def gate(self, ctx):
        return []


@pytest.fixture
def cloud(monkeypatch):
    made = Cloud()
    monkeypatch.setattr("scs_rack.cli.order.stages", lambda _design: [made])
    return made


@pytest.fixture
def rack(tmp_path, monkeypatch):
    """A rack without `lab:`, so that no lab has to run, whose servers' host keys are known."""
    for name in vault.PASSWORD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SCS_RACK_STATE", str(tmp_path / "state"))
    folder = tmp_path / "metal"
    folder.mkdir()
    text = (REPOSITORY / "inventory/lab/rack.yml").read_text()
    start = text.index("\nlab:\n") + 1
    end = text.index("\n\n", start)
    (folder / "rack.yml").write_text(text[:start] + text[end + 2 :])
    (folder / vault.PASSWORD_FILE).write_text("open sesame\n")
    design = make_design(load_rack(folder))
    for server in design.nodes:
        vault.store(folder, design, f"bmc_{server}", f"of-{server}-secret")
    known = ssh.files(state_dir("lab")).known_hosts
    known.parent.mkdir(parents=True)
    known.write_text("".join(f"node{number} ssh-ed25519 AAAA{number}\n" for number in range(1, 5)))
    return folder


def call(*arguments):
    return main([str(one) for one in arguments])


def test_services_of_servers_in_service_are_restarted_only_when_allowed(rack, cloud, capsys):
    assert call("up", "-r", rack) == 0
    assert settled.read(state_dir("lab")) == {"node1", "node2", "node3"}
    cloud.restarts = True
    assert call("up", "-r", rack) == 0, "the same rack file: the services themselves refuse what is needed"
    (rack / "rack.yml").write_text((rack / "rack.yml").read_text() + "\n# changed\n")
    assert call("up", "-r", rack) == 2
    said = capsys.readouterr().err
    assert "node1: nova-compute.service" in said
    assert "--allow restart" in said
    assert cloud.applied == 2
    assert call("up", "-r", rack, "--allow", "restart") == 0
    cloud.restarts = False
    (rack / "rack.yml").write_text((rack / "rack.yml").read_text() + "\n# changed again\n")
    assert call("up", "-r", rack) == 0, "what restarts nothing needs no word"
    assert cloud.applied == 4


def test_new_servers_alone(rack, cloud, capsys):
    assert call("up", "-r", rack, "--new") == 2
    assert "no server is in service yet" in capsys.readouterr().err
    assert call("up", "-r", rack) == 0
    assert call("up", "-r", rack, "--new") == 2
    assert "all servers of the rack file are in service" in capsys.readouterr().err
    text = (rack / "rack.yml").read_text()
    (rack / "rack.yml").write_text(text.replace("state: spare", "state: active"))
    assert call("up", "-r", rack, "--new", "--limit", "node4") == 2
    capsys.readouterr()
    assert call("up", "-r", rack, "--new") == 0
    assert settled.read(state_dir("lab")) == {"node1", "node2", "node3", "node4"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("node", "remove", "node4", "--wipe", "node3"), "--wipe node3: the server is node4"),
        (("node", "drain", "node1", "--unplugged", "node2"), "--unplugged node2: the server is node1"),
        (("node", "drain", "node4"), "node4 is not in service"),
        (("node", "drain", "node9"), "no server node9 in lab"),
        (("disk", "replace", "node1", "root"), "node1 has no disk root that belongs to Ceph"),
        (("disk", "replace", "node9", "osd0"), "no server node9 in lab"),
    ],
)
def test_wrong_names_change_nothing(rack, cloud, capsys, words, said):
    assert call(*words, "-r", rack, "--yes") == 2
    assert said in capsys.readouterr().err
    assert cloud.applied == 0
