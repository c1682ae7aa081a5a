"""Rows of keys: how often they may move on, and what of them is never missing."""

import datetime as dt
from pathlib import Path

import pytest

from scs_rack import vault
from scs_rack.design import make_design
from scs_rack.errors import UsageError
from scs_rack.model.load import load_rack
from scs_rack.rotation import keys, rotate

DESIGN = make_design(load_rack(Path(__file__).resolve().parents[2] / "inventory/lab"))


def turned(stored, times):
    for number in range(times):
        changes = keys.turned(stored | {"fernet_next": f"k{number}"}, "fernet")
        stored = {name: value for name, value in (stored | changes).items() if value is not None}
        del stored["fernet_old"]
    return stored


def aged(stored, hours):
    ago = dt.timedelta(hours=hours).total_seconds()
    return stored | {keys.TIMES: " ".join(str(int(one) - int(ago)) for one in stored[keys.TIMES].split())}


ROW = {"fernet_0": "a", "fernet_1": "b"}


def test_a_key_whose_tokens_may_still_be_shown_is_not_let_out():
    assert keys.too_early(ROW) is None
    four = turned(ROW, 4)
    assert keys.row(four, "fernet") == [0, 1, 2, 3, 4, 5]
    assert "may be shown until" in keys.too_early(four)
    assert "may be shown until" in keys.too_early(aged(four, 71))
    assert keys.too_early(aged(four, 73)) is None
    assert keys.too_early(turned(ROW, 3)) is None
    late = turned(aged(four, 73), 1)  # the next one to go out encrypted until 73 hours ago too
    assert keys.too_early(late) is None
    assert len(turned(late, 9)[keys.TIMES].split()) == keys.KEPT


def test_a_rack_from_before_times_were_kept_may_rotate():
    four = turned(ROW, 4)
    del four[keys.TIMES]
    assert keys.too_early(four) is None


def test_named_it_is_refused_and_of_all_it_is_left_out_unless_begun():
    stored = dict.fromkeys(vault.names(DESIGN), "x") | turned(ROW, 4)
    with pytest.raises(UsageError, match="fernet: tokens of the key"):
        rotate.chosen(DESIGN, stored, ["fernet"], everything=False)
    everything = rotate.chosen(DESIGN, stored, [], everything=True)
    assert "fernet" not in everything
    assert "credential" in everything
    assert "fernet" in rotate.chosen(DESIGN, stored | {"fernet_old": "see the row"}, [], everything=False)


def test_a_key_that_went_out_of_its_row_is_not_missing(tmp_path):
    stored = turned(dict.fromkeys(vault.names(DESIGN), "x"), 8)
    del stored["credential_1"]
    assert "fernet_1" not in stored
    assert vault.lacking(DESIGN, stored) == ["credential_1"], "this row has no key that encrypts"
    assert list(vault.placeholders(DESIGN, stored)) == ["credential_1"]


def test_a_rotation_of_what_the_rack_has_no_more_stops_nobody():
    stored = dict.fromkeys(vault.names(DESIGN), "x") | {"db_designate_next": "y"}
    assert rotate.chosen(DESIGN, stored, ["db_nova"], everything=False) == ["db_nova"]
