"""Cables of the fabric: plugged wrongly, cut, learnt."""

import contextlib
import json

import pytest

from .rack import until

pytestmark = pytest.mark.lab


def verify(fabric, code, *words):
    """What `cable verify` finds, once LLDP has seen it."""
    return json.loads(fabric.scs_rack("cable", "verify", "--json", "--wait", "20", *words, code=code))


def findings(found):
    return [(one["type"], one["where"]) for one in found["findings"]]


def now(fabric):
    """As `verify`, whatever it finds and without waiting; None while LLDP still changes its mind."""
    with contextlib.suppress(AssertionError):
        return verify(fabric, 1, "--wait", "0")
    with contextlib.suppress(AssertionError):
        return verify(fabric, 0, "--wait", "0")
    return None


def test_all_cables_are_right(fabric):
    found = verify(fabric, 0)
    assert found["findings"] == []
    assert found["judged"] == found["cables"] == len(fabric.design.rack.cables)


def test_swapped_plugs_are_told_and_following_the_words_mends_them(fabric):
    ports = ("leaf2:Ethernet2", "leaf2:Ethernet3")
    fabric.scs_rack("lab", "cable", "swap", *ports)
    try:
        assert until(lambda: len((now(fabric) or {"moves": []})["moves"]) == 2, 60, 2)
        said = fabric.scs_rack("cable", "verify", code=1)
        assert "host3 up1 is in leaf2 Ethernet3 (port 4), should be in leaf2 Ethernet2 (port 3)" in said
        assert "swapped with host4 up1; exchange the plugs in leaf2 Ethernet3 (port 4) and leaf2 Ethernet2" in said
    finally:
        fabric.scs_rack("lab", "cable", "swap", *ports)
    assert until(lambda: (now(fabric) or {}).get("findings") == [], 60, 2)
    if not fabric.converged(15):  # FRR may hold on to the address behind the wrong plug (sonic.renew)
        fabric.apply()
    assert fabric.converged()


def test_swapped_bmcs_are_found_by_their_addresses(fabric):
    ports = ("oob1:Ethernet4", "oob1:Ethernet5")
    fabric.scs_rack("lab", "cable", "swap", *ports)
    try:
        found = verify(fabric, 1)
        assert findings(found) == [("cables-swapped", "host1 bmc")]
        assert (
            "exchange the plugs in oob1 Ethernet5 (port 6) and oob1 Ethernet4 (port 5)" in found["findings"][0]["hint"]
        )
    finally:
        fabric.scs_rack("lab", "cable", "swap", *ports)
    verify(fabric, 0)


def test_a_dead_link(fabric):
    fabric.scs_rack("lab", "cable", "cut", "leaf3:Ethernet14")
    try:
        found = verify(fabric, 1, "--wait", "1")
        assert findings(found) == [("cable-dark", "leaf3 Ethernet14 (port 15)")]
        assert found["findings"][0]["expected"] == "spine1 Ethernet2 (port 3)"
    finally:
        fabric.scs_rack("lab", "cable", "join", "leaf3:Ethernet14")
    verify(fabric, 0)


def test_a_host_that_is_off_is_unreachable_and_the_rest_is_judged(fabric):
    fabric.scs_rack("lab", "fault", "host8", "stop")
    try:
        found = verify(fabric, 3, "--wait", "1")
        assert findings(found) == [("node-unreachable", "host8")]
        assert found["judged"] >= found["cables"] - 4
    finally:
        fabric.scs_rack("lab", "fault", "host8", "start")
    verify(fabric, 0)


def test_learning_the_cables_of_a_rack_file_that_has_none(fabric):
    text = fabric.file.read_text()
    head, _, rest = text.partition("cables:\n")
    tail = rest[rest.index("\ncloud:") :]
    try:
        fabric.file.write_text(f"{head}cables:\n{tail}")
        said = fabric.scs_rack("cable", "learn", "--dry-run")
        assert "+  - [host1:up0, leaf1:Ethernet0]" in said
        assert fabric.file.read_text() == f"{head}cables:\n{tail}"
        fabric.scs_rack("cable", "learn")
        learnt = fabric.file.read_text()
        assert learnt.startswith(head)
        assert learnt.endswith(tail)
        cables = {frozenset(map(str, cable)) for cable in fabric.design.rack.cables}
    finally:
        fabric.file.write_text(text)
    assert cables == {frozenset(map(str, cable)) for cable in fabric.design.rack.cables}


def test_learning_contradicts_nothing_unless_asked(fabric):
    text = fabric.file.read_text()
    fabric.edit(("host1:up0, leaf1:Ethernet0]", "host1:up0, leaf1:Ethernet9]   # a comment"))
    try:
        wrong = fabric.file.read_text()
        fabric.scs_rack("cable", "learn", code=2)
        assert fabric.file.read_text() == wrong
        fabric.scs_rack("cable", "learn", "--replace")
        assert fabric.file.read_text() == wrong.replace("leaf1:Ethernet9]", "leaf1:Ethernet0]")
    finally:
        fabric.file.write_text(text)
