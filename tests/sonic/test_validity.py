"""Whole verdicts: files and lines, models and where they come from, switch models, random racks, and another judge."""

import base64
import copy
import gzip
import hashlib
import io
import json
import re
import tarfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scs_rack.errors import UsageError
from scs_rack.sonic.config_text import Unreadable, parse_config, read_config
from scs_rack.sonic.fault import Fault
from scs_rack.sonic.generate import config_db, day0
from scs_rack.sonic.hardware import hardware_faults
from scs_rack.sonic.links import links_of
from scs_rack.sonic.rows import stored
from scs_rack.sonic.validity import enterprise_marks, judge, masked, stated_release, verdict, verdicts
from scs_rack.sonic.yang.models import BadModels, Models, take_from_switch

from .configs import base, pair
from .fabrics import fabrics
from .test_yang import MODELS as OWN

TEXT = """{
  "PORT": {
    "Ethernet0": {
      "lanes": "1,2",
      "speed": "7"
    },
    "Ethernet0": {"lanes": "1"}
  },
  "VLAN": {"Vlan1": {"a": {"deep": ["x", {"y": 1}]}, "b": "\\u007b"}}, "EMPTY": {}
}
"""


def test_lines_of_tables_keys_and_fields():
    found = parse_config(TEXT, "x.json")
    assert found.line(Fault("", "PORT")) == 2
    assert found.line(Fault("", "PORT", "Ethernet0", "speed")) == 5
    assert found.line(Fault("", "PORT", "Ethernet0", "mtu")) == 7
    assert found.line(Fault("", "VLAN", "Vlan9", "x")) == 9
    assert found.line(Fault("", "NONE")) is None
    assert [str(fault) for fault in found.repeated] == [
        "PORT|Ethernet0: stands twice, in line 3 and in line 7: the first one is lost"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"x:1: no JSON: Expecting value"),
        ('{\n "PORT": {},\n}', r"x:3: no JSON: .*double quotes"),
        ("[]", "x: no CONFIG_DB"),
        ('"PORT"', "x: no CONFIG_DB"),
        ("[" * 100_000, "x.* no "),
    ],
)
def test_what_is_no_config_db_is_refused(text, message):
    with pytest.raises(Unreadable, match=message):
        parse_config(text, "x")


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "x").write_bytes(b"\xff\xfe{")
    for path, message in ((tmp_path / "x", "no UTF-8 text"), (tmp_path, "Is a directory"), (tmp_path / "y", "No such")):
        with pytest.raises(Unreadable, match=message):
            read_config(path)


KEYS = st.text(max_size=4)
NESTED = st.recursive(
    st.none() | st.text(max_size=5), lambda one: st.lists(one, max_size=2) | st.dictionaries(KEYS, one, max_size=3)
)


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(KEYS, st.dictionaries(KEYS, st.dictionaries(KEYS, NESTED, max_size=3), max_size=3), max_size=3))
def test_every_key_has_the_line_where_it_stands(tables):
    text = json.dumps(tables, indent=1)
    found = parse_config(text, "x")
    assert found.tables == tables
    assert not found.repeated
    lines = text.splitlines()
    for path, line in found.lines.items():
        assert json.dumps(path[-1]) in lines[line - 1]
    assert set(found.lines) >= {(table, key) for table, rows in tables.items() for key in rows}


def archive(files, **member):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for field, value in member.items():
                setattr(info, field, value)
            tar.addfile(info, io.BytesIO(data))
    return base64.b64encode(packed.getvalue()).decode()


class FakeSwitch:
    """Answers as a switch with the models of our tests; what it sends may be spoilt."""

    def __init__(self, answer=None, digest=None):
        self.files = {path.name: path.read_bytes() for path in OWN.glob("*.yang")}
        content = b"".join(self.files[name] for name in sorted(self.files))
        self.digest = hashlib.sha256(content).hexdigest() if digest is None else digest
        self.answer = archive(self.files) if answer is None else answer
        self.asked = []

    def ask(self, command):
        self.asked.append(command)
        return f"{self.digest}  -\n" if "sha256sum" in command else self.answer


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SCS_RACK_CACHE", str(tmp_path))
    return tmp_path / "yang-models"


def test_models_of_a_switch_are_taken_once(cache):
    switch = FakeSwitch()
    folder = take_from_switch(switch.ask, "202505")
    assert folder == cache / switch.digest
    assert {path.name for path in folder.iterdir()} == set(switch.files)
    assert Models().releases[0] == "202505"
    assert Models().path("202505").resolve() == folder.resolve()
    take_from_switch(switch.ask, "202511")
    assert len([command for command in switch.asked if "tar" in command]) == 1
    assert Models().path("202511").resolve() == folder.resolve()
    assert Models().judge("202411") is None
    assert not list(cache.glob(".*"))


HOSTILE = {
    "no hash": FakeSwitch(digest="no such folder"),
    "no archive": FakeSwitch(answer="hello"),
    "half an archive": FakeSwitch(answer=FakeSwitch().answer[:-200]),
    "other content": FakeSwitch(digest="0" * 64),
    "empty": FakeSwitch(answer=archive({})),
    "a path": FakeSwitch(answer=archive({"../x.yang": b"x"})),
    "a link": FakeSwitch(answer=archive({"x.yang": b""}, type=tarfile.SYMTYPE, linkname="/etc/passwd")),
    "too much": FakeSwitch(answer=archive({"x.yang": b"0" * (33 * 1024 * 1024)})),
    "no tar": FakeSwitch(answer=base64.b64encode(gzip.compress(b"x" * 5000)).decode()),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_set_of_models_is_refused_and_leaves_nothing(what, cache):
    with pytest.raises(BadModels):
        take_from_switch(HOSTILE[what].ask, "202505")
    assert list(cache.glob("**/*")) == [] or not any(path.is_file() for path in cache.glob("**/*"))


def test_a_folder_of_models_that_was_named_must_have_some(tmp_path):
    with pytest.raises(UsageError, match="no YANG models in"):
        Models(tmp_path)
    assert Models(OWN).path("anything") == OWN


def test_a_table_without_a_model_by_release():
    models = Models(OWN)
    for release, what in (("202411", "loads it without a check"), ("202505", "refuses the file")):
        (fault,) = verdict({"X": {}}, release, models).faults
        assert (fault.severity, what in fault.hint) == ("warning", True)
        assert verdict({"X": {}}, release, models, strict_tables=True).errors
    assert not verdict({"X": {}}, "202505", None).by_models


def test_without_models_the_form_is_judged_and_our_rules():
    tables = {**base(), "BAD": [], "VLAN_MEMBER": {"Vlan7|Ethernet9": {}, "x": 1}}
    assert {str(fault) for fault in verdict(tables, "202505", None).errors} == {
        "BAD: a table holds rows: key and fields",
        "VLAN_MEMBER|x: a row holds fields and values",
        "VLAN_MEMBER|Vlan7|Ethernet9: there is no Vlan7",
    }


def test_findings_name_the_switch():
    configs = pair()
    configs["leaf1"]["PORT"]["Ethernet0"]["mtu"] = "1500"
    (found,) = judge(configs, dict.fromkeys(configs, "202505"), None)
    assert (found.type, found.where) == ("config-invalid", "leaf1 PORT|Ethernet0.mtu")


def test_no_secret_is_told(sonic_models):
    tables = {
        "TACPLUS": {"global": {"passkey": "my secret, with a comma"}},
        "SNMP_COMMUNITY": {"xyz": {"TYPE": "RX"}},
        "SNMP_USER": {"someone": {"SNMP_USER_AUTH_PASSWORD": "hunter2'\""}},
    }
    faults = verdict(tables, "202505", sonic_models).faults
    told = [f"{masked(fault)} {fault.hint}" for fault in faults]
    assert len([line for line in told if "the value" in line or "(secret)" in line]) >= 2
    assert not [line for line in told if "my secret" in line or "xyz" in line or "hunter2" in line]
    assert not [one for one in judge({"x": tables}, {"x": "202505"}, sonic_models) if "my secret" in one.seen]


def test_images_of_vendors_are_told():
    tables = {
        "VERSIONS": {"DATABASE": {"VERSION": "version_4_0_3"}},
        "PORT": {"Ethernet0": {"parent_port": "Ethernet0"}},
    }
    assert enterprise_marks(tables) == ["VERSION version_4_0_3", "field parent_port of PORT"]
    assert stated_release(tables) is None
    community = {"VERSIONS": {"DATABASE": {"VERSION": "version_202411_01"}}}
    assert (enterprise_marks(community), stated_release(community)) == ([], "202411")


SKU = {"DEVICE_METADATA": {"localhost": {"hwsku": "Seastone-DX010"}}}
HARDWARE = {
    "PORT|Ethernet0.lanes: lanes 1,2,3,4 are not those of this port": {"PORT": {"Ethernet0": {"lanes": "1,2,3,4"}}},
    "PORT|Ethernet0.speed: can't run at 25000 Mb/s over 4 lanes": {
        "PORT": {"Ethernet0": {"lanes": "65,66,67,68", "speed": "25000"}}
    },
    "PORT|Ethernet1.speed: can't run at 100000 Mb/s over 1 lane": {
        "PORT": {"Ethernet1": {"lanes": "66", "speed": "100000"}}
    },
    "PORT|Ethernet500: celestica-dx010 has no such port": {"PORT": {"Ethernet500": {"lanes": "1"}}},
    "BREAKOUT_CFG|Ethernet0.brkout_mode: Ethernet0 can't be broken out as 8x10G": {
        "BREAKOUT_CFG": {"Ethernet0": {"brkout_mode": "8x10G"}}
    },
    "BREAKOUT_CFG|Ethernet2: celestica-dx010 has no such port to break out": {
        "BREAKOUT_CFG": {"Ethernet2": {"brkout_mode": "2x50G"}}
    },
}


@pytest.mark.parametrize("fault", HARDWARE)
def test_what_a_switch_model_cannot_do(fault):
    assert [str(one) for one in hardware_faults({**SKU, **HARDWARE[fault]})] == [fault]
    assert list(hardware_faults(HARDWARE[fault])) == []


def test_breakout_modes_where_nothing_reads_them():
    tables = {"DEVICE_METADATA": {"localhost": {"hwsku": "Accton-AS7726-32X"}}}
    (doubt,) = hardware_faults({**tables, "BREAKOUT_CFG": {"Ethernet0": {"brkout_mode": "4x25G"}}})
    assert doubt.severity == "warning"
    _, fault = hardware_faults({**tables, "BREAKOUT_CFG": {"Ethernet0": {"brkout_mode": "8x50G"}}})
    assert str(fault) == "BREAKOUT_CFG|Ethernet0.brkout_mode: Ethernet0 can't be broken out as 8x50G"


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(design=fabrics())
def test_whatever_a_rack_states_its_switches_are_valid(design, sonic_models):
    configs = {name: stored(config_db(design, name)) for name in design.switches}
    releases = {name: sonic_models.nearest(switch.release) for name, switch in design.switches.items()}
    found = verdicts(configs, releases, sonic_models, links=links_of(design), strict_tables=True)
    assert {name: list(map(str, one.faults)) for name, one in found.items() if one.faults} == {}
    assert all(one.by_models for one in found.values())
    for name in list(design.switches)[:2]:
        assert verdict(day0(design, name), releases[name], sonic_models).errors == []


def test_the_base_is_valid_by_the_models(sonic_models):
    found = verdicts(pair(), dict.fromkeys(("leaf1", "leaf2"), "202505"), sonic_models)
    assert [str(fault) for one in found.values() for fault in one.faults] == []


VALUES = st.sampled_from(["", "x", "-1", "up", "99999999", "Ethernet99", "Vlan7", "fe80::1", ["a"], {"a": "b"}])


@st.composite
def spoilt(draw):
    """The base with one to three things spoilt."""
    tables = base()
    for _ in range(draw(st.integers(1, 3))):
        table = draw(st.sampled_from(sorted(tables)))
        if not tables[table]:
            continue
        key = draw(st.sampled_from(sorted(tables[table])))
        match draw(st.sampled_from(["value", "field", "drop", "row", "key", "table"])):
            case "value" if tables[table][key]:
                tables[table][key][draw(st.sampled_from(sorted(tables[table][key])))] = draw(VALUES)
            case "field":
                tables[table][key][draw(st.sampled_from(["mtu", "vrf_name", "NULL", "foo"]))] = draw(VALUES)
            case "row":
                del tables[table][key]
            case "key":
                tables[table][draw(st.sampled_from(["x", "a|b|c", "Ethernet77", f"{key}|x"]))] = copy.deepcopy(
                    tables[table][key]
                )
            case "table":
                tables[draw(st.sampled_from(["FOO", "LOOPBACK"]))] = {}
    return tables


def places(faults):
    """Tables that faults are about, where that is told."""
    return {table for fault in faults if (table := re.split(r"[|.:]", str(fault))[0]).isupper()}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables=spoilt(), release=st.sampled_from(["202411", "202505", "master"]))
def test_two_judges_agree(tables, release, sonic_models, yang):
    ours = [fault for fault in sonic_models.judge(release).judge(tables) if fault.kind != "unknown-table"]
    theirs = [line.split(maxsplit=1)[1] for line in yang(release, tables) if not line.startswith("unknown-table")]
    assert places(ours) == places(theirs)
    assert bool(ours) == bool(theirs)
