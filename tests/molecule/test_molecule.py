"""Molecule on a virtual rack of its own: check mode on new nodes, converge, idempotence, for every role there is."""

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
from scs_rack.provision.guest import guest_image

NAME = "molecule"
HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
SCENARIOS = ("bmc", "switches", "base", "ceph", "platform", "cloud", "resources")
"""In the order in which stages need each other."""


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folder of the shipped lab's rack file under another name, with the lab up and its servers off."""
    if os.geteuid() != 0:
        pytest.skip("a lab needs root")
    folder = tmp_path_factory.mktemp("rack")
    text = (REPOSITORY / "inventory/lab/rack.yml").read_text(encoding="utf-8")
    (folder / "rack.yml").write_text(text.replace("\nname: lab\n", f"\nname: {NAME}\n", 1), encoding="utf-8")
    if missing := preflight.check(load_rack(folder).image):
        pytest.skip("; ".join(f"{one.type}: {one.hint}" for one in missing))
    scs_rack("lab", "down", "--now", rack=folder)
    shutil.rmtree(state_dir(NAME), ignore_errors=True)
    try:
        scs_rack("lab", "up", rack=folder)
        yield folder
    finally:
        scs_rack("lab", "down", "--now", rack=folder)
        shutil.rmtree(state_dir(NAME), ignore_errors=True)


def scs_rack(*words: str, rack: Path) -> None:
    """Run a command of scs-rack on the rack of these tests."""
    argv = [sys.executable, "-m", "scs_rack", *words, "-r", str(rack)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"


@pytest.mark.lab
@pytest.mark.root
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(rack: Path, tmp_path: Path, scenario: str) -> None:
    if scenario == "resources" and not guest_image().path.is_file():
        pytest.skip("the guest image is not built (scs-rack image build)")
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
    command = ["nsenter", f"--net=/run/netns/{NAME}-manager", tools / "molecule"]
    command += ["--base-config", HERE / "base.yml", "test", "--scenario-name", scenario]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    (tmp_path / "molecule.log").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"


def test_every_role_is_in_a_scenario() -> None:
    roles = {path.name for path in (REPOSITORY / "roles").iterdir() if (path / "tasks/main.yml").is_file()}
    named: set[str] = set()
    for scenario in SCENARIOS:
        assert (HERE / scenario / "molecule.yml").is_file()
        for play in yaml.safe_load((HERE / scenario / "converge.yml").read_text(encoding="utf-8")):
            named |= roles_of(HERE / scenario, play)
    assert named == roles


def roles_of(folder: Path, play: dict[str, Any]) -> set[str]:
    """Names of the roles that a play, or the playbook that it imports, uses."""
    if imported := play.get("ansible.builtin.import_playbook"):
        path = folder / str(imported)
        return {role for one in yaml.safe_load(path.read_text(encoding="utf-8")) for role in roles_of(path.parent, one)}
    used = (task.get("ansible.builtin.import_role") for task in play.get("tasks") or [])
    return {role["role"] for role in play.get("roles") or []} | {role["name"] for role in used if role}
