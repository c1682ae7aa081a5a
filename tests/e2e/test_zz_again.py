"""What comes last: the same again changes nothing, and a lab that is taken down leaves nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import NAME, Bench

pytestmark = pytest.mark.lab


def test_a_second_run_changes_nothing(bench: Bench) -> None:
    bench.scs_rack("up")
    run = bench.last_run()
    assert run.state == "passed"
    changed = {
        f"{stage.name}: {result.device} {result.step}"
        for stage in run.stages.values()
        for result in stage.results
        if result.changed
    }
    assert not changed


def test_plain_ansible_changes_nothing(bench: Bench) -> None:
    """The same roles by ansible-playbook alone, in check mode and for real."""
    top = Path(__file__).parents[2]
    for extra in (["--check"], []):
        argv = [
            "env",
            f"ANSIBLE_CONFIG={top}/ansible.cfg",
            str(Path(sys.executable).parent / "ansible-playbook"),
        ]
        argv += ["-i", str(bench.folder / "rack.yml"), str(top / "playbooks/site.yml"), *extra]
        done = bench.outside(*argv, timeout=900)
        assert done.returncode == 0, done.stdout[-4000:]
        recap = done.stdout[done.stdout.rindex("PLAY RECAP") :]
        assert "changed=0" in recap
        assert not [line for line in recap.splitlines() if "changed=" in line and "changed=0" not in line], recap


def test_lab_down_leaves_nothing(bench: Bench) -> None:
    bench.scs_rack("lab", "down")
    names = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert f"{NAME}-" not in names
    assert str(bench.state) not in Path("/proc/mounts").read_text(encoding="utf-8")
    found = subprocess.run(
        ["find", "/sys/fs/cgroup", "-name", f"*{NAME}*"], capture_output=True, text=True, check=False
    )
    assert not found.stdout
    left = subprocess.run(
        ["pgrep", "-af", f"{bench.state}|{NAME}-node|{bench.folder}"], capture_output=True, text=True, check=False
    )
    mine = [line for line in left.stdout.splitlines() if "pytest" not in line and "pgrep" not in line]
    assert not mine
