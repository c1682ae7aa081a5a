"""New OSDs take their data in steps: what each moves is known before, and below the share that is allowed."""

import json

import pytest

from scs_rack.engine.stage import Context, Stop
from scs_rack.errors import Interrupted, StageFailed
from scs_rack.remote import Answer
from scs_rack.stages import osd_entry, osd_entry_probe

GROUPS = 64
KIB = 8 * 1024 * 1024


class Ceph:
    """A cluster of three OSDs with all data, and a fourth that enters; as its programs answer."""

    def __init__(self, monkeypatch, *, marked=("osd.3",), up=True):
        self.weights = {0: 0.008, 1: 0.008, 2: 0.008, 3: 0.0}
        self.marked, self.up, self.orders = set(marked), up, []
        monkeypatch.setattr(osd_entry_probe, "run", self.run)

    def run(self, argv):
        words = [word for word in argv if not word.startswith("--")]
        if argv[0] == "osdmaptool":
            weights = self.weights | {
                int(osd): float(weight)
                for osd, weight in (one.split(":") for one in argv[argv.index("--adjust-crush-weight") + 1].split(","))
            }
            return self.placed(weights)
        words = words[2:]  # ceph, and the time limit
        if words[:3] == ["osd", "crush", "reweight"]:
            self.weights[int(words[3][4:])] = float(words[4])
            self.orders.append(float(words[4]))
            return ""
        if words[:2] == ["config", "rm"]:
            self.marked.discard(words[2])
            return ""
        if words[:2] == ["osd", "getmap"]:
            return ""
        return json.dumps(self.told(words))

    def told(self, words):
        if words[:2] == ["config", "dump"]:
            return [{"section": who, "name": "osd_crush_initial_weight", "value": "0"} for who in self.marked]
        if words[:2] == ["osd", "dump"]:
            return {"osds": [{"osd": osd} for osd in self.weights], "pools": [{"pool": 1, "pg_num": GROUPS}]}
        if words[:2] == ["osd", "df"]:
            kib = {osd: KIB if osd != 3 or self.up else 0 for osd in self.weights}
            return {"nodes": [{"id": osd, "kb": kib[osd], "crush_weight": self.weights[osd]} for osd in self.weights]}
        if words[0] == "df":
            return {"pools": [{"id": 1, "stats": {"objects": GROUPS * 4}}]}
        assert words[0] == "status"
        return {"pgmap": {"pgs_by_state": [{"state_name": "active+clean", "count": GROUPS}]}}

    def placed(self, weights):
        """The fourth takes its part of the first copies: as much as its weight is of all."""
        mine = round(GROUPS * 3 * weights[3] / sum(weights.values()))
        rows = [f"1.{number:x}\t[{3 if number < mine else 0},1,2]\t0" for number in range(GROUPS)]
        return "\n".join(["osdmaptool: osdmap file", "pool 1 pg_num 64", *rows])


def test_no_step_moves_more_than_the_share(monkeypatch):
    cluster = Ceph(monkeypatch)
    steps = []
    while osd_entry_probe.look()["osds"]:
        steps.append(osd_entry_probe.step(0.05))
        assert len(steps) < 33
    assert len(steps) > 3
    assert all(0 < one["moves"] <= 0.05 for one in steps)
    assert steps[-1]["to"] == 1.0
    assert cluster.orders == sorted(cluster.orders)
    assert cluster.weights[3] == pytest.approx(KIB / 2**30, abs=1e-4)
    assert cluster.marked == set()


def test_a_share_less_than_a_placement_group_still_goes_on(monkeypatch):
    Ceph(monkeypatch)
    done = osd_entry_probe.step(0.0001)
    assert done["to"] == 1 / osd_entry_probe.LEVELS


def test_a_whole_share_is_one_step(monkeypatch):
    Ceph(monkeypatch)
    assert osd_entry_probe.step(1.0)["to"] == 1.0


def test_osds_of_others_are_left_alone(monkeypatch):
    cluster = Ceph(monkeypatch, marked=("osd.9",))
    assert osd_entry_probe.look()["osds"] == []
    assert (cluster.orders, cluster.marked) == ([], {"osd.9"})


def test_one_that_does_not_run_is_told(monkeypatch):
    Ceph(monkeypatch, up=False)
    said = osd_entry_probe.look()
    assert (said["osds"], said["dark"]) == ([3], [3])


@pytest.fixture
def ctx(tmp_path, lab_design):
    return Context(lab_design, tmp_path, tmp_path, tmp_path, {})


@pytest.fixture
def lab_design():
    from pathlib import Path

    from scs_rack.design import make_design
    from scs_rack.model.load import load_rack

    return make_design(load_rack(Path(__file__).parents[2] / "inventory/lab/rack.yml"))


def plays(monkeypatch, *looks):
    """What the probe says, look after look; steps are counted."""
    said, steps = list(looks), []
    monkeypatch.setattr(osd_entry, "PAUSE", 0.001)
    monkeypatch.setattr(osd_entry, "SETTLE", 0.001)

    def run_one(_ctx, host, argv, **_):
        if "step" in argv:
            steps.append(argv[-1])
            return Answer(host, 0, json.dumps({"from": 0.0, "to": 1.0, "moves": 0.04}), "", 0.1)
        return Answer(host, 0, json.dumps(said.pop(0) if len(said) > 1 else said[0]), "", 0.1)

    monkeypatch.setattr(osd_entry, "run_one", run_one)
    return steps


CLEAN = {"osds": [3], "dark": [], "left": 0.0, "states": {"active+clean": 9}}
BUSY = {"osds": [3], "dark": [], "left": 0.04, "states": {"active+clean": 8, "active+remapped+backfilling": 1}}
DONE = {"osds": [], "dark": [], "left": 0.0, "states": {"active+clean": 9}}


def test_the_next_step_waits_until_all_is_clean(ctx, monkeypatch):
    steps = plays(monkeypatch, BUSY, CLEAN, BUSY, BUSY, CLEAN, DONE)
    (result,) = osd_entry.enter(ctx)
    assert len(steps) == 2
    assert result.changed
    assert "2 steps" in result.step


def test_nothing_enters(ctx, monkeypatch):
    assert plays(monkeypatch, DONE) == []
    assert list(osd_entry.enter(ctx)) == []


def test_an_osd_that_never_starts_is_a_failure(ctx, monkeypatch):
    plays(monkeypatch, CLEAN | {"dark": [3]})
    monkeypatch.setattr(osd_entry, "UP", 0.01)
    with pytest.raises(StageFailed, match=r"osd\.3 did not start"):
        list(osd_entry.enter(ctx))


def test_data_that_does_not_move_is_a_failure(ctx, monkeypatch):
    plays(monkeypatch, BUSY)
    monkeypatch.setattr(osd_entry, "STILL", 0.01)
    with pytest.raises(StageFailed, match="nothing is moved any more"):
        list(osd_entry.enter(ctx))


def test_the_operator_may_stop(ctx, monkeypatch):
    plays(monkeypatch, BUSY)
    stop = Stop()
    stop.requested.set()
    stopped = Context(ctx.design, ctx.rack_dir, ctx.state_dir, ctx.run_dir, {}, stop=stop)
    with pytest.raises(Interrupted):
        list(osd_entry.enter(stopped))
