"""Each message of `scs-rack validate` is pinned: wrong input beside the exact words. `make golden` rewrites."""

import ast
import inspect
import sys
from pathlib import Path

import pytest

from scs_rack.model import (
    base,
    checks,
    flavors,
    images,
    layer2,
    login,
    network,
    overlay,
    rack,
    shape,
    source,
    switching,
)
from scs_rack.model.checks import CHECKS, check_name
from scs_rack.model.load import check_rack
from tests.errors.error_cases import CASES, FOLDER, faults_of, said

SPEAKERS = [
    Path(module.__file__)
    for module in (base, flavors, images, layer2, login, network, overlay, rack, shape, source, switching)
]
SPEAKERS += sorted(Path(checks.__file__).parent.glob("*.py"))
MESSAGES = {"Problem", "Fault", "ValueError", "_fault"}


def test_the_rack_that_cases_spoil_is_valid():
    assert check_rack(FOLDER / "base.yml")[1] == []


@pytest.mark.parametrize("case", CASES)
def test_messages(case, tmp_path):
    expected = (FOLDER / case / "expected.txt").read_text(encoding="utf-8")
    assert said(faults_of(case, tmp_path)) == expected
    assert expected


def _message_lines(path: Path) -> dict[tuple[str, int], range]:
    """Statements that make a message: file and line of each, with all of its lines."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.Expr, ast.Return, ast.Raise)):
            calls = [call for call in ast.walk(node) if isinstance(call, ast.Call)]
            names = {
                call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "") for call in calls
            }
            if names & MESSAGES:
                found[str(path), node.lineno] = range(node.lineno, (node.end_lineno or node.lineno) + 1)
    return found


def _noting(make, kind, kinds):
    def noted(path, error):
        kinds.add(kind)
        return make(path, error)

    return noted


def test_every_message_and_every_check_has_a_case(tmp_path, monkeypatch):
    run, kinds, checked = set(), set(), set()
    for kind, (name, make) in shape.KINDS.items():
        monkeypatch.setitem(shape.KINDS, kind, (name, _noting(make, kind, kinds)))
    speakers = {str(path) for path in SPEAKERS}

    def line(frame, event, _):
        run.add((frame.f_code.co_filename, frame.f_lineno))
        return line

    def call(frame, event, _):
        return line if frame.f_code.co_filename in speakers else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        for case in CASES:
            checked |= {fault.check for fault in faults_of(case, tmp_path)}
    finally:
        sys.settrace(before)
    messages = {where: lines for path in SPEAKERS for where, lines in _message_lines(path).items()}
    assert len(messages) > 90
    silent = [where for where, lines in messages.items() if not any((where[0], number) in run for number in lines)]
    assert silent == []
    assert {check_name(check) for check in CHECKS} - checked == set()
    assert set(shape.KINDS) - kinds == set()


def test_every_check_says_what_it_checks():
    for check in CHECKS:
        assert inspect.getdoc(check)
