import pytest
from engine_fakes import Fake
from hypothesis import given
from hypothesis import strategies as st

from scs_rack.engine.graph import layers, named, select
from scs_rack.errors import UsageError

STAGES = [
    Fake("cloud", ("ceph", "platform")),
    Fake("bmc"),
    Fake("switches"),
    Fake("base", ("bmc", "switches")),
    Fake("ceph", ("base",)),
    Fake("platform", ("base",)),
]


def names(stages):
    return [stage.name for stage in stages]


def test_independent_stages_share_a_layer():
    assert [names(layer) for layer in layers(STAGES)] == [
        ["bmc", "switches"],
        ["base"],
        ["ceph", "platform"],
        ["cloud"],
    ]


def test_to_takes_all_that_is_needed():
    assert names(select(STAGES, last="ceph")) == ["bmc", "switches", "base", "ceph"]


def test_from_takes_all_that_follows():
    assert names(select(STAGES, first="base")) == ["base", "ceph", "platform", "cloud"]


def test_from_to_takes_what_lies_between():
    assert names(select(STAGES, first="ceph", last="cloud")) == ["ceph", "cloud"]


def test_from_a_later_to_an_earlier_stage_is_refused():
    with pytest.raises(UsageError, match="base does not come after cloud"):
        select(STAGES, first="cloud", last="base")


def test_an_unknown_stage_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="no stage nova") as caught:
        select(STAGES, last="nova")
    assert "ceph" in caught.value.hint


def test_a_circle_is_named():
    with pytest.raises(UsageError, match="circle"):
        layers([Fake("a", ("b",)), Fake("b", ("a",))])


def test_a_need_that_does_not_exist_is_named():
    with pytest.raises(UsageError, match="a needs b"):
        layers([Fake("a", ("b",))])


def test_stages_by_name_come_in_working_order():
    assert names(named(STAGES, ["cloud", "base"])) == ["base", "cloud"]


@given(st.data())
def test_any_graph_gives_an_order_that_works(data):
    count = data.draw(st.integers(1, 8))
    needs = [data.draw(st.sets(st.integers(0, number - 1))) if number else set() for number in range(count)]
    stages = [Fake(f"s{number}", tuple(f"s{need}" for need in needs[number])) for number in range(count)]
    shuffled = data.draw(st.permutations(stages))
    last = data.draw(st.sampled_from(stages)).name
    chosen = select(shuffled, last=last)
    places = {stage.name: place for place, stage in enumerate(chosen)}
    assert all(places[need] < places[stage.name] for stage in chosen for need in stage.needs)
    assert chosen[-1].name == last or last in places
    assert sum(len(layer) for layer in layers(shuffled)) == count
