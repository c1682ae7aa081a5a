import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from scs_rack.design import make_design
from scs_rack.model.load import load_rack
from scs_rack.prepare import prepare

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


@pytest.mark.parametrize("script", sorted(BENCHMARKS.glob("shell/*.sh")), ids=lambda path: path.name)
def test_scripts_are_bash(script: Path) -> None:
    done = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("modules")
def test_roles_are_rendered_without_reaching_a_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rendered import PLAYBOOKS, render

    folder, state, work = tmp_path / "rack", tmp_path / "state", tmp_path / "work"
    for path in (folder, work):
        path.mkdir()
    monkeypatch.setenv("SCS_RACK_STATE", str(state))
    shutil.copy(TOP / "inventory/lab/rack.yml", folder)
    design = make_design(load_rack(folder))
    secrets = prepare(folder, state / design.rack.name, design)
    rendered = render(folder, state, work)
    assert set(rendered.calls) == {"node1", "node2", "node3"}
    for stage in PLAYBOOKS:
        rendered.pack(stage, work)
    found = {path.name.removesuffix(".tar"): members(path) for path in work.glob("*.tar")}
    assert {f"{stage}.{node}" for stage in PLAYBOOKS for node in rendered.calls} == set(found)
    assert "etc/frr/frr.conf" in found["base.node2"]
    conf = found["platform.node1"]["etc/keystone/keystone.conf"]
    assert (conf.uname, conf.gname, oct(conf.mode)) == ("root", "keystone", "0o640")
    with tarfile.open(work / "cloud.node1.tar") as tar:
        text = tar.extractfile("etc/glance/glance-api.conf").read().decode()
    assert secrets["db_glance"] in text
    assert "nova-serialproxy" in {unit["name"] for unit in rendered.units("node2", "base") if unit.get("masked")}
    assert json.dumps(rendered.calls["node1"]).count("ceph_cluster") == 1


def members(path: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(path) as tar:
        return {info.name: info for info in tar.getmembers()}
