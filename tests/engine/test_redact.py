import json

from hypothesis import given
from hypothesis import strategies as st

from scs_rack.engine.redact import Redactor
from scs_rack.results import Finding, Result


def test_values_are_replaced_by_names():
    assert Redactor({"word": "hunter22"}).text("pw=hunter22;") == "pw=<secret word>;"


def test_a_secret_that_holds_another_is_replaced_as_a_whole():
    assert Redactor({"short": "hunter", "long": "hunter22"}).text("hunter22") == "<secret long>"


def test_without_secrets_nothing_changes():
    assert Redactor({}).text("anything") == "anything"


def test_results_and_findings_are_cleaned_everywhere():
    redactor = Redactor({"word": "hunter22"})
    finding = Finding("t", "error", *["hunter22"] * 4)
    result = Result("n", "hunter22", diff="hunter22", error="hunter22", findings=(finding,))
    assert "hunter22" not in repr(redactor.result(result))


@given(st.text(min_size=5, alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_secret_of_any_letters_is_found_in_json(secret):
    data = {"a": [f"x{secret}y"], "b": 1}
    Redactor({"name": secret}).data(data)
    assert data == {"a": ["x<secret name>y"], "b": 1}
    assert json.loads(json.dumps(data)) == data
