"""Tempest's runner believes single tests, never an exit code; a program of our own plays Tempest."""

import datetime as dt
import importlib
import json
import sys
import time
from pathlib import Path
from threading import Event, Timer
from types import ModuleType, SimpleNamespace

import pytest

from scs_rack.conformance import tempest_accounts
from scs_rack.conformance.tempest import (
    SHORT,
    Tempest,
    TempestReport,
    TestResult,
    chosen_python,
    read_report,
    wanted_tests,
)
from scs_rack.errors import StageFailed, UsageError

A, B, C = (f"tempest.api.compute.test_x.X.test_{letter}" for letter in "abc")
PYTHON = """#!/bin/sh
case "$1" in
  -c) echo {site}/tempest ;;
  -m) [ "$2 $3" = "stestr init" ] && mkdir .stestr ;;
  *) exec cat ;;
esac
"""
PLAYER = """#!{python}
import json, os, sys, time
assert os.path.isdir(".stestr"), "No repository found, as stestr 4 says even of a list"
if "--list-tests" in sys.argv:
    print("\\n".join(name + "[id-1,smoke]" for name in {known!r}))
    sys.exit(0)
assert "OS_PASSWORD" not in os.environ
asked = open(sys.argv[sys.argv.index("--load-list") + 1]).read().split()
assert all(name.endswith("[id-1,smoke]") for name in asked), asked
for line in {lines!r}:
    print(json.dumps(line), flush=True)
time.sleep({sleep})
sys.exit({code})
"""


def line(test: str, status: str, words: str = "") -> dict[str, object]:
    return {"test": test, "status": status, "seconds": 1.0, "words": words}


def play(folder: Path, lines: list[dict[str, object]], *, sleep: float = 0, code: int = 0) -> Tempest:
    """A Tempest that says these lines."""
    programs = folder / "venv/bin"
    programs.mkdir(parents=True)
    text = PLAYER.format(python=sys.executable, known=[A, B, C], lines=lines, sleep=sleep, code=code)
    for name, content in (("python", PYTHON.format(site=folder)), ("tempest", text)):
        (programs / name).write_text(content)
        (programs / name).chmod(0o755)
    work = folder / "work"
    work.mkdir()
    tempest = Tempest(programs / "python", work, Event())
    tempest._work_place()
    return tempest


def run(tempest: Tempest, wanted: list[str], timeout: float = 60) -> list[TestResult]:
    heard: list[TestResult] = []
    tempest.run(wanted, 1, timeout, heard.append)
    assert {one.name for one in heard} == set(tempest.results)
    return tempest.judged(wanted)


def test_results_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_PASSWORD", "secret")
    said = [line(A + "[id-1,smoke]", "success"), line(B, "skip", "no IPv6"), line(C, "fail", "boom")]
    found = run(play(tmp_path, said), [A, B, C])
    assert [(one.name, one.status, one.words) for one in found] == [
        (A, "passed", ""),
        (B, "skipped", "no IPv6"),
        (C, "failed", "boom"),
    ]


def test_exit_code_zero_is_not_believed(tmp_path: Path) -> None:
    found = run(play(tmp_path, [line(A, "success")], code=0), [A, B])
    assert [one.status for one in found] == ["passed", "missing"]


def test_a_class_that_could_not_be_set_up(tmp_path: Path) -> None:
    name = A.rsplit(".", 1)[0]
    found = run(play(tmp_path, [line(f"setUpClass ({name})", "fail", "no quota")]), [A, B])
    assert [(one.status, one.words) for one in found] == [("failed", "no quota")] * 2


def test_a_class_that_is_skipped(tmp_path: Path) -> None:
    name = A.rsplit(".", 1)[0]
    found = run(play(tmp_path, [line(f"setUpClass ({name})", "skip", "not here")]), [A])
    assert [(one.status, one.words) for one in found] == [("skipped", "not here")]


def test_a_cleanup_that_failed_is_a_failure(tmp_path: Path) -> None:
    name = A.rsplit(".", 1)[0]
    found = run(play(tmp_path, [line(A, "success"), line(f"tearDownClass ({name})", "fail", "stuck")]), [A])
    assert [(one.name, one.status) for one in found] == [(A, "passed"), (f"{name} (its cleanup)", "failed")]


def test_a_test_that_this_tempest_does_not_have_is_missing(tmp_path: Path) -> None:
    found = run(play(tmp_path, [line(A, "success")]), [A, "tempest.api.gone.test_y.Y.test_z"])
    assert [one.status for one in found] == ["passed", "missing"]


def test_too_long(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="did not end within"):
        run(play(tmp_path, [], sleep=600), [A], timeout=1)


def test_stopped_by_the_operator(tmp_path: Path) -> None:
    tempest = play(tmp_path, [line(A, "success")], sleep=600)
    begun = time.monotonic()
    Timer(2, tempest.stop.set).start()
    assert [one.status for one in run(tempest, [A, B])] == ["passed", "missing"]
    assert time.monotonic() - begun < 300


@pytest.mark.parametrize(
    ("results", "interrupted", "passed"),
    [
        ([("a", "passed"), ("b", "skipped")], False, True),
        ([("a", "passed"), ("b", "failed")], False, False),
        ([("a", "passed"), ("b", "missing")], False, False),
        ([("a", "skipped")], False, False),
        ([("a", "passed")], True, False),
        ([], False, False),
    ],
)
def test_verdict(tmp_path: Path, results: list[tuple[str, str]], interrupted: bool, passed: bool) -> None:
    found = [TestResult(name, status) for name, status in results]  # type: ignore[arg-type]
    report = TempestReport("2026-11-23T00:00:00+00:00", "scs-0128", found, interrupted=interrupted)
    assert report.passed is passed
    report.write(tmp_path / "tempest.json")
    assert read_report(tmp_path / "tempest.json") == report
    assert json.loads((tmp_path / "tempest.json").read_text())["source"] == "scs-0128"


def test_lists() -> None:
    assert wanted_tests(["# a", "x.y[id-1]", "x.y", "", "z # why"]) == ["x.y", "z"]
    short = wanted_tests(SHORT.read_text().splitlines())
    assert 10 < len(short) < 40
    assert all(name.startswith("tempest.api.") for name in short)


def test_no_tempest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCS_RACK_CACHE", str(tmp_path))
    with pytest.raises(UsageError, match="no Tempest") as error:
        chosen_python(None)
    assert "--install" in error.value.hint


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch):
    """What runs in Tempest's Python, without the two packages that only that one has."""
    monkeypatch.setitem(sys.modules, "subunit", ModuleType("subunit"))
    testtools = ModuleType("testtools")
    testtools.StreamResult = object  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "testtools", testtools)
    monkeypatch.delitem(sys.modules, "scs_rack.conformance.tempest_stream", raising=False)
    yield importlib.import_module("scs_rack.conformance.tempest_stream").Lines()
    sys.modules.pop("scs_rack.conformance.tempest_stream", None)


def test_what_a_worker_says_of_all_its_tests_first_is_no_result(stream, capsys) -> None:
    whole = f"setUpClass ({A.rsplit('.', 1)[0]})"
    stream.status(test_id=A, test_status="exists")
    stream.status(test_id=whole, file_name="reason", file_bytes=b"DHCPv6 is ")
    stream.status(test_id=whole, file_name="reason", file_bytes=b"not enabled.")
    stream.status(test_id=whole, test_status="skip")
    (said,) = capsys.readouterr().out.splitlines()
    assert json.loads(said) == {"test": whole, "status": "skip", "seconds": 0.0, "words": "DHCPv6 is not enabled."}


def test_a_result_has_its_time_and_the_end_of_its_traceback(stream, capsys) -> None:
    begun = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
    stream.status(test_id=A, test_status="exists")
    stream.status(test_id=A, test_status="inprogress", timestamp=begun)
    stream.status(test_id=A, file_name="traceback", file_bytes=b"x" * 5000 + b"boom")
    stream.status(test_id=A, test_status="fail", timestamp=begun + dt.timedelta(seconds=3))
    (said,) = capsys.readouterr().out.splitlines()
    found = json.loads(said)
    assert (found["status"], found["seconds"], found["words"][-5:], len(found["words"])) == ("fail", 3.0, "xboom", 4000)


def test_each_project_has_a_member_and_a_reader_and_all_members_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[str, str]] = []
    identity = SimpleNamespace(
        create_domain=lambda **_: SimpleNamespace(id="domain"),
        find_role=lambda name, ignore_missing: name,
        create_project=lambda name, domain_id: SimpleNamespace(id=name, name=name),
        create_user=SimpleNamespace,
        assign_project_role_to_user=lambda project, user, role: given.append((user.name, role)),
    )
    compute = SimpleNamespace(
        create_flavor=lambda **fields: SimpleNamespace(id=fields["name"]), flavor_add_tenant_access=lambda *_: None
    )
    monkeypatch.setattr(tempest_accounts, "_external", lambda _cloud: None)
    monkeypatch.setattr(tempest_accounts, "_network", lambda *_: None)
    users = tempest_accounts.make(SimpleNamespace(identity=identity, compute=compute), 2).users
    assert [(one["username"].removeprefix("scs-rack-tempest-"), one["roles"]) for one in users] == [
        ("0-member", ["member"]),
        ("1-member", ["member"]),
        ("0-reader", ["reader"]),
        ("1-reader", ["reader"]),
    ]
    assert [one["project_name"][-1] for one in users] == ["0", "1", "0", "1"]
    assert sorted(given) == sorted((one["username"], one["roles"][0]) for one in users)
    assert len({one["password"] for one in users}) == 4
