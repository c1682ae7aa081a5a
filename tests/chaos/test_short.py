"""The short list: two servers up to stage base, killed at the moments of one seed; `make chaos` has the rest."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from scs_rack.lab import preflight
from scs_rack.model.load import load_rack
from scs_rack.paths import state_dir

NAME = "chaos"
REPOSITORY = Path(__file__).parents[2]
SEED = "169"
"""Kills in the middle, whichever way."""


def small() -> dict[str, Any]:
    """The shipped lab with two servers, of which one is the controller."""
    rack: dict[str, Any] = yaml.safe_load((REPOSITORY / "inventory/lab/rack.yml").read_text(encoding="utf-8"))
    rack["name"] = NAME
    rack["servers"] = {name: rack["servers"][name] for name in ("node1", "node2")}
    rack["servers"]["node2"]["roles"] = ["compute"]
    rack["cables"] = [
        cable for cable in rack["cables"] if not {end.partition(":")[0] for end in cable} & {"node3", "node4"}
    ]
    rack["cloud"]["ceph"] = {"replicas": 1}
    return rack


@pytest.fixture
def rack(tmp_path: Path) -> Iterator[Path]:
    """Folder of its rack file; the lab is gone afterwards."""
    if os.geteuid() != 0:
        pytest.skip("a lab needs root")
    (tmp_path / "rack.yml").write_text(yaml.safe_dump(small(), sort_keys=False), encoding="utf-8")
    if missing := preflight.check(load_rack(tmp_path).image):
        pytest.skip("; ".join(f"{one.type}: {one.hint}" for one in missing))
    shutil.rmtree(state_dir(NAME), ignore_errors=True)
    yield tmp_path
    argv = [sys.executable, "-m", "scs_rack", "lab", "down", "--now", "-r", str(tmp_path)]
    subprocess.run(argv, check=False, capture_output=True)
    shutil.rmtree(state_dir(NAME), ignore_errors=True)


@pytest.mark.lab
def test_runs_that_are_killed_end_where_others_do(rack: Path) -> None:
    out = rack / "chaos"
    argv = [sys.executable, "-m", "tests.chaos", "-r", str(rack), "--seeds", SEED, "--out", str(out)]
    done = subprocess.run(
        [*argv, "--act", "up --to base"], cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=900
    )
    log = (out / "log").read_text(encoding="utf-8")[-3000:] if (out / "log").is_file() else ""
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{log}"
    assert done.stdout.count(": good: ") == len(("orchestrator", "node"))
    assert "it had ended" not in done.stdout, "the seed killed nothing"
