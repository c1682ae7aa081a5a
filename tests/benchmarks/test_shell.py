"""The scripts that scs-rack is compared with: they know all that the roles do, and say what fails."""

import importlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from scs_rack.design import Design, make_design
from scs_rack.model.load import load_rack
from scs_rack.prepare import prepare

TOP = Path(__file__).parents[2]
BENCHMARKS = TOP / "benchmarks"
SCRIPTS = sorted((BENCHMARKS / "shell").glob("*.sh"))
STAGES = ("base", "ceph", "platform", "cloud")
MODULES = {
    # files and units; nothing to do beside update-ca-certificates and the underlay's start, which base.sh does
    *("config_files", "services", "run_together", "operators"),
    # ceph_keys asks an existing cluster, etcd_member joins one: there is none
    *("ceph_keys", "ceph_mon", "ceph_cluster", "ceph_daemons", "ceph_pools", "etcd_member"),
    *("mariadb", "db_sync", "identity", "ovs", "ovn_cluster", "libvirt_secret", "nova_hosts"),
}
"""Modules whose work the scripts do."""
SHELL_OWN = {"BENCH", "PYTHON", "NODE", "SECONDS", "EPOCHREALTIME", "BASH_COMMAND", "SYSTEMCTL_SKIP_SYSV"}


@dataclass
class Shell:
    """What the scripts get for the lab's rack."""

    design: Design
    secrets: dict[str, str]
    rendered: Any
    facts: dict[str, str]
    tars: dict[str, dict[str, tuple[tarfile.TarInfo, bytes]]]
    catalog: dict[str, Any]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Rendered once for all tests: it takes as long as Ansible takes for four playbooks."""
    top = tmp_path_factory.mktemp("shell")
    folder, state, work = top / "rack", top / "state", top / "work"
    for path in (folder, work):
        path.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        patch.setenv("SCS_RACK_STATE", str(state))
        rendered_module, files, facts = (
            importlib.import_module(f"{n}") for n in ("rendered", "shell_files", "shell_facts")
        )
        shutil.copy(TOP / "inventory/lab/rack.yml", folder)
        design = make_design(load_rack(folder))
        secrets = prepare(folder, state / design.rack.name, design)
        rendered = rendered_module.render(folder, state, work)
        extra = files.extra_files(design, rendered)
        for stage in STAGES:
            rendered.pack(stage, work, extra[stage])
        yield Shell(
            design,
            secrets,
            rendered,
            facts.facts(design, rendered),
            {path.name.removesuffix(".tar"): contents(path) for path in work.glob("*.tar")},
            facts.catalog(design, rendered, state / design.rack.name),
        )


def contents(path: Path) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    """Members of a tar file with their content."""
    with tarfile.open(path) as tar:
        return {info.name: (info, tar.extractfile(info).read() if info.isfile() else b"") for info in tar.getmembers()}


def text(shell: Shell, tar: str, name: str) -> str:
    """A file of a tar file."""
    return shell.tars[tar][name][1].decode()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_bash(script: Path) -> None:
    done = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing_serious(script: Path) -> None:
    argv = ["shellcheck", "--shell=bash", "--severity=error", "--external-sources", script]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("script", sorted((BENCHMARKS / "shell").rglob("*.py")), ids=lambda path: path.name)
def test_programs_compile(script: Path) -> None:
    compile(script.read_text(), script, "exec")


def test_every_role_of_the_playbooks_has_its_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    stages = importlib.import_module("rendered").ROLES
    for stage in STAGES:
        named = roles_of(yaml.safe_load((TOP / f"playbooks/{stage}.yml").read_text()))
        assert named == set(stages[stage])


def roles_of(plays: list[dict[str, Any]]) -> set[str]:
    """Roles that a playbook names."""
    named = {role["role"] for play in plays for role in play.get("roles", ())}
    tasks = [task for play in plays for task in play.get("tasks", ())]
    return named | {
        task["ansible.builtin.import_role"]["name"] for task in tasks if "ansible.builtin.import_role" in task
    }


def test_no_module_is_new_to_the_scripts(shell: Shell) -> None:
    assert {call["module"] for calls in shell.rendered.calls.values() for call in calls} == MODULES
    # accounts of operators, and places of hosts in racks, are not written: the lab has none
    for calls in shell.rendered.calls.values():
        assert all(call["arguments"]["users"] == [] for call in calls if call["module"] == "operators")
        assert all(not call["arguments"]["places"] for call in calls if call["module"] == "ceph_cluster")


def test_facts_have_what_scripts_use(shell: Shell) -> None:
    used = set()
    for script in SCRIPTS:
        words = script.read_text()
        used |= set(re.findall(r"\$\{?!?([A-Z][A-Z0-9_]*(?:_[a-z]+)?)\b", words))
        used |= {
            f"{kind}_{name}_{node}" for kind, name in re.findall(r"\(units ([A-Z]+) (\w+)\)", words) for node in NODES
        }
        used |= {
            f"{name}_{node}" for name in re.findall(r"=([A-Z][A-Z0-9]+)_\$(?:NODE|mon)\b", words) for node in NODES
        }
    used |= {f"ABSENT_{stage}_{node}" for stage in STAGES for node in NODES}
    missing = {name for name in used if name not in shell.facts} - SHELL_OWN
    assert not missing
    assert {"UNITS_ovn_node2", "LOOPBACK4_node3", "MASK_node1", "OVN_ELECTION"} <= used


NODES = ("node1", "node2", "node3")


def test_every_unit_is_started_and_enabled(shell: Shell) -> None:
    base = (BENCHMARKS / "shell/base.sh").read_text()
    for node in NODES:
        for wanted, kind in (("state", "UNITS"), ("enabled", "ENABLED")):
            found = {
                name
                for key, value in shell.facts.items()
                if re.fullmatch(f"{kind}_[a-z]+_{node}", key)
                for name in value.split()
            }
            for call in shell.rendered.calls[node]:
                for unit in call["arguments"]["units"] if call["module"] == "services" else ():
                    if unit.get(wanted) in ("started", True):
                        assert unit["name"] in found or unit["name"] in base, unit["name"]
    assert "nova-compute" not in shell.facts["UNITS_first"].split()
    assert {"radosgw", "horizon", "octavia-purge.timer"} <= set(shell.facts["UNITS_first"].split())
    assert "nova-serialproxy" in shell.facts["MASK_node2"].split()


def test_roles_files_are_brought_with_owners(shell: Shell) -> None:
    assert set(shell.tars) == {f"{stage}.{node}" for stage in STAGES for node in NODES}
    conf, _ = shell.tars["platform.node3"]["etc/keystone/keystone.conf"]
    assert (conf.uname, conf.gname, oct(conf.mode)) == ("root", "keystone", "0o640")
    assert shell.secrets["db_glance"] in text(shell, "cloud.node2", "etc/glance/glance-api.conf")
    assert "/etc/neutron/policy.d/dynamic_routing.json" in shell.facts["ABSENT_cloud_node1"].split()
    for stage in STAGES:
        for node in NODES:
            written = {f"/{name}" for name in shell.tars[f"{stage}.{node}"]}
            wanted = {file["dest"] for file in shell.rendered.files(node, stage) if file.get("state") != "absent"}
            assert wanted <= written
            assert not written & set(shell.facts[f"ABSENT_{stage}_{node}"].split())


def test_certificates_are_each_nodes_own(shell: Shell) -> None:
    seen = {text(shell, f"platform.{node}", "etc/etcd/node.crt") for node in NODES}
    assert len(seen) == 3
    assert all(one.startswith("-----BEGIN CERTIFICATE-----") for one in seen)


def test_no_secret_is_a_fact(shell: Shell) -> None:
    values = "\n".join(shell.facts.values())
    open_ones = {"rbd_secret_uuid"}  # a name, no key
    assert [name for name, value in shell.secrets.items() if value in values and name not in open_ones] == []


def test_what_is_brought_beside_the_roles_files_is_private(shell: Shell) -> None:
    for tar in shell.tars.values():
        for name, (info, _) in tar.items():
            if name.startswith("run/bench/"):
                assert oct(info.mode) == ("0o700" if info.isdir() else "0o600"), name


def test_ceph_keys_agree(shell: Shell) -> None:
    rings = {
        name: text(shell, f"ceph.{node}", name)
        for node in NODES
        for name in shell.tars[f"ceph.{node}"]
        if "keyring" in name
    }
    first = rings["run/bench/ceph/keyring"]
    assert {f"[client.{name}]" for name in ("admin", "glance", "cinder", "cinder-backup", "rgw")} <= set(
        first.splitlines()
    )
    for name, ring in rings.items():
        entity, key = ring.splitlines()[:2]
        assert f"{entity}\n{key}\n" in first, name
    cinder, _ = shell.tars["ceph.node2"]["etc/ceph/ceph.client.cinder.keyring"]
    assert (cinder.uname, cinder.gname, oct(cinder.mode)) == ("cinder", "nova", "0o640")
    for one in shell.facts["OSDS"].split():
        number, host, disk, uuid = one.split(",")
        ring = text(shell, f"ceph.{host}", f"run/bench/ceph/osd.{number}")
        command, secret = plan(shell)["osds"][int(number)]
        assert command["uuid"] == uuid
        assert json.loads(secret)["cephx_secret"] in ring
        assert disk == "/srv/disks/osd0"


def plan(shell: Shell) -> dict[str, Any]:
    """What the monitors are told."""
    return json.loads(text(shell, "ceph.node1", "run/bench/ceph/plan.json"))


def test_pools_are_those_of_the_design(shell: Shell) -> None:
    told = plan(shell)
    assert {one["pool"]: one["pg_num"] for one in told["pools"]} == {
        pool.name: pool.pg_num for pool in shell.design.storage.pools
    }
    assert all(one["rule"] == told["rule"][0]["name"] and one["size"] == 3 for one in told["pools"])
    assert next(one for one in told["pools"] if one["pool"] == ".rgw.root")["yes_i_really_mean_it"] is True
    assert len(told["applications"]) == len(told["pools"])
    assert (told["mons"], told["managers"]) == (3, 2)


def test_databases_and_schemas_are_all_there(shell: Shell) -> None:
    sql = text(shell, "platform.node1", "run/bench/platform/databases.sql")
    assert sql.count("CREATE USER") == sql.count("REQUIRE SSL") == 8
    assert f"'octavia'@'%' IDENTIFIED BY '{shell.secrets['db_octavia']}'" in sql
    assert r"GRANT ALL PRIVILEGES ON `nova\_cell0`.* TO 'nova'@'%';" in sql
    keystone = text(shell, "platform.node1", "run/bench/platform/keystone.schema")
    assert shell.secrets["admin_password"] in keystone
    assert "runuser -u keystone -- keystone-manage bootstrap" in keystone
    schemas = {Path(name).stem for name in shell.tars["cloud.node1"] if name.endswith(".schema")}
    assert schemas == {"nova", "neutron", "cinder", "glance", "placement", "barbican", "octavia"}
    assert not [name for name in shell.tars["cloud.node2"] if name.endswith(".schema")]


def test_catalog_is_asked_on_the_first_controller(shell: Shell) -> None:
    assert shell.catalog["url"] == f"https://{shell.facts['CONTROLLER4']}:5000/v3"
    assert Path(shell.catalog["ca"]).is_file()
    assert {"swift", "radosgw", "barbican", "octavia"} <= {one["name"] for one in shell.catalog["services"]}


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    """A folder for scripts whose nodes are this machine."""
    (tmp_path / "facts").write_text("NODES='n1 n2'\n")
    (tmp_path / "ssh_config").touch()
    (tmp_path / "ssh").write_text('#!/bin/bash\nexec bash -c "$4"\n')
    (tmp_path / "ssh").chmod(0o755)
    return tmp_path


def run(bench: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script as those of the stages are run."""
    (bench / "stage.sh").write_text(f'. "${{0%/*}}/common.sh"\n{script}\n')
    for name in ("common.sh", "node.sh"):
        shutil.copy(BENCHMARKS / "shell" / name, bench)
    environment = {"BENCH": str(bench), "PATH": f"{bench}:/usr/bin:/bin", "PYTHON": sys.executable}
    return subprocess.run(
        ["bash", str(bench / "stage.sh")], env=environment, capture_output=True, text=True, check=False, timeout=30
    )


def test_steps_are_noted(bench: Path) -> None:
    done = run(bench, "each greet $NODES <<<'echo \"I am $NODE\"'")
    assert (done.returncode, sorted(done.stdout.splitlines())) == (0, ["I am n1", "I am n2"]), done.stderr
    assert sorted(line.split()[1] for line in (bench / "steps").read_text().splitlines()) == ["greet:n1", "greet:n2"]


def test_a_failure_names_node_and_command(bench: Path) -> None:
    done = run(bench, "each greet $NODES <<'EOF'\n[[ $NODE == n1 ]] || grep nothing /dev/null\nEOF\necho never")
    assert done.returncode != 0
    assert "never" not in done.stdout
    assert 'n2: "grep nothing /dev/null" ended with 1' in done.stderr
    assert "n2: greet failed" in done.stderr
    assert "n1: greet" not in done.stderr


def test_a_failure_in_the_background_counts(bench: Path) -> None:
    done = run(bench, "on work n1 <<'EOF'\njobs=()\nfalse & jobs+=($!)\ntrue & jobs+=($!)\nall_of \"${jobs[@]}\"\nEOF")
    assert done.returncode != 0


def test_patience_ends(bench: Path) -> None:
    done = run(bench, "on work n1 <<<'patiently 1 test -e /nowhere'")
    assert done.returncode != 0
    assert "n1: waited in vain for: test -e /nowhere" in done.stderr
    assert run(bench, "on work n1 <<<'patiently 1 test -e /'").returncode == 0
