import pytest

from scs_rack.engine.stage import Context
from scs_rack.sonic import order
from scs_rack.sonic.generate import config_db, day0
from scs_rack.sonic.order import cut_off, routed_links, together, waves, would_cut_off
from scs_rack.sonic.plan import Plan
from scs_rack.sonic.verify import Session

from .racks import shipped


def planned(design, name, running=None, *, change=True):
    """A plan of a switch in service that changes its port's MTU."""
    running = running or config_db(design, name)
    port = next(iter(running["PORT"]))
    ports = {**running["PORT"], port: {**running["PORT"][port], "mtu": "1500"}}
    return Plan(name, running, running).towards({**running, "PORT": ports} if change else running)


@pytest.fixture(scope="module")
def fabric():
    return shipped("fabric")


def test_no_two_of_a_pair_at_the_same_time_and_pairs_together(fabric):
    serving = [name for name, one in fabric.switches.items() if one.role != "oob"]
    found = together(fabric, serving)
    assert sorted(name for wave in found for name in wave) == sorted(serving)
    assert len(found) == 2, found  # two spines, two pairs of leaves: one half, then the other
    for wave in found:
        assert len([name for name in wave if fabric.switches[name].role == "spine"]) == 1
        for name in wave:
            for other in set(wave) - {name}:
                shared = {use.peer for use in fabric.switches[name].ports.values()} & {
                    use.peer for use in fabric.switches[other].ports.values()
                }
                assert not shared - fabric.switches.keys()
        assert cut_off(routed_links(fabric), wave) == frozenset()


def test_what_is_cut_off_is_what_hangs_on_the_taken_alone():
    edges = frozenset(map(frozenset, [("a", "s"), ("b", "s"), ("a", "t"), ("b", "t"), ("h", "a"), ("g", "b")]))
    assert cut_off(edges, ["s"]) == frozenset()
    assert cut_off(edges, ["a"]) == {"h"}
    assert len(cut_off(edges, ["s", "t"])) == 2  # halves


def test_oob_first_one_by_one_then_new_ones_then_those_in_service(fabric, tmp_path):
    ctx = Context(fabric, tmp_path, tmp_path, tmp_path, {})
    names = list(fabric.switches)
    new = next(name for name in names if fabric.switches[name].role == "leaf")
    plans = [planned(fabric, name, day0(fabric, name) if name == new else None) for name in reversed(names)]
    found = [[one.name for one in wave] for wave in waves(ctx, plans)]
    oob = [name for name in names if fabric.switches[name].role == "oob"]
    assert sorted(found[: len(oob)]) == sorted([name] for name in oob)
    assert found[len(oob)] == [new]
    assert waves(ctx, [planned(fabric, new, change=False)]) == []


def test_only_names_change_nothing_that_needs_an_order(fabric, tmp_path):
    ctx = Context(fabric, tmp_path, tmp_path, tmp_path, {})
    plans = []
    for name in fabric.switches:
        running = config_db(fabric, name)
        port = next(iter(running["PORT"]))
        ports = {**running["PORT"], port: {**running["PORT"][port], "description": "x"}}
        plans.append(Plan(name, running, running).towards({**running, "PORT": ports}))
    assert len(waves(ctx, plans)) == 1


def test_a_switch_is_left_alone_while_its_partner_is_down(fabric, tmp_path, monkeypatch):
    ctx = Context(fabric, tmp_path, tmp_path, tmp_path, {})
    leaves = [name for name, one in fabric.switches.items() if one.role == "leaf"]
    dead = leaves[0]

    def sessions(switch):
        uses = fabric.switches[switch.name].ports.values()
        return {
            use.port: Session(1, "Idle" if dead in (switch.name, use.peer) else "Established")
            for use in uses
            if use.use in ("fabric", "host")
        }

    monkeypatch.setattr(order, "sessions", sessions)
    hosts = {use.peer for use in fabric.switches[dead].ports.values() if use.use == "host"}
    partner = next(
        name
        for name in leaves[1:]
        if hosts & {use.peer for use in fabric.switches[name].ports.values() if use.use == "host"}
    )
    other = next(name for name in leaves[1:] if name != partner)
    refused = would_cut_off(ctx, [planned(fabric, partner), planned(fabric, other)])
    assert refused.keys() == {partner}
    assert "would be cut off" in refused[partner].message
    assert would_cut_off(ctx, [planned(fabric, dead)]) == {}
