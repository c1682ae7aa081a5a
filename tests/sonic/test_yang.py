"""The judge with a model of our own: what it finds, where it says that it is, and how it reads models."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scs_rack.sonic.yang.judge import Judge, NoJudge
from scs_rack.sonic.yang.schema import Schema
from scs_rack.sonic.yang.statements import BadYang, parse
from scs_rack.sonic.yang.translate import Translation, origin

pytest.importorskip("oopt_gnpy_libyang", reason="needs the package oopt-gnpy-libyang (Linux on x86-64)")

MODELS = Path(__file__).parent / "models"
GOOD = {
    "DEMO_PORT": {"Demo1": {"speed": "10", "state": "up", "words": ["x", "y"], "extra": "3"}, "Demo2": {"speed": 40}},
    "DEMO_MEMBER": {"g|Demo1": {"weight": "most"}, "g|Demo2": {"NULL": "NULL"}, "alone": {}, "v|Any": {"vrf": "blue"}},
    "DEMO_GLOBAL": {"settings": {"level": "9", "deep": {"x": "1"}}, "flag": "true"},
    "DSCP_TO_TC_MAP": {"AZURE": {"0": "1", "48": "6"}},
    "NTP": {"global": {"src_intf": "eth0;Loopback0"}},
}


@pytest.fixture(scope="module")
def judge():
    return Judge(MODELS)


def said(judge, tables):
    return sorted(f"{fault.kind} {fault} [{fault.hint}]" for fault in judge.judge(tables))


def changed(table, key, **fields):
    rows = {**GOOD[table], key: {**GOOD[table].get(key, {}), **fields}}
    return {**GOOD, table: rows}


def test_what_is_right_is_not_objected_to(judge):
    assert said(judge, GOOD) == []
    assert said(judge, {}) == []


CASES = {
    "value DEMO_PORT|Demo1.speed: '7' is out of range [takes 10..100]": changed("DEMO_PORT", "Demo1", speed="7"),
    "value DEMO_PORT|Demo1.speed: 'x' is no number that fits [takes 10..100]": changed("DEMO_PORT", "Demo1", speed="x"),
    "value DEMO_PORT|Demo1.state: 'on' is not allowed here [takes one of up, down]": changed(
        "DEMO_PORT", "Demo1", state="on"
    ),
    "value DEMO_PORT|Demo1.mode: 'x' has not the form that it must have [takes one of routed, bridged]": changed(
        "DEMO_PORT", "Demo1", mode="x"
    ),
    "value DEMO_PORT|Demo1.on: 'yes' is not allowed here [takes true or false]": changed(
        "DEMO_PORT", "Demo1", on="yes"
    ),
    "value DEMO_PORT|Demo1.extra: '10' is out of range [takes 1..9]": changed("DEMO_PORT", "Demo1", extra="10"),
    "value DEMO_PORT|Demo1.more.added: '0' is out of range [takes 1..9]": changed(
        "DEMO_PORT", "Demo1", more={"added": "0"}
    ),
    "constraint DEMO_PORT|Demo3.speed: is missing [takes 10..100]": changed("DEMO_PORT", "Demo3"),
    "schema DEMO_PORT|Demo1.sped: the models know no such field [did you mean speed?]": changed(
        "DEMO_PORT", "Demo1", sped="10"
    ),
    "schema DEMO_PORT|Demo1.speed: holds a list, and one value belongs here [takes 10..100]": changed(
        "DEMO_PORT", "Demo1", speed=["10"]
    ),
    "schema DEMO_PORT|Demo1.words: holds nothing, and a value belongs here []": changed(
        "DEMO_PORT", "Demo1", words=None
    ),
    "schema DEMO_PORT|Demo1.state: holds fields, and a value belongs here [takes one of up, down]": changed(
        "DEMO_PORT", "Demo1", state={"a": "b"}
    ),
    "reference DEMO_MEMBER|g|Demo9.port: there is no DEMO_PORT|Demo9 [add it, or take this out]": changed(
        "DEMO_MEMBER", "g|Demo9", weight="1"
    ),
    "constraint DEMO_MEMBER|light|Demo1.weight: A light group takes weights below ten. []": changed(
        "DEMO_MEMBER", "light|Demo1", weight="10"
    ),
    "value DEMO_MEMBER|g|Demo1.weight: 'least' is not allowed here [takes one of most]": changed(
        "DEMO_MEMBER", "g|Demo1", weight="least"
    ),
    "schema DEMO_MEMBER|a|b|c: the key does not fit the models [a key here is group|port or group]": changed(
        "DEMO_MEMBER", "a|b|c"
    ),
    "value DEMO_GLOBAL|settings.level: '0' is out of range [takes 1..9]": changed("DEMO_GLOBAL", "settings", level="0"),
    "value DEMO_GLOBAL|settings.deep.x: '300' is no number that fits []": changed(
        "DEMO_GLOBAL", "settings", deep={"x": "300"}
    ),
    "unknown-table DEMO_PORTS: the models know no such table [did you mean DEMO_PORT?]": {**GOOD, "DEMO_PORTS": {}},
    "schema DEMO_PORT: a table holds rows: key and fields []": {"DEMO_PORT": []},
    "schema DEMO_PORT|Demo1: a row holds fields and values []": {"DEMO_PORT": {"Demo1": "x"}},
    "schema DEMO_IGNORED|x: the key does not fit the models []": {"DEMO_IGNORED": {"x": {}}},
}


@pytest.mark.parametrize("fault", CASES)
def test_each_fault_is_said_where_it_is(fault, judge):
    assert said(judge, CASES[fault]) == [fault]


def test_a_bad_key_is_said_at_its_row(judge):
    (fault,) = judge.judge(changed("DEMO_PORT", "Port 1", speed="10"))
    assert (fault.table, fault.key, fault.field) == ("DEMO_PORT", "Port 1", "")
    assert fault.hint == "takes text like Demo[0-9]+"


def test_fields_that_are_data_are_judged_by_name(judge):
    found = judge.judge({"DSCP_TO_TC_MAP": {"AZURE": {"0": "9", "99": "1"}}})
    assert sorted(map(str, found)) == [
        "DSCP_TO_TC_MAP|AZURE.0: '9' is out of range",
        "DSCP_TO_TC_MAP|AZURE.99: '99' is out of range",
    ]


def test_all_faults_at_once(judge):
    tables = {"DEMO_PORT": {"Demo1": {"speed": "7", "state": "on", "foo": "1"}, "Demo2": {}}, "X": {}}
    assert len(judge.judge(tables)) == 5


def test_a_verdict_leaves_nothing_behind(judge):
    before = said(judge, CASES["constraint DEMO_PORT|Demo3.speed: is missing [takes 10..100]"])
    assert said(judge, GOOD) == []
    assert said(judge, CASES["constraint DEMO_PORT|Demo3.speed: is missing [takes 10..100]"]) == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(
    tables=st.dictionaries(
        st.sampled_from([*GOOD, "X"]), JSON | st.dictionaries(st.sampled_from(["Demo1", "a|b"]), JSON)
    )
)
def test_any_json_is_judged(tables, judge):
    for fault in judge.judge(tables):
        assert fault.message


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/sonic-port:sonic-port/PORT/PORT_LIST[name='Ethernet0']/mtu", ("PORT", "Ethernet0", "mtu")),
        ("/m:m/I/I_LIST[name='Ethernet0'][ip-prefix='fd00::1/64']", ("I", "Ethernet0|fd00::1/64", "")),
        ('/m:m/T/T_LIST[name="it\'s"]/x', ("T", "it's", "x")),
        ("/m:m/T/global/level", ("T", "global", "level")),
        ("/m:m/M/M_LIST[name='A']/M[dscp='3']/tc", ("M", "A", "3")),
        ("/m:m/N/N_LIST[vrf='default'][n='x']/route_map_in[.='ALLOW']", ("N", "default|x", "route_map_in")),
        ("/sonic-m:T_LIST[b='x'][c='y']/b", ("T", "", "b")),
        ("", ("", "", "")),
    ],
)
def test_where_a_path_of_the_models_leads(path, place):
    assert origin(path) == place


def test_values_are_text_as_in_config_db():
    tables = {"NTP": {"global": {"src_intf": "eth0;Loopback0"}}, "DEMO_GLOBAL": {"flag": True}}
    data = Translation(Schema(MODELS), tables).data["sonic-demo:sonic-demo"]
    assert data["NTP"]["global"]["src_intf"] == ["eth0", "Loopback0"]
    assert data["DEMO_GLOBAL"]["flag"] == "true"


def test_a_module_is_read_with_comments_quotes_and_joined_texts():
    module = parse('module m { /* a */ x "a\\"b" + \'c\' + "d\\n"; // e\n y { z 1; } w "http://x/*y*/"; }')
    assert [(one.keyword, one.argument) for one in module.children] == [
        ("x", 'a"bcd\n'),
        ("y", ""),
        ("w", "http://x/*y*/"),
    ]
    assert module.children[1].value("z") == "1"


@pytest.mark.parametrize(
    "text", ["", "module m {", "module m { } }", "module m { x }", "{ }", 'module m { x "y; }', "a; b;"]
)
def test_what_is_no_yang_is_refused(text):
    with pytest.raises(BadYang):
        parse(text)


def test_a_folder_without_models_is_refused(tmp_path):
    with pytest.raises(NoJudge, match=r"no \*.yang"):
        Judge(tmp_path)
    (tmp_path / "x.yang").write_text("module x { yang-version 1.1; namespace urn:x; prefix x; import y { prefix y; } }")
    with pytest.raises(NoJudge, match="no models that can be used"):
        Judge(tmp_path)


def test_without_libyang_it_is_said_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "oopt_gnpy_libyang", None)
    with pytest.raises(NoJudge, match="needs the package oopt-gnpy-libyang") as caught:
        Judge(MODELS)
    assert "pip install" in caught.value.hint
