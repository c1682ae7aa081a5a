"""The benchmark of the fleet runs, and its table says what was measured."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def _packages() -> list[str]:
    code = "import ipmi_bmcs; print(' '.join(ipmi_bmcs.missing()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=BENCHMARKS, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_it_measures_us_and_the_floor() -> None:
    if missing := _packages():
        pytest.skip(f"needs Debian packages: {' '.join(missing)}")
    argv = [
        sys.executable,
        BENCHMARKS / "bmc_fleet.py",
        "--quick",
        "--only",
        "ours,ours cycle,floor,ours redfish,floor redfish",
    ]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout
    rows = [line.strip() for line in done.stdout.splitlines()]
    for name in ("ours", "ours cycle", "floor", "ours redfish", "floor redfish"):
        assert any(row.startswith(f"{name}  ") and " s" in row for row in rows), done.stdout
    assert any("10 of 20 silent" in row and "10 answered" in row for row in rows)
    assert any("200 in one call" in row and "200 answered" in row for row in rows)
    assert any("status by Redfish, times the floor" in row for row in rows)
