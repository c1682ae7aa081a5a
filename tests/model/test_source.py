from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scs_rack.errors import UsageError
from scs_rack.model.source import read_source


def source(tmp_path: Path, text: str):
    path = tmp_path / "some.yml"
    path.write_text(text, encoding="utf-8")
    return read_source(path)


@pytest.mark.parametrize(
    "text",
    ["on", "yes", "10:20:30:40:50:59", "02:5c:05:00:01:00", "1e3", "0x1f", "2024-01-01", "1_000", "12.50", "true"],
)
def test_plain_scalars_stay_as_they_are_written(tmp_path, text):
    assert source(tmp_path, f"a: {text}\n").data == {"a": text}


@pytest.mark.parametrize("text", ["", "~", "null", "Null"])
def test_only_nothing_is_none(tmp_path, text):
    assert source(tmp_path, f"a: {text}\n").data == {"a": None}


def test_a_quoted_leading_zero_is_text(tmp_path):
    found = source(tmp_path, "a: '010'\nb: 0\nc: 0.5\n")
    assert found.faults == []
    assert found.data == {"a": "010", "b": "0", "c": "0.5"}


def test_keys_that_yaml_takes_for_booleans_stay_keys(tmp_path):
    assert source(tmp_path, "on: 1\nno: 2\n").data == {"on": "1", "no": "2"}


def test_each_value_knows_the_lines_of_its_key_and_itself(tmp_path):
    found = source(tmp_path, "a:\n  b: 1\n\n  c:\n    - x\n    - {d: 2, e: 3}\n")
    assert found.lines["a",] == (1, 2)
    assert found.lines["a", "c"] == (4, 5)
    assert found.lines["a", "c", 1, "e"] == (6, 6)
    assert found.line(("a", "c", 1, "missing")) == 6
    assert found.line(("a", "missing", "deeper")) == 1
    assert found.line(("nowhere",)) == 1


def test_merge_keys_give_way_to_what_stands_beside_them(tmp_path):
    found = source(tmp_path, "x: &x {a: 1, b: 2}\ny: {b: 3, <<: *x}\nz:\n  <<: [{a: 4}, *x]\n")
    assert found.data["y"] == {"a": "1", "b": "3"}
    assert found.data["z"] == {"a": "4", "b": "2"}
    assert found.lines["y", "b"] == (2, 2)


def test_the_first_of_two_equal_keys_counts(tmp_path):
    found = source(tmp_path, "a: 1\nb: 2\na: 3\n")
    assert found.data == {"a": "1", "b": "2"}
    assert [(fault.check, fault.line) for fault in found.faults] == [("duplicate-key", 3)]


def test_aliases_that_multiply_are_stopped(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    found = source(tmp_path, "\n".join(lines))
    assert [fault.check for fault in found.faults] == ["yaml-alias"]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="can't read"):
        read_source(tmp_path / "none.yml")


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60))
def test_any_text_is_data_or_a_fault(tmp_path, text):
    path = tmp_path / "any.yml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    found = read_source(path)
    assert found.data is not None or found.faults or not yaml.safe_load(text)


NESTED = st.recursive(
    st.text("abc0: ~-'\"#\n", max_size=6) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcdef", min_size=1, max_size=3), inner),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=3), NESTED, min_size=1))
def test_what_yaml_writes_is_read_back(tmp_path, data):
    path = tmp_path / "any.yml"
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    found = read_source(path)
    assert found.data == data
    assert found.faults == []
