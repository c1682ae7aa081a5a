"""Programs of others that judge in tests, in an environment of their own (.ci/judges.txt)."""

import os
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def judge(module: str) -> str:
    """The Python that has a judge; skips the test where there is none."""
    folder = Path(os.environ.get("SCS_RACK_JUDGES", REPOSITORY / ".venv/judges"))
    python = folder / "bin/python"
    if (
        not python.is_file()
        or subprocess.run([python, "-c", f"import {module}"], check=False, capture_output=True).returncode
    ):
        pytest.skip(f"needs {module}: python3 -m venv .venv/judges; .venv/judges/bin/pip install -r .ci/judges.txt")
    return str(python)
