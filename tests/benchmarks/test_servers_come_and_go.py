"""What the benchmark of servers that come and go counts as noticed."""

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SAID = """12345
Id=nova-api.service
MainPID=100

MainPID=200
Id=ceph-osd@1.service

Id=user@0.service
MainPID=300
"""


@pytest.fixture(autouse=True)
def _modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])


def test_a_restart_and_a_boot_are_seen() -> None:
    from untouched import changed, parse

    before = {"node1": parse(SAID)}
    assert before["node1"] == {"boot": "12345", "nova-api.service": "100", "ceph-osd@1.service": "200"}
    assert changed(before, before) == []
    assert changed(before, {"node1": parse(SAID.replace("=200", "=201"))}) == ["node1 ceph-osd@1.service"]
    assert changed(before, {"node1": parse(SAID.replace("12345", "9"))}) == ["node1 boot"]
    assert len(changed(before, {})) == 3


def test_a_row() -> None:
    from servers_come_and_go import Line

    line = Line("add:node4", 0, 101.4, 500, [], [], 0, 90, 1.2, [])
    assert line.good
    assert line.text() == "| add:node4 | 101 | 0 of 500 | - | 0 of 90 | 1.2 | - |"
    bad = Line("drain:node3", 1, 9.0, 50, ["503"], [(1.0, 2.0)], 1, 90, 1.2, ["node1 boot"])
    assert not bad.good
    assert "drain:node3 (exit code 1)" in bad.text()
