"""The order of power-on: no feed ever carries more than it may, everything is on in the end, the order is kept."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_rack.bmc.power_budget import Load, Meter, NoRoom, Start, loads, schedule
from scs_rack.model.load import load_rack

INVENTORY = Path(__file__).parents[2] / "inventory"
FEEDS = ("A", "B", "C")


@st.composite
def halls(draw: st.DrawFn) -> tuple[list[Load], dict[str, int], int | None, list[Load]]:
    """Servers in order, what feeds may carry, a budget, and servers that are on; all can be on at once."""
    found = []
    for number in range(draw(st.integers(1, 12))):
        steady = draw(st.integers(1, 900))
        feeds = tuple(draw(st.sets(st.sampled_from(FEEDS), min_size=1)))
        peak, settle = steady + draw(st.integers(0, 600)), draw(st.sampled_from([0.0, 1.0, 2.5, 8.0]))
        found.append(Load(f"n{number}", steady, peak, settle, feeds))
    on = [load for load in found if draw(st.booleans())]
    limits = {}
    for feed in FEEDS:
        carried = sum(load.steady / len(load.feeds) for load in found if feed in load.feeds)
        more = max((load.peak - load.steady) / len(load.feeds) for load in found)
        limits[feed] = int(carried + more + draw(st.integers(1, 500)))
    total = sum(load.steady for load in found) + max(load.peak - load.steady for load in found)
    budget = draw(st.one_of(st.none(), st.integers(total, total + 500)))
    return [load for load in found if load not in on], limits, budget, on


def drawn(starts: list[Start], on: list[Load], at: float, feed: str | None) -> float:
    """Watts on a feed (on all when None) at a moment, by arithmetic of the test's own."""

    def share(load: Load, watts: float) -> float:
        return watts if feed is None else watts / len(load.feeds) if feed in load.feeds else 0.0

    watts = sum(share(load, load.steady) for load in on)
    for start in starts:
        if start.at <= at:
            peak = at < start.at + start.load.settle
            watts += share(start.load, start.load.peak if peak else start.load.steady)
    return watts


@given(halls())
def test_no_feed_carries_too_much_at_any_moment(
    hall: tuple[list[Load], dict[str, int], int | None, list[Load]],
) -> None:
    wanted, limits, budget, on = hall
    meter = Meter(limits, budget, [(load.steady, load.feeds) for load in on])
    starts = schedule(wanted, meter)
    assert [start.load for start in starts] == wanted, "everything is on in the end, and the order is kept"
    assert all(one.at <= other.at for one, other in pairwise(starts))
    moments = sorted({start.at for start in starts} | {start.at + start.load.settle for start in starts})
    for moment in moments:
        for feed, limit in limits.items():
            assert drawn(starts, on, moment, feed) <= limit + 1e-6
        assert budget is None or drawn(starts, on, moment, None) <= budget + 1e-6
    carried = meter.carried()
    for feed in FEEDS:
        assert carried[feed] == pytest.approx(drawn(starts, on, 1e9, feed))


@given(halls())
def test_nobody_waits_without_need(hall: tuple[list[Load], dict[str, int], int | None, list[Load]]) -> None:
    wanted, limits, budget, on = hall
    starts = schedule(wanted, Meter(limits, budget, [(load.steady, load.feeds) for load in on]))
    for number, start in enumerate(starts):
        if start.at == 0 or start.at == starts[number - 1].at:
            continue
        before = start.at - 1e-6
        full = [
            feed for feed, limit in limits.items()
            if feed in start.load.feeds
            and drawn(starts[:number], on, before, feed) + start.load.peak / len(start.load.feeds) > limit
        ]  # fmt: skip
        over = budget is not None and drawn(starts[:number], on, before, None) + start.load.peak > budget
        assert full or over


def test_what_fits_on_no_feed_is_refused() -> None:
    meter = Meter({"A": 500}, None, [(300, ("A",))])
    with pytest.raises(NoRoom, match=r"n2.*A"):
        schedule([Load("n1", 100, 200, 1.0, ("A",)), Load("n2", 150, 150, 1.0, ("A",))], meter)


def test_a_cycle_swaps_the_steady_draw_for_the_peak() -> None:
    load = Load("n1", 300, 450, 5.0, ("A", "B"))
    meter = Meter({"A": 225, "B": 225}, None)
    meter.set(load, "steady")
    assert meter.hinders(load) == ""
    meter.set(load, "peak")
    assert meter.carried() == {"A": 225.0, "B": 225.0}


@pytest.mark.parametrize("rack", ["example", "lab"])
def test_shipped_racks_start_with_control_nodes(rack: str) -> None:
    found = load_rack(INVENTORY / rack)
    starts = schedule(loads(found), Meter.of(found))
    assert {start.load.name for start in starts} == set(found.servers)
    roles = [found.servers[start.load.name].roles for start in starts]
    control = ["control" in names for names in roles]
    assert control == sorted(control, reverse=True)
