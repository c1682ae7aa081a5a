"""Secrets of switches: named in what is generated, put in at the end, never shown."""

import json

import pytest

from scs_rack import vault
from scs_rack.design.switch_secrets import PREFIX, switch_secrets
from scs_rack.errors import UsageError
from scs_rack.report.files import rendered
from scs_rack.sonic.generate import config_db
from scs_rack.sonic.secrets import filled
from scs_rack.sonic.tables import RowChange, compare, diff, masked

from .options import everything
from .racks import shipped

VALUES = {
    "switch_tacacs_key": "k3yk3yk3y",
    "switch_snmp_monitor_auth": "auth-one",
    "switch_snmp_monitor_priv": "priv-one",
    "switch_snmp_writer_auth": "auth-two",
    "switch_snmp_writer_priv": "priv-two",
}


def test_generated_tables_name_secrets_and_hold_none():
    design = everything("202505")
    assert set(switch_secrets(design)) == set(VALUES)
    assert set(VALUES) <= set(vault.names(design))
    assert switch_secrets(shipped("lab")) == ()
    text = json.dumps(config_db(design, "leaf1"))
    assert text.count(PREFIX) == len(VALUES)
    files = rendered(design)
    assert not any(value in content for value in VALUES.values() for content in files.values())


def test_secrets_are_put_in(yang):
    tables = filled(config_db(everything("202505"), "leaf1"), VALUES)
    assert tables["TACPLUS"]["global"]["passkey"] == "k3yk3yk3y"
    assert tables["SNMP_USER"]["writer"]["SNMP_USER_AUTH_PASSWORD"] == "auth-two"
    assert PREFIX not in json.dumps(tables)
    assert yang("202505", tables) == []


def test_a_secret_that_is_missing_is_named():
    with pytest.raises(UsageError) as caught:
        filled(config_db(everything("202505"), "leaf1"), {"switch_snmp_monitor_auth": "x"})
    assert "switch_tacacs_key" in caught.value.message
    assert "scs-rack secrets set" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("switch_tacacs_key", "a,b"),
        ("switch_tacacs_key", "a#b"),
        ("switch_tacacs_key", "a b"),
        ("switch_tacacs_key", ""),
        ("switch_tacacs_key", "x" * 66),
        ("switch_snmp_monitor_auth", "short"),
        ("switch_snmp_monitor_auth", "eight@chars"),
        ("switch_snmp_writer_priv", "eight:chars"),
    ],
)
def test_a_secret_that_sonic_does_not_take_is_refused_by_name_only(name, value):
    with pytest.raises(UsageError, match=name) as caught:
        filled(config_db(everything("202505"), "leaf1"), VALUES | {name: value})
    assert not value or value not in str(caught.value)


def test_a_plan_without_secrets_has_valid_tables(yang):
    design = everything("202505")
    tables = filled(config_db(design, "leaf1"), vault.placeholders(design, {}))
    assert yang("202505", tables) == []


def test_differences_tell_that_a_secret_changes_and_not_which():
    before = {"TACPLUS": {"global": {"passkey": "old", "timeout": "5"}}, "SNMP_COMMUNITY": {"public": {"TYPE": "RO"}}}
    after = {"TACPLUS": {"global": {"passkey": "new", "timeout": "5"}}}
    changes = compare(before, after)
    text = diff(changes)
    assert text.splitlines() == [
        "- SNMP_COMMUNITY|(secret) TYPE=RO",
        "~ TACPLUS|global passkey: (secret) → (another secret)",
    ]
    assert not {"old", "new", "public"} & set(str([change.shown for change in changes]).replace("'", " ").split())
    added = RowChange("TACPLUS", "global", None, {"passkey": "new"})
    assert added.text == "+ TACPLUS|global passkey=(secret)"


def test_tables_for_people_hold_no_secret():
    tables = {**filled(config_db(everything("202505"), "leaf1"), VALUES), "SNMP_COMMUNITY": {"hush": {"TYPE": "RO"}}}
    shown = masked(tables)
    assert not [value for value in (*VALUES.values(), "hush") if value in json.dumps(shown)]
    assert shown["SNMP_COMMUNITY"] == {"(secret 1)": {"TYPE": "RO"}}
    assert shown["PORT"] == tables["PORT"]


def test_a_lost_tacacs_key_is_asked_for(tmp_path):
    (tmp_path / vault.PASSWORD_FILE).write_text("x\n", encoding="utf-8")
    with pytest.raises(UsageError, match="TACACS"):
        vault.ensure(tmp_path, everything("202505"))
