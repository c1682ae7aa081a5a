"""Programs of others that judge in tests, in an environment of their own (.ci/judges.txt)."""

import os
import re
import subprocess
from collections.abc import Sequence
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


def sslyze_reasons(targets: Sequence[str], prefix: Sequence[str] = (), timeout: float = 120) -> dict[str, set[str]]:
    """Why sslyze finds that TLS servers miss Mozilla's intermediate profile; by target (an IPv6 address in brackets).

    It does not know a rack's CA, so `certificate_path_validation` is to be expected.

    Args:
        targets: ADDRESS:PORT of each.
        prefix: what enters the network namespace.
        timeout: seconds.
    """
    argv = [*prefix, judge("sslyze"), "-m", "sslyze", "--mozilla_config=intermediate", *targets]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=timeout, env=environment)
    verdicts = done.stdout.partition("COMPLIANCE AGAINST TLS CONFIGURATION")[2]
    found: dict[str, set[str]] = {}
    for line in verdicts.splitlines():
        if verdict := re.match(r"    (\S+):(\d+): (?:OK|FAILED|ERROR)\b", line):
            address, port = verdict.groups()
            reasons = found[f"[{address}]:{port}" if ":" in address else f"{address}:{port}"] = set()
            if "ERROR" in line:
                reasons.add(line.strip())
        elif reason := re.match(r"        \* (\w+): ", line):
            reasons.add(reason[1])
    assert set(found) == set(targets), f"sslyze did not judge all: {done.stdout[-3000:]}{done.stderr[-1000:]}"
    return found
