import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest

from scs_rack.design import make_design
from scs_rack.model.load import load_rack
from scs_rack.report.drawing import Drawing, number, shorten, wrap
from scs_rack.report.elevation import RACK_WIDTH, RACK_X, elevation

SVG = "{http://www.w3.org/2000/svg}"
RACK = load_rack(Path(__file__).parents[2] / "inventory/example")


def picture(rack) -> ET.Element:
    return ET.fromstring(elevation(make_design(rack)))


def devices(top: ET.Element) -> dict[str, tuple[float, float]]:
    """Upper and lower edge of each device in the picture."""
    found = {}
    for group in top.iter(f"{SVG}g"):
        name = group.find(f"{SVG}title").text.split(":")[0]
        box = group.find(f"{SVG}rect")
        found[name] = (float(box.get("y")), float(box.get("y")) + float(box.get("height")))
    return found


def test_each_device_is_drawn_where_it_is_and_none_covers_another():
    found = devices(picture(RACK))
    assert set(found) == {*RACK.servers, *RACK.switches}
    units = {name: device.unit for name, device in (RACK.servers | RACK.switches).items()}
    below = sorted(units, key=lambda name: -units[name])
    for upper, lower in pairwise(below):
        assert found[upper][1] < found[lower][0]


def test_it_fits_on_a4():
    top = picture(RACK)
    assert top.get("width") == "210mm"
    assert float(top.get("height").removesuffix("mm")) <= 297


@pytest.mark.parametrize("height", [47, 52, 60])
def test_high_racks_fit_as_well(height):
    top = picture(RACK.model_copy(update={"height": height}))
    assert float(top.get("height").removesuffix("mm")) <= 297
    assert len(devices(top)) == 33


def test_hostile_words_stay_words():
    rack = RACK.model_copy(update={"description": '<script>alert("&")</script>', "region": "a&b"})
    top = picture(rack)
    assert not list(top.iter(f"{SVG}script"))
    assert "a&b" in {text.text for text in top.iter(f"{SVG}text")}


def test_nothing_of_a_device_leaves_the_rack():
    rack = RACK.model_copy(update={"servers": {"x" * 60: RACK.servers["ctl1"], **RACK.servers}})
    names = [text for text in picture(rack).iter(f"{SVG}text") if (text.text or "").startswith("xxx")]
    assert len(names) == 1
    assert names[0].text.endswith("…")
    assert RACK_X < float(names[0].get("x")) < RACK_X + RACK_WIDTH


def test_numbers_are_short():
    assert [number(value) for value in (1.0, 0.125, 2.5, 0.0, -3.10)] == ["1", "0.12", "2.5", "0", "-3.1"]


def test_words_are_wrapped_and_shortened():
    assert wrap("one two three", 10, 2.0) == ["one two", "three"]
    assert wrap("", 10, 2.0) == []
    assert shorten("abcdef", 4, 2.0) == "ab…"


def test_attributes_are_escaped():
    page = Drawing(1, 1, "t<", "d>")
    page.add("rect", fill='"<&')
    assert "<t" not in page.svg().replace("<title", "")
    ET.fromstring(page.svg())
