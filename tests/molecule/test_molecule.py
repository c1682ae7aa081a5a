"""Molecule's scenarios on a virtual rack of their own: check mode on a new node, idempotence, and a look at it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scs_rack.lab import preflight
from scs_rack.model.load import load_rack
from scs_rack.paths import state_dir

NAME = "molecule"
HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
SCENARIOS = sorted(path.parent.name for path in HERE.glob("*/molecule.yml"))

pytestmark = [pytest.mark.lab, pytest.mark.root]


@pytest.fixture
def rack(tmp_path: Path) -> Iterator[Path]:
    """Folder of the shipped lab's rack file under another name, with the lab up and node1 on; removed at the end."""
    if os.geteuid() != 0:
        pytest.skip("a lab needs root")
    text = (REPOSITORY / "inventory/lab/rack.yml").read_text(encoding="utf-8")
    (tmp_path / "rack.yml").write_text(text.replace("\nname: lab\n", f"\nname: {NAME}\n", 1), encoding="utf-8")
    if missing := preflight.check(load_rack(tmp_path).image):
        pytest.skip("; ".join(f"{one.type}: {one.hint}" for one in missing))
    scs_rack("lab", "down", "--now", rack=tmp_path)
    shutil.rmtree(state_dir(NAME), ignore_errors=True)
    try:
        scs_rack("lab", "up", rack=tmp_path)
        scs_rack("up", "--to", "bmc", "--limit", "node1", rack=tmp_path)
        yield tmp_path
    finally:
        scs_rack("lab", "down", "--now", rack=tmp_path)
        shutil.rmtree(state_dir(NAME), ignore_errors=True)


def scs_rack(*words: str, rack: Path) -> None:
    """Run a command of scs-rack on the rack of these tests."""
    argv = [sys.executable, "-m", "scs_rack", *words, "-r", str(rack)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(rack: Path, tmp_path: Path, scenario: str) -> None:
    tools = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "SCS_RACK": str(rack),
        "MOLECULE_GLOB": str(HERE / "*/molecule.yml"),
        "MOLECULE_EPHEMERAL_DIRECTORY": str(tmp_path / "ephemeral"),
        "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
        "ANSIBLE_ROLES_PATH": str(REPOSITORY / "roles"),
        "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / "scs_rack/ansible/collections"),
        "ANSIBLE_INVENTORY_ENABLED": "scs.rack.rack,yaml,ini,host_list",
        "ANSIBLE_VAULT_PASSWORD_FILE": str(rack / ".vault-password"),
        "NO_COLOR": "1",
    }
    command = ["nsenter", f"--net=/run/netns/{NAME}-manager", tools / "molecule", "test", "-s", scenario]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    (tmp_path / "molecule.log").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
