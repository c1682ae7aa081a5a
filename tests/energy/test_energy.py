"""From readings to energy, emissions, headroom, limits and files for other programs."""

import asyncio
import json
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_rack.bmc.redfish.equipment import shelf_reading
from scs_rack.energy.cap import FLOOR, Server, spread
from scs_rack.energy.export import as_csv, prometheus
from scs_rack.energy.readings import Reading
from scs_rack.energy.store import KEPT_S, Sample, keep, samples
from scs_rack.energy.sums import co2e_kg, headroom, planned, used
from scs_rack.errors import UsageError
from scs_rack.model import Rack
from scs_rack.model.source import read_source
from scs_rack.report.curve import day_curve
from tests.sonic.racks import INVENTORY


def rack(**power):
    raw = read_source(INVENTORY / "lab/rack.yml").data
    return Rack.model_validate({**raw, "power": {**raw["power"], **power}})


def sample(time, watts, device="node1"):
    return Sample(time, device, "server", watts, measured=True)


def test_energy_is_the_area_below_the_samples():
    found = used([sample(0, 100), sample(600, 200), sample(1200, 200)])
    assert found.kwh == pytest.approx((150 * 600 + 200 * 600) / 3.6e6)
    assert found.mean_w == pytest.approx(175)


def test_what_nobody_saw_is_not_reckoned():
    found = used([sample(0, 100), sample(600, 100), sample(100_000, 100), sample(100_600, 100)])
    assert found.seen_s == 1200
    assert found.kwh == pytest.approx(100 * 1200 / 3.6e6)


@pytest.mark.parametrize("some", [[], [sample(5, 70)]])
def test_one_moment_has_no_energy(some):
    assert used(some).kwh == 0


def test_emissions_need_a_factor_and_take_the_room_in():
    assert co2e_kg(rack(), 10) is None
    feeds = {"A": {"capacity_w": 1200, "pue": 1.2}, "B": {"capacity_w": 1200, "pue": 1.4}}
    assert co2e_kg(rack(feeds=feeds, co2e_g_per_kwh=400), 10) == pytest.approx(10 * 1.3 * 0.4)


def test_feeds_share_and_take_over():
    one = rack()
    readings = [Reading(name, "server", 100.0, "dcmi") for name in one.servers]
    readings += [Reading(name, "switch", 50.0, "PSU_INFO") for name in one.switches]
    found = {feed.feed: feed for feed in headroom(one, readings)}
    assert sum(feed.watts for feed in found.values()) == pytest.approx(4 * 100 + 3 * 50)
    assert found["A"].worst_w == pytest.approx(550)  # all hangs on A when B is lost
    assert found["A"].unknown == ()


def test_who_does_not_say_counts_with_the_planning_figure():
    one = rack()
    found = {feed.feed: feed for feed in headroom(one, [Reading("node1", "server", None, "", error="no answer")])}
    assert "node1" in found["A"].unknown
    everything = sum(planned(one, name) for name in (*one.servers, *one.switches))
    assert sum(feed.watts for feed in found.values()) == pytest.approx(everything)


servers = st.dictionaries(
    st.sampled_from([f"node{number}" for number in range(9)]),
    st.tuples(st.floats(50, 2000), st.floats(0, 2000)),
    min_size=1,
)


@given(servers, st.floats(0, 500), st.floats(1, 20_000))
def test_a_limit_is_never_exceeded_and_never_starves(drawn, base, limit):
    known = {name: Server(name, highest, draw) for name, (highest, draw) in drawn.items()}
    try:
        found = spread(limit, base, known, {"silent": 100.0})
    except UsageError:
        assert limit < base + 100 + sum(FLOOR * one.highest_w for one in known.values())
        return
    assert sum(found.values()) + base + 100 <= limit + 1e-6
    assert all(int(FLOOR * one.highest_w) <= found[name] <= one.highest_w for name, one in known.items())


def test_samples_are_kept_and_old_ones_go(tmp_path):
    readings = [Reading("node1", "server", 80.0, "dcmi"), Reading("node2", "server", None, "", error="silent")]
    assert keep(tmp_path, 1000.0, readings) == 1
    assert samples(tmp_path, 0, 2000) == [sample(1000.0, 80.0)]
    keep(tmp_path, 1000.0 + KEPT_S + 1, readings)
    assert len(samples(tmp_path, 0, 1e12)) == 1


def test_a_file_that_is_no_base_is_an_error_and_stays(tmp_path):
    (tmp_path / "energy.sqlite").write_text("this is no database, and long enough to be looked at as one" * 20)
    with pytest.raises(UsageError, match=r"energy\.sqlite"):
        samples(tmp_path, 0, 1)


def test_prometheus_gets_one_line_a_figure():
    readings = [Reading("node1", "server", 80.5, "dcmi"), Reading("x", "switch", None, "")]
    text = prometheus("lab", readings, headroom(rack(), []), {"node1": 1.0})
    assert 'scs_rack_power_watts{rack="lab",device="node1",kind="server",measured="true"} 80.5' in text
    assert 'scs_rack_energy_joules_total{rack="lab",device="node1"} 3600000' in text
    assert all(re.fullmatch(r"#.*|[a-z_]+\{[^}]*\} [0-9.e+]+", line) for line in text.splitlines())


def test_csv_has_a_head_and_utc():
    assert as_csv([sample(0.0, 80.0)]).splitlines() == [
        "time,device,kind,watts,measured",
        "1970-01-01T00:00:00+00:00,node1,server,80,true",
    ]


def test_a_day_is_drawn_with_its_gaps(tmp_path):
    assert day_curve(tmp_path, 1e6) == ""
    for time in (*range(900_000, 930_000, 300), *range(960_000, 1_000_000, 300)):
        keep(tmp_path, float(time), [Reading("node1", "server", 100.0, "dcmi")])
    drawing = ET.fromstring(day_curve(tmp_path, 1e6))
    assert len([one for one in drawing.iter() if one.tag.endswith("polyline")]) == 2


RESOURCES = {
    "/equipment": {"PowerShelves": {"@odata.id": "/shelves"}},
    "/1": {"Metrics": {"@odata.id": "/1/metrics"}},
    "/2": {"Metrics": {"@odata.id": "/2/metrics"}},
    "/1/metrics": {"PowerWatts": {"Reading": 1500}, "EnergykWh": {"Reading": 10.5}},
    "/2/metrics": {"PowerWatts": {"Reading": None}},
}


class Shelves:
    """A Redfish tree of a shelf controller."""

    where = "BMC of shelf1"

    async def get(self, _path):
        return {"PowerEquipment": {"@odata.id": "/equipment"}}

    async def optional(self, path):
        return RESOURCES.get(path, {})

    async def members(self, collection):
        if collection:
            for path in ("/1", "/2"):
                yield path, RESOURCES[path]


def test_shelves_of_a_controller_are_summed():
    found = asyncio.run(shelf_reading(Shelves()))
    assert (found.watts, found.kwh) == (1500, 10.5)


def test_the_schema_has_all_of_it():
    schema = json.dumps(Rack.model_json_schema())
    assert "co2e_g_per_kwh" in schema
    assert "Shelf" in schema
