"""Draining: what is foreseen, done, kept and undone; Ceph and Nova are stood in for by what they would say."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scs_rack import remote
from scs_rack.bmc import drain as draining
from scs_rack.bmc.drain import SERVERS, drain, drained, foresee, restore
from scs_rack.design import make_design
from scs_rack.engine.stage import Context
from scs_rack.model.load import load_rack

LAB = Path(__file__).parents[2] / "inventory/lab"
ALL = ["node1", "node2", "node3", "node4"]


class Ceph:
    """A cluster that is asked by SSH."""

    def __init__(self) -> None:
        self.flags: set[str] = {"sortbitwise"}
        self.up = True
        self.deaf = False
        self.asked: list[str] = []

    async def gather(
        self, _ctx: Context, hosts: Sequence[str], argv: Sequence[str], _seconds: float
    ) -> Mapping[str, remote.Answer]:
        words = list(argv)
        self.asked.append(f"{hosts[0]}: {' '.join(words)}")
        if not self.up:
            return {hosts[0]: remote.Answer(hosts[0], 255, "", "ssh: no route to host", 0.0)}
        if words[:3] == ["ceph", "osd", "set"] and not self.deaf:
            self.flags.add(words[3])
        elif words[:3] == ["ceph", "osd", "unset"] and not self.deaf:
            self.flags.discard(words[3])
        said = json.dumps({"flags_set": sorted(self.flags)})
        return {hosts[0]: remote.Answer(hosts[0], 0, said, "", 0.0)}


class Nova:
    """The part of openstacksdk's compute proxy that is called."""

    def __init__(self) -> None:
        self.states = {f"{name}.lab.internal": "enabled" for name in ALL[:3]}
        self.guests: list[Any] = []

    def services(self, binary: str) -> list[Any]:
        assert binary == "nova-compute"
        return [SimpleNamespace(host=host, status=state) for host, state in self.states.items()]

    def disable_service(self, service: Any, disabled_reason: str) -> None:
        assert disabled_reason
        self.states[service.host] = "disabled"

    def enable_service(self, service: Any) -> None:
        self.states[service.host] = "enabled"

    def servers(self, *, all_projects: bool) -> list[Any]:
        assert all_projects
        return self.guests


@pytest.fixture
def ceph(monkeypatch: pytest.MonkeyPatch) -> Ceph:
    it = Ceph()
    monkeypatch.setattr(draining, "gather", it.gather)
    return it


@pytest.fixture
def nova(monkeypatch: pytest.MonkeyPatch) -> Nova:
    it = Nova()
    monkeypatch.setattr(draining, "connect", lambda _file, _name: SimpleNamespace(compute=it))
    return it


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    (tmp_path / "clouds.yaml").touch()
    return Context(make_design(load_rack(LAB)), LAB, tmp_path, tmp_path, {})


def said(notes: Sequence[draining.Note], state: str) -> str:
    return "\n".join(note.words for note in notes if note.state == state)


async def test_one_host_is_drained_and_comes_back(ctx: Context, ceph: Ceph, nova: Nova) -> None:
    plan = await foresee(ctx, ["node2"])
    assert "noout" in said(plan, "will")
    assert "nodown" not in said(plan, "will")
    assert "node2" in said(plan, "will")
    assert drained(ctx.state_dir) == {}, "foreseeing changes nothing"
    assert ceph.flags == {"sortbitwise"}
    notes = await drain(ctx, ["node2"])
    assert said(notes, "failed") == ""
    assert "noout" in ceph.flags
    assert nova.states["node2.lab.internal"] == "disabled"
    assert drained(ctx.state_dir) == {"ceph": ["noout"], "compute": ["node2"], SERVERS: ["node2"]}
    notes = await restore(ctx)
    assert said(notes, "failed") == ""
    assert ceph.flags == {"sortbitwise"}
    assert set(nova.states.values()) == {"enabled"}
    assert drained(ctx.state_dir) == {}


async def test_the_whole_cluster_is_drained_otherwise(ctx: Context, ceph: Ceph, nova: Nova) -> None:
    await drain(ctx, ALL)
    assert {"noout", "norebalance", "norecover", "nobackfill", "nodown"} <= ceph.flags
    assert drained(ctx.state_dir)[SERVERS] == ["node1", "node2", "node3"], "the spare ran nothing"


async def test_what_others_had_set_is_left_alone(ctx: Context, ceph: Ceph, nova: Nova) -> None:
    ceph.flags.add("noout")
    nova.states["node1.lab.internal"] = "disabled"
    assert "set already" in said(await foresee(ctx, ["node1"]), "nothing")
    await drain(ctx, ["node1"])
    assert drained(ctx.state_dir) == {}
    await restore(ctx)
    assert "noout" in ceph.flags
    assert nova.states["node1.lab.internal"] == "disabled"


async def test_guests_that_are_not_moved_are_named(ctx: Context, ceph: Ceph, nova: Nova) -> None:
    nova.guests = [
        SimpleNamespace(name="db", compute_host="node2.lab.internal", status="ACTIVE"),
        SimpleNamespace(name="old", compute_host="node2.lab.internal", status="SHUTOFF"),
        SimpleNamespace(name="web", compute_host="node1.lab.internal", status="ACTIVE"),
    ]
    words = said(await foresee(ctx, ["node2"]), "can't")
    assert "db" in words
    assert "old" not in words
    assert "web" not in words


async def test_nothing_is_skipped_in_silence(ctx: Context, ceph: Ceph, monkeypatch: pytest.MonkeyPatch) -> None:
    ceph.up = False

    def refuse(_file: Path, _name: str) -> None:
        raise ConnectionError

    monkeypatch.setattr(draining, "connect", refuse)
    words = said(await foresee(ctx, ["node1"]), "can't")
    assert "no route to host" in words
    assert "the cloud does not answer" in words


async def test_a_flag_that_is_not_seen_set_is_a_failure(ctx: Context, ceph: Ceph, nova: Nova) -> None:
    ceph.deaf = True
    assert "noout not set" in said(await drain(ctx, ["node1"]), "failed")


async def test_what_could_not_be_undone_is_kept_for_the_next_time(ctx: Context, ceph: Ceph, nova: Nova) -> None:
    await drain(ctx, ["node1"])
    ceph.up = False
    assert "unset by hand: noout" in said(await restore(ctx), "failed")
    assert drained(ctx.state_dir)["ceph"] == ["noout"]
    assert "compute" not in drained(ctx.state_dir)
    ceph.up = True
    assert said(await restore(ctx), "failed") == ""
    assert drained(ctx.state_dir) == {}


async def test_a_spare_has_nothing_to_drain(ctx: Context, ceph: Ceph) -> None:
    assert [note.state for note in await foresee(ctx, ["node4"])] == ["nothing"]
    assert await drain(ctx, ["node4"]) == []
    assert ceph.asked == []
