"""Whatever cables are wrong: who follows the words ends with the plan. Judged by moving plugs in a model."""

import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from scs_rack.sonic.cabling import Seen, judge, mistakes

from .racks import shipped

FABRIC = shipped("fabric")
PLAN = [((one.device, one.port), (two.device, two.port)) for one, two in FABRIC.rack.cables]
EVERYBODY = {*FABRIC.switches, *FABRIC.nodes, "manager", "stranger"}
PLUG = r"([\w-]+ \w+)(?: \(port \S+\))?"


def both_ways(cables):
    return {mine: other for one, two in cables for mine, other in ((one, two), (two, one))}


def end(text):
    return tuple(text.split())


def follow(cables, findings):
    """Do with real plugs what the words say; returns the cables then. A port that is taken can't be plugged into."""
    plugs = [list(cable) for cable in cables]

    def plug_in(place):
        return next((cable, side) for cable in plugs for side in (0, 1) if cable[side] == place)

    for finding in findings:
        if pulled := re.search(f"pull the cable between {PLUG} and {PLUG}", finding.hint):
            cable, _ = plug_in(end(pulled[1]))
            assert end(pulled[2]) in cable
            plugs.remove(cable)
    together = []
    for finding in findings:
        if exchange := re.search(f"exchange the plugs in {PLUG} and {PLUG}", finding.hint):
            one, two = end(exchange[1]), end(exchange[2])
            (first, here), (second, there) = plug_in(one), plug_in(two)
            first[here], second[there] = two, one
        elif move := re.search(f"move the plug in {PLUG} to {PLUG}", finding.hint):
            cable, side = plug_in(end(move[1]))
            if finding.type == "cables-in-a-round":
                together.append((cable, side, end(move[2])))
                continue
            assert not any(end(move[2]) in other for other in plugs), "that port is taken"
            cable[side] = end(move[2])
    for cable, side, place in together:
        cable[side] = place
    return {frozenset(cable) for cable in plugs}


def seen_of(cables):
    found = Seen(asked=set(EVERYBODY), tables={"oob1", "oob2"})
    for one, two in both_ways(cables).items():
        if one[1] == "bmc":
            found.located[one] = {two}
        elif two[1] != "bmc":
            found.heard[one] = [two]
    return found


@st.composite
def wrong_cables(draw):
    """Some cables of the plan, some plugs permuted or in ports that should be free, some pulled, some added."""
    cables = [list(cable) for cable in PLAN]
    for _ in range(draw(st.integers(1, 3))):
        chosen = draw(st.lists(st.sampled_from(range(len(cables))), min_size=2, max_size=5, unique=True))
        side = draw(st.sampled_from((0, 1)))
        places = draw(st.permutations([cables[number][side] for number in chosen]))
        for number, place in zip(chosen, places, strict=True):
            cables[number][side] = place
    free = [("leaf2", "Ethernet9"), ("leaf3", "Ethernet9"), ("spine1", "Ethernet12"), ("stranger", "eth5")]
    for place in draw(st.lists(st.sampled_from(free), unique=True)):
        number = draw(st.sampled_from([n for n, cable in enumerate(cables) if "bmc" not in (cable[0][1], cable[1][1])]))
        cables[number][draw(st.sampled_from((0, 1)))] = place
    gone = draw(st.lists(st.sampled_from(range(len(cables))), max_size=2, unique=True))
    cables = [cable for number, cable in enumerate(cables) if number not in gone]
    if draw(st.booleans()):
        cables.append([("leaf1", "Ethernet9"), ("leaf4", "Ethernet10")])
    return [tuple(cable) for cable in cables if not (cable[0][1] == cable[1][1] == "bmc")]


@settings(max_examples=100, deadline=None)
@given(wrong_cables())
def test_who_follows_the_words_restores_the_plan(cables):
    ports = [port for cable in cables for port in cable]
    assert len(set(ports)) == len(ports)
    bmcs = {port for port in ports if port[1] == "bmc"}
    on_tables = {port for cable in cables for port in cable if set(cable) & bmcs}
    if any(port[0] not in ("oob1", "oob2") for port in on_tables - bmcs):
        return  # a BMC in a leaf is in no forwarding table that is read
    verdict = judge(FABRIC, seen_of(cables))
    after = follow(cables, verdict.findings)
    told = {frozenset(map(end, (strip(finding.where), strip(finding.expected)))) for finding in verdict.findings
            if finding.type in ("cable-silent", "cable-dark")}  # fmt: skip
    assert after == {frozenset(cable) for cable in PLAN} - told
    assert len(after) + len(told) == len(PLAN)


def strip(name):
    return name.partition(" (")[0]


@settings(max_examples=100, deadline=None)
@given(st.permutations(range(12)), st.sets(st.integers(0, 11)), st.sets(st.integers(0, 11)))
def test_no_more_moves_than_wrong_cables(order, unplugged, unplanned):
    plan = both_ways((("a", str(n)), ("b", str(n))) for n in range(12) if n not in unplanned)
    seen = both_ways((("a", str(n)), ("b", str(there))) for n, there in enumerate(order) if n not in unplugged)
    wrong = sum(plan.get(one) != two for one, two in seen.items()) // 2
    found = mistakes(plan, seen, lambda moves: (len(moves),))
    assert sum(len(one.moves) for one in found) + sum(one.extra is not None for one in found) == wrong
    for one in found:
        assert not one.round or len(one.moves) > 1


def test_nothing_is_wrong_when_all_is_as_planned():
    verdict = judge(FABRIC, seen_of(PLAN))
    assert verdict.findings == verdict.moves == []
    assert verdict.judged == len(PLAN)


def test_silence_of_a_device_blames_no_cable():
    seen = seen_of(PLAN)
    for device in ("leaf2", "host7", "oob2"):  # switched off: heard nowhere, and not asked
        seen.asked.discard(device)
        seen.tables.discard(device)
        seen.heard = {one: ends for one, ends in seen.heard.items() if device not in (one[0], ends[0][0])}
        seen.located = {one: {at for at in places if at[0] != device} for one, places in seen.located.items()}
    verdict = judge(FABRIC, seen)
    assert verdict.findings == []
    assert verdict.judged < len(PLAN)


def test_a_device_that_can_not_be_asked_is_still_heard():
    seen = seen_of(PLAN)
    seen.asked.discard("leaf2")
    seen.heard = {one: ends for one, ends in seen.heard.items() if one[0] != "leaf2"}
    seen.heard["host1", "up1"], seen.heard["host2", "up1"] = seen.heard["host2", "up1"], seen.heard["host1", "up1"]
    (finding,) = judge(FABRIC, seen).findings
    assert finding.type == "cables-swapped"


def test_random_order_of_devices_changes_nothing():
    cables = list(PLAN)
    (one, here), (two, there) = cables[8], cables[13]
    cables[8], cables[13] = (one, there), (two, here)
    seen = seen_of(cables)
    other = replace(seen, heard=dict(reversed(seen.heard.items())))
    assert judge(FABRIC, seen) == judge(FABRIC, other)
