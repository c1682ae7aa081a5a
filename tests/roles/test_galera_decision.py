"""Which node starts a Galera cluster that is wholly down: single cases, and a world in which anything may fail."""

import importlib.util
import random
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

FILE = Path(__file__).parents[2] / "roles/mariadb/files/galera_decision.py"
spec = importlib.util.spec_from_file_location("galera_decision", FILE)
galera = importlib.util.module_from_spec(spec)
sys.modules["galera_decision"] = galera
spec.loader.exec_module(galera)

NODES = ("node1", "node2", "node3")
A, B = "aaaaaaaa-0000-0000-0000-000000000001", "bbbbbbbb-0000-0000-0000-000000000002"
PATIENCE = 120.0


def at(seqno, uuid=A, waited=0.0):
    return galera.Position(uuid, seqno, waited)


def starters(positions, view=None, nodes=NODES):
    return [name for name in nodes if galera.decide(name, nodes, positions, view, PATIENCE).start]


def new():
    return at(-1, galera.NO_DATA)


def test_first_deployment_starts_on_the_first_controller():
    assert starters(dict.fromkeys(NODES, new())) == ["node1"]


def test_one_controller_is_a_cluster_of_one():
    assert starters({"node1": new()}, nodes=("node1",)) == ["node1"]


def test_the_newest_data_wins():
    view = galera.View(A, 5, NODES)
    assert starters({"node1": at(7), "node2": at(9), "node3": at(8)}, view) == ["node2"]


def test_a_node_without_data_never_starts_where_others_have_some():
    assert starters({"node1": new(), "node2": at(9), "node3": new()}) == ["node2"]


@pytest.mark.parametrize("waited", [0.0, 10 * PATIENCE])
def test_one_node_alone_waits_for_ever(waited):
    assert starters({"node3": at(9, waited=waited)}, galera.View(A, 5, NODES)) == []


def test_a_majority_waits_and_then_starts():
    view = galera.View(A, 5, NODES)
    assert starters({"node1": at(7), "node2": at(9)}, view) == []
    assert starters({"node1": at(7, waited=PATIENCE), "node2": at(9, waited=PATIENCE)}, view) == ["node2"]


def test_a_majority_that_lacks_the_last_member_waits_for_it():
    late = {"node1": at(7, waited=1e6), "node2": at(9, waited=1e6)}
    decision = galera.decide("node2", NODES, late, galera.View(A, 20, ("node3",)), PATIENCE)
    assert not decision.start
    assert "node3" in decision.why


def test_all_of_the_last_view_need_not_wait_for_the_rest():
    assert starters({"node1": at(7), "node3": at(9)}, galera.View(A, 8, ("node3",))) == ["node3"]


def test_different_databases_are_for_an_operator():
    assert starters({"node1": at(7), "node2": at(9, B), "node3": new()}) == []


def test_a_foreign_database_never_starts():
    assert starters({"node1": at(7), "node2": at(99, B), "node3": at(6)}, galera.View(A, 5, NODES)) == ["node1"]


POSITIONS = st.dictionaries(
    st.sampled_from(NODES),
    st.builds(
        galera.Position, st.sampled_from([galera.NO_DATA, A, B]), st.integers(-1, 50), st.sampled_from([0.0, 1e6])
    ),
)
VIEWS = st.none() | st.builds(
    galera.View,
    st.sampled_from([A, B]),
    st.integers(0, 50),
    st.lists(st.sampled_from(NODES), min_size=1, unique=True).map(tuple),
)


@given(POSITIONS, VIEWS)
def test_never_two_and_never_a_minority(positions, view):
    chosen = starters(positions, view)
    assert len(chosen) <= 1
    if chosen:
        assert 2 * len(positions) > len(NODES)
        best = positions[chosen[0]]
        assert all(p.seqno <= best.seqno for p in positions.values() if p.uuid == best.uuid)
        if view:
            assert best.uuid == view.uuid
            assert 2 * len(set(positions) & set(view.members)) > len(view.members)


@given(st.lists(st.integers(0, 50), min_size=3, max_size=3), st.booleans())
def test_when_all_are_back_one_starts_at_once(seqnos, known):
    positions = {name: at(seqno) for name, seqno in zip(NODES, seqnos, strict=True)}
    view = galera.View(A, 0, NODES) if known else None
    (chosen,) = starters(positions, view)
    assert positions[chosen].seqno == max(seqnos)


class World:
    """Three machines.

    Galera keeps a cluster going with a majority of its last members, or with those that others left in order; etcd
    answers where it runs on a majority of the machines.
    """

    def __init__(self, chance):
        self.chance = chance
        self.power = dict.fromkeys(NODES, True)
        self.etcd = dict.fromkeys(NODES, True)
        self.data = dict.fromkeys(NODES, 0)
        self.waited = dict.fromkeys(NODES, 0.0)
        self.running = set(NODES)
        self.view = galera.View(A, 0, NODES)
        self.acknowledged = 0
        self.starts = 0

    def etcd_answers(self):
        return 2 * sum(self.power[name] and self.etcd[name] for name in NODES) > len(NODES)

    def newest(self):
        return max(self.data[name] for name in self.running)

    def changed(self):
        """A change of members is a change like others; agents record it where they can."""
        for name in self.running:
            self.data[name] += 1
        if self.running and self.etcd_answers():
            self.view = galera.View(A, self.newest(), tuple(sorted(self.running)))

    def leave(self, name, *, orderly):
        self.waited[name] = 0.0
        if name in self.running:
            before = len(self.running)
            self.running.discard(name)
            if not orderly and 2 * len(self.running) <= before:
                self.running = set()  # no majority: those that are left start again, and wait
            self.changed()

    def cut_power(self, name):
        self.power[name] = False
        self.leave(name, orderly=False)

    def cut_all_power(self, _):
        self.power = dict.fromkeys(NODES, False)
        self.waited = dict.fromkeys(NODES, 0.0)
        self.running = set()

    def shut_down(self, name):
        self.leave(name, orderly=True)
        self.power[name] = False

    def power_on(self, name):
        self.power[name] = True

    def toggle_etcd(self, name):
        self.etcd[name] = not self.etcd[name]

    def write(self, _):
        recorded = set(self.view.members) == self.running
        if self.running and galera.served(len(self.running), len(NODES), recorded=recorded):
            for name in self.running:
                self.data[name] += 1
            self.acknowledged = self.newest()

    def wait(self, _):
        waiting = [name for name in NODES if self.power[name] and name not in self.running]
        for name in waiting:
            self.waited[name] += self.chance.choice([1.0, 200.0])
        if self.running and waiting:
            newest = self.newest()
            for name in waiting:
                self.data[name], self.waited[name] = newest, 0.0
            self.running |= set(waiting)
            self.changed()
        elif self.etcd_answers():
            positions = {name: at(self.data[name], waited=self.waited[name]) for name in waiting}
            chosen = starters(positions, self.view)
            assert len(chosen) <= 1
            if chosen:
                self.starts += 1
                self.running = set(chosen)
                assert self.data[chosen[0]] >= self.acknowledged, "a write that was acknowledged is lost"
                self.changed()

    def step(self):
        events = (
            self.cut_power,
            self.cut_all_power,
            self.shut_down,
            self.power_on,
            self.power_on,
            self.toggle_etcd,
            self.write,
            self.wait,
        )
        self.chance.choice(events)(self.chance.choice(NODES))
        if all(self.power.values()) and not self.running:
            assert starters({name: at(self.data[name]) for name in NODES}, self.view), "all are back, and none starts"


@pytest.mark.parametrize("seed", range(10))
def test_whatever_fails_no_write_is_lost_and_all_comes_back(seed):
    world = World(random.Random(seed))
    for _ in range(3000):
        world.step()
    assert world.starts > 3  # it did come to that
