"""Backups as an operator takes, lists, tries and restores them; nodes are played by this machine."""

import gzip
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from scs_rack import __version__, pki, ssh, vault
from scs_rack.backup import manager, shelf, sources, take, verify
from scs_rack.backup.seal import Damaged
from scs_rack.cli.main import main
from scs_rack.design import make_design
from scs_rack.engine import runs
from scs_rack.engine.journal import Journal
from scs_rack.engine.lock import hold
from scs_rack.engine.stage import Context
from scs_rack.errors import Interrupted, StageFailed, UsageError
from scs_rack.model.load import load_rack
from scs_rack.sonic.backup import Kept

REPOSITORY = Path(__file__).resolve().parents[2]
SSH = """#!/bin/bash
for last; do :; done
case "$*" in *root@10.90.0.103*) echo "no route" >&2; exit 255 ;; esac
eval "$last"
"""
DUMP = b"CREATE DATABASE `nova`;\nCREATE TABLE `a` (\n);\nCREATE TABLE `b` (\n);\n-- Dump completed on 2026-11-23\n"


@pytest.fixture
def ctx(tmp_path, monkeypatch):
    monkeypatch.setenv("SCS_RACK_STATE", str(tmp_path / "state"))
    monkeypatch.delenv(shelf.VARIABLE, raising=False)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ssh").write_text(SSH)
    (programs / "ssh").chmod(0o700)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("scs_rack.cli.order.enter", lambda _design: None)
    rack = tmp_path / "rack"
    rack.mkdir()
    shutil.copy(REPOSITORY / "inventory/lab/rack.yml", rack)
    design = make_design(load_rack(rack))
    state = tmp_path / "state/lab"
    state.mkdir(parents=True)
    secrets = vault.ensure(rack, design)
    ssh.ensure(state)
    pki.ensure(state, design)
    run = runs.create(state)
    journal = Journal(run)
    journal.write("run-started", purpose="up", stages=[])
    journal.close()
    return Context(design, rack, state, tmp_path / "run", secrets)


@pytest.fixture
def playing(monkeypatch):
    """Nodes that give what a part should be, and tools that take it."""
    dump = f"printf %s {gzip.compress(DUMP).hex()} | xxd -r -p"
    programs = {"databases": dump, "ovn": "echo ovn", "ceph": "echo ceph", "ceph-mon": "echo $1"}
    monkeypatch.setattr(
        take,
        "SOURCES",
        tuple(sources.Source(one.name, one.words, one.hosts, programs[one.name], one.named) for one in sources.SOURCES),
    )
    tables = {"DEVICE_METADATA": {"localhost": {"hostname": "leaf1"}}}
    monkeypatch.setattr(take, "on_all", lambda _switches, _work: {"leaf1": Kept(tables, "router bgp 1\n")})
    said = {"databases": {"databases": {"nova": 2}}, "ovn": {"ports": 3}, "ceph": {"keys": 4}, "ceph-mon": {"mons": 3}}
    monkeypatch.setattr(
        verify.checks, "argv", lambda part: ["sh", "-c", f"cat >/dev/null; echo '{json.dumps(said[part])}'"]
    )
    return programs


def taken(ctx, parts=sources.PARTS):
    said = []
    made = take.take(ctx, shelf.root(ctx.state_dir), vault.password(ctx.rack_dir), parts, lambda *one: said.append(one))
    return made, said


def tried(ctx, one):
    return {each.part: (each.good, each.words) for each in verify.verify(ctx, one, vault.password(ctx.rack_dir))}


def test_all_parts_are_taken_sealed_and_tried(ctx, playing):
    made, said = taken(ctx)
    assert [part.name for part in made.parts] == list(sources.PARTS)
    assert made.failed == {}
    assert ("databases", "from node2") in said, "node3 does not answer: the next one is asked"
    verdicts = tried(ctx, made)
    assert all(good for good, _ in verdicts.values()), verdicts
    assert "2 tables" in verdicts["databases"][1]
    assert "1 runs" in verdicts["manager"][1]
    assert "leaf1" in verdicts["switches"][1]
    plain = b"".join(path.read_bytes() for path in made.folder.iterdir())
    assert b"CREATE TABLE" not in plain
    assert ctx.secrets["admin_password"].encode() not in plain
    assert {path.stat().st_mode & 0o077 for path in made.folder.iterdir()} == {0}
    assert made.release == __version__


def test_the_vaults_password_is_not_in_it(ctx, tmp_path):
    with (tmp_path / "tar").open("wb") as out:
        manager.pack(out, ctx.rack_dir, ctx.state_dir)
    with (tmp_path / "tar").open("rb") as source:
        names = manager.unpack(source, tmp_path / "back")
    assert "rack/secrets.yml" in names
    assert "state/ca/ca.key" in names
    assert not [name for name in names if vault.PASSWORD_FILE in name or "lock" in name or name.endswith("-wal")]
    password = vault.password(ctx.rack_dir)
    assert vault.opened(tmp_path / "back/rack/secrets.yml", password) == ctx.secrets


def test_a_part_that_fails_is_named_and_costs_no_other(ctx, playing, monkeypatch):
    broken = [
        sources.Source(one.name, one.words, one.hosts, "echo some; echo no quorum >&2; exit 3")
        if one.name == "ceph-mon"
        else one
        for one in take.SOURCES
    ]
    monkeypatch.setattr(take, "SOURCES", tuple(broken))
    made, _ = taken(ctx)
    assert "no quorum" in made.failed["ceph-mon"]
    assert made.part("ceph-mon") is None
    assert not (made.folder / "ceph-mon.sealed").exists()
    assert tried(ctx, made)["ceph-mon"][0] is False


@pytest.mark.parametrize("spoil", ["flip", "swap", "drop", "manifest"])
def test_what_was_changed_is_not_good(ctx, playing, spoil):
    made, _ = taken(ctx)
    path = made.folder / "databases.sealed"
    if spoil == "flip":
        data = bytearray(path.read_bytes())
        data[-20] ^= 1
        path.write_bytes(data)
    elif spoil == "swap":
        shutil.copy(made.folder / "ovn.sealed", path)
    elif spoil == "drop":
        path.unlink()
    else:
        text = (made.folder / shelf.MANIFEST).read_text()
        (made.folder / shelf.MANIFEST).write_text(text.replace('"failed": {}', '"failed": {"x": "y"}'))
        with pytest.raises(Damaged, match="manifest"):
            tried(ctx, shelf.load(made.folder))
        return
    verdicts = tried(ctx, shelf.load(made.folder))
    assert verdicts["databases"][0] is False
    assert verdicts["ovn"][0] is True


def test_a_dump_that_was_cut_when_it_was_made_is_not_good(ctx, playing, monkeypatch):
    monkeypatch.setattr(verify, "END", b"-- another end")
    assert "has no end" in tried(ctx, taken(ctx)[0])["databases"][1]


def test_a_server_that_loaded_fewer_tables_is_believed(ctx, playing, monkeypatch):
    made, _ = taken(ctx)
    command = ["sh", "-c", """cat >/dev/null; echo '{"databases": {"nova": 1}}'"""]
    monkeypatch.setattr(verify.checks, "argv", lambda _part: command)
    assert tried(ctx, made)["databases"] == (False, "the dump has 2 tables, the server that loaded it 1")


def test_tables_are_counted_wherever_pieces_are_cut():
    packed = gzip.compress(DUMP * 50)
    for size in (1, 2, 3, 17, len(packed)):
        counter = verify.Dump()
        pieces = [packed[at : at + size] for at in range(0, len(packed), size)]
        assert b"".join(counter.through(iter(pieces))) == packed
        assert counter.tables == 100


def test_one_that_is_stopped_or_dies_leaves_no_backup(ctx, playing, monkeypatch):
    folder = shelf.root(ctx.state_dir)

    def stop(*_):
        raise Interrupted("stopped")

    monkeypatch.setattr(take, "_switches", stop)
    with pytest.raises(Interrupted):
        taken(ctx)
    assert list(folder.iterdir()) == []
    (folder / ".20260101T000000.draft").mkdir()
    assert shelf.all_of(folder) == []
    with pytest.raises(Interrupted):
        taken(ctx)
    assert list(folder.iterdir()) == []


def test_pruning_keeps_whole_ones_and_never_the_last(ctx, playing, monkeypatch):
    folder = shelf.root(ctx.state_dir)
    for number in range(4):
        draft = shelf.Draft(folder / f"{number}", "lab", b"x")
        if number == 3:
            draft.failed("ovn", "silent")
        made = draft.finish("1")
        made.folder.rename(folder / f"2026010{number}T000000")
        (folder / f"{number}").rmdir()
    assert shelf.prune(folder, 2) == ["20260100T000000"]
    assert [one.name[:8] for one in shelf.all_of(folder)] == ["20260101", "20260102", "20260103"]


def test_the_command_line(ctx, playing, capsys, monkeypatch):
    rack = str(ctx.rack_dir)
    assert main(["backup", "create", "--verify", "--json", "-r", rack]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [one["good"] for one in said["verified"]] == [True] * len(sources.PARTS)
    assert main(["backup", "list", "-r", rack]) == 0
    assert said["name"] in capsys.readouterr().out
    assert main(["backup", "verify", "-r", rack]) == 0
    assert "2 tables, loaded and checked by a MariaDB of their own on node2" in capsys.readouterr().out
    (Path(said["folder"]) / "ovn.sealed").unlink()
    assert main(["backup", "verify", "-r", rack]) == 1
    assert "ovn: NOT GOOD" in capsys.readouterr().out
    with hold(ctx.state_dir):
        assert main(["backup", "create", "-r", rack]) == 4
    assert main(["backup", "create", "mon", "-r", rack]) == 2
    assert main(["backup", "verify", "nix", "-r", rack]) == 2
    assert main(["backup", "verify", "--on", "node4", "-r", rack]) == 2
    capsys.readouterr()


def test_a_lost_manager_comes_back_by_folder_and_password_alone(ctx, playing, tmp_path, capsys, monkeypatch):
    made, _ = taken(ctx)
    password = tmp_path / "password"
    password.write_bytes(vault.password(ctx.rack_dir))
    secrets, ca = dict(ctx.secrets), (ctx.state_dir / "ca/ca.key").read_bytes()
    elsewhere = tmp_path / "elsewhere"
    shutil.move(made.folder, elsewhere)
    shutil.rmtree(ctx.rack_dir)
    shutil.rmtree(ctx.state_dir)
    monkeypatch.setenv("SCS_RACK_VAULT_PASSWORD_FILE", str(password))
    assert main(["backup", "unpack", str(elsewhere), "--to", str(tmp_path / "back")]) == 0
    assert vault.load(tmp_path / "back/rack") == secrets
    assert (tmp_path / "back/state/ca/ca.key").read_bytes() == ca
    assert main(["backup", "unpack", str(elsewhere), "--to", str(tmp_path / "back")]) == 2
    password.write_bytes(b"another")
    assert main(["backup", "unpack", str(elsewhere), "--to", str(tmp_path / "again")]) == 2
    assert "does not open this backup" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["ceph-mon"], ["manager"], ["nix"], ["ovn", "--yes-overwrite", "berlin"], ["ovn"]])
def test_restores_that_are_refused_change_nothing(ctx, playing, capsys, words, monkeypatch):
    made, _ = taken(ctx)
    monkeypatch.setattr("scs_rack.backup.restore.restore", lambda *_: pytest.fail("was restored"))
    assert main(["backup", "restore", made.name, *words, "-r", str(ctx.rack_dir)]) == 2
    assert "hint: " in capsys.readouterr().err


def test_files_of_switches_come_back_as_a_backup_that_rollback_takes(ctx, playing, capsys):
    made, _ = taken(ctx)
    words = ["backup", "restore", made.name, "switches", "--yes-overwrite", "lab", "-r", str(ctx.rack_dir)]
    assert main(words) == 0
    capsys.readouterr()
    assert main(["switch", "backup", "--list", "-r", str(ctx.rack_dir)]) == 0
    assert f"{made.name}" in capsys.readouterr().out
    assert (ctx.state_dir / "backups" / made.name / "leaf1.frr.conf").read_text() == "router bgp 1\n"


def test_the_timer_is_one_that_systemd_takes(ctx, tmp_path, capsys, monkeypatch):
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    monkeypatch.setenv(shelf.VARIABLE, "/mnt/backups")
    units = tmp_path / "units"
    assert main(["backup", "timer", "install", "-r", str(ctx.rack_dir), "--to", str(units)]) == 0
    written = sorted(units.iterdir())
    command = ["systemd-analyze", "verify", "--man=no", *written]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "SCS_RACK_BACKUPS=/mnt/backups" in written[0].read_text()
    capsys.readouterr()


def test_a_node_that_gives_nothing_gave_no_part(ctx, playing, monkeypatch):
    empty = [sources.Source(one.name, one.words, one.hosts, "true") for one in take.SOURCES]
    monkeypatch.setattr(take, "SOURCES", tuple(empty))
    made, _ = taken(ctx, ["databases"])
    assert "node1 gave nothing" in made.failed["databases"]


def test_names_are_found(ctx, playing):
    with pytest.raises(UsageError, match="no backup in"):
        shelf.find(shelf.root(ctx.state_dir), None)
    made, _ = taken(ctx)
    assert shelf.find(shelf.root(ctx.state_dir), made.name).made == made.made


@pytest.fixture
def lost(ctx, monkeypatch):
    """A cluster without monitors; what is sent to whom."""
    from scs_rack.backup import monitors
    from scs_rack.days.tools import Tools
    from scs_rack.remote import Answer

    acts, cluster = [], {"osds": None, "quorum": ["node1", "node2", "node3"], "silent": ()}

    class Runner:
        def run(self, host, argv, timeout=30.0):
            del timeout
            text = " ".join(argv)
            if host in cluster["silent"]:
                return Answer(host, 255, "", "no route", 0.0)
            if "osd stat" in text:
                known = cluster["osds"]
                return Answer(host, 1 if known is None else 0, json.dumps({"num_osds": known}), "timed out", 0.0)
            if "quorum_status" in text:
                return Answer(host, 0, json.dumps({"quorum_names": cluster["quorum"]}), "", 0.0)
            if "systemctl" in text:
                acts.append((host, text.removeprefix("systemctl ")))
            return Answer(host, 0, "", "", 0.0)

    names = {getattr(monitors, name): name for name in ("COLLECT", "GIVE", "REBUILD", "PLACE", "UNPACK")}

    def feed(_ctx, host, argv, pieces):
        acts.append((host, names[argv[2]], b"".join(pieces)))
        return "2"

    def fetch(_ctx, host, argv, sink):
        acts.append((host, names[argv[2]]))
        sink(f"store of {host}".encode())

    monkeypatch.setattr(monitors.pipe, "feed", feed)
    monkeypatch.setattr(monitors.pipe, "fetch", fetch)
    return Tools(ctx, Runner(), None), acts, cluster


def rebuilt(tools):
    import contextlib

    from scs_rack.backup import monitors

    return monitors.rebuild(tools, lambda: contextlib.nullcontext(iter([b"keys"])))


def test_one_store_goes_through_all_hosts_and_then_to_all_monitors(lost):
    tools, acts, _ = lost
    assert "made from 6 OSDs" in rebuilt(tools)
    sent = [act for act in acts if len(act) == 3]
    assert [(host, what) for host, what, _ in sent] == [
        ("node1", "COLLECT"), ("node2", "COLLECT"), ("node3", "COLLECT"), ("node1", "UNPACK"), ("node1", "REBUILD"),
        ("node1", "PLACE"), ("node2", "PLACE"), ("node3", "PLACE"),
    ]  # fmt: skip
    assert [data for _, _, data in sent][1:] == [
        b"store of node1", b"store of node2", b"store of node3", b"keys", *[b"store of node1"] * 3,
    ]  # fmt: skip
    units = [words for _, words in (act for act in acts if len(act) == 2) if " " in words]
    stopped = [number for number, words in enumerate(units) if words.startswith("stop")]
    started = [number for number, words in enumerate(units) if words.startswith("start ceph-mon")]
    assert max(stopped) < min(started) < units.index("start ceph-osd.target")


def test_monitors_that_answer_and_hosts_that_don_t_forbid_it(lost):
    tools, acts, cluster = lost
    cluster["osds"] = 3
    with pytest.raises(StageFailed, match="know OSDs"):
        rebuilt(tools)
    cluster["osds"], cluster["silent"] = 0, ("node2",)
    with pytest.raises(StageFailed, match="node2 do not answer"):
        rebuilt(tools)
    assert acts == []
    cluster["silent"] = ()
    rebuilt(tools)


def test_no_osd_starts_before_there_is_a_quorum(lost, monkeypatch):
    tools, acts, cluster = lost
    monkeypatch.setattr("scs_rack.backup.monitors.QUORUM", -1.0)
    cluster["quorum"] = ["node1"]
    with pytest.raises(StageFailed, match="no quorum"):
        rebuilt(tools)
    assert not [act for act in acts if "start ceph-osd.target" in act]
