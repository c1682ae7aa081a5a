"""How the benchmark of failures counts what a client sees."""

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])


def test_errors_of_two_moments_are_two_windows() -> None:
    from failing_client import Failure
    from failures import Line, windows

    errors = [
        Failure(begin, end, "nova", "503")
        for begin, end in [(1142.0, 1142.5), (1000.5, 1001.0), (1002.0, 1017.0), (1020.0, 1021.0), (1141.0, 1141.5)]
    ]
    found = windows(errors, 1000.0)
    assert found == [(0.5, 21.0), (141.0, 142.5)]
    assert windows([], 1000.0) == []
    line = Line("power of node1", 900, 5, found, 0, 700, 2.0, 95.0, {"nova": 5})
    assert line.text() == "| power of node1 | 5 of 900 (nova 5) | 0 to 21, 141 to 142 | 0 of 700 | 2.0 | 95 |"
