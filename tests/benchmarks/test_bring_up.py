import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
BENCHMARKS = TOP / "benchmarks"
RESULTS = {
    "shell": {
        "lab_start": 10.0,
        "stages": {"base": 10.0, "ceph": 20.0, "platform": 25.0, "cloud": 50.0, "resources": 20.0},
        "total": 105.0,
        "cpu_nodes": 150.0,
        "cpu_manager": 5.0,
    },
    "ansible": {
        "lab_start": 11.0,
        "stages": {"base": 12.0, "ceph": 25.0, "platform": 30.0, "cloud": 60.0, "resources": 24.0},
        "total": 126.0,
        "cpu_nodes": 160.0,
        "cpu_manager": 20.0,
        "cold_up": 140.0,
        "second_up": 35.0,
        "second_changed": 0,
        "tasks": 51,
        "task_hosts": 105,
        "by_playbook": {"base": 36, "cloud": 69},
        "slowest": [{"playbook": "cloud", "task": "Run the services", "hosts": 1, "seconds": 9.5}],
    },
}


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_help_teaches() -> None:
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "bring_up.py", "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "examples:" in done.stdout
    assert "needs root" in done.stdout


def test_two_racks_are_never_kept() -> None:
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "bring_up.py", "--keep"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "--only" in done.stderr


@pytest.mark.usefixtures("modules")
def test_table_has_ratios_and_tasks() -> None:
    from table import table

    lines = table(RESULTS).splitlines()
    assert lines[1].split() == ["base", "10.0", "s", "12.0", "s", "1.20"]
    assert lines[6].split() == ["in", "all", "105.0", "s", "126.0", "s", "1.20"]
    text = "\n".join(lines)
    assert "140.0 s from cold, 35.0 s the second time (0.25 of the first, 0 changes)" in text
    assert "51 tasks, 105 tasks × hosts (base 36, cloud 69)" in text


@pytest.mark.usefixtures("modules")
def test_table_of_one_way_has_no_ratios() -> None:
    from table import table

    assert table({"shell": RESULTS["shell"]}).splitlines()[1].split() == ["base", "10.0", "s", "-", "-"]
