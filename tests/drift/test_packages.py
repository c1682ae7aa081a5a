"""Packages and their files: what nodes have, by the tools that they are asked with."""

import json
import os
import subprocess
import sys

import pytest

from scs_rack.drift import packages_probe
from scs_rack.drift.packages import MENDED, Node, compare

WANTED = ["frr", "nova-compute"]


def node(changed=(), missing=(), broken=None, **versions):
    named = {f"{name.replace('_', '-')}:amd64": version for name, version in versions.items()}
    return Node(named, broken or {}, frozenset(changed), frozenset(missing))


def found(nodes, wanted=WANTED):
    return [(one.device, one.what, one.seen) for one in compare(nodes, wanted)]


def equal(**more):
    return {name: node(frr="10.3-1", nova_compute="31.0", **more) for name in ("node1", "node2", "node3")}


def test_equal_nodes_differ_in_nothing_although_the_image_lacks_and_mends_files():
    assert found(equal(changed=MENDED, missing=["/usr/bin/qemu-system-mips", "/usr/share/doc/frr/README"])) == []


def test_the_node_with_another_version_is_named_not_the_others():
    nodes = equal() | {"node2": node(frr="10.2-1", nova_compute="31.0")}
    assert found(nodes) == [("node2", "packages-differ", "frr:amd64 10.2-1 (others: 10.3-1)")]


def test_a_package_that_one_node_alone_has_and_one_that_it_lacks():
    nodes = equal() | {"node3": node(nova_compute="31.0", nmap="7.95")}
    assert found(nodes) == [
        ("node3", "packages-missing", "frr"),
        (
            "node3",
            "packages-differ",
            "frr:amd64 not installed (others: 10.3-1), nmap:amd64 7.95 (others: not installed)",
        ),
    ]


def test_a_package_that_all_lack_is_missing_on_all():
    assert [one[:2] for one in found(equal(), [*WANTED, "chrony"])] == [
        (name, "packages-missing") for name in ("node1", "node2", "node3")
    ]


def test_files_changed_by_hand_count_also_where_all_nodes_have_them():
    assert {one[1] for one in found(equal(changed=["/usr/bin/nova-compute"]))} == {"files-changed"}
    lost = equal() | {"node1": node(frr="10.3-1", nova_compute="31.0", missing=["/usr/sbin/frrinit.sh"])}
    assert found(lost) == [("node1", "files-missing", "/usr/sbin/frrinit.sh")]


def test_half_installed_packages_are_told():
    nodes = equal() | {"node1": node(frr="10.3-1", nova_compute="31.0", broken={"nmap:amd64": "half-configured"})}
    assert found(nodes) == [("node1", "packages-broken", "nmap:amd64 half-configured")]


VERIFY = """??5??????   /usr/share/ceph/mgr/mgr_util.py
??5?????? c /etc/frr/daemons
missing     /usr/bin/qemu-system-mips
missing   c /etc/gone.conf
"""
QUERY = "frr:amd64 10.3-1 installed\nold:amd64 1 config-files\nnmap:all 7 half-configured\n"


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """dpkg's tools with the outputs of dpkg 1.22 (dpkg(1), `--verify`: ends with 1 where something differs)."""
    for name, text, code in (("dpkg", VERIFY, 1), ("dpkg-query", QUERY, 0)):
        (tmp_path / f"{name}.txt").write_text(text)
        (tmp_path / name).write_text(f"#!/bin/sh\ncat {tmp_path}/{name}.txt\nexit {code}\n")
        (tmp_path / name).chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def test_the_probe_reads_what_dpkg_says(tools):
    done = subprocess.run([sys.executable, packages_probe.__file__], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {
        "packages": {"frr:amd64": "10.3-1"},
        "broken": {"nmap:all": "half-configured"},
        "changed": ["/usr/share/ceph/mgr/mgr_util.py"],
        "missing": ["/usr/bin/qemu-system-mips"],
    }


def test_a_dpkg_that_fails_is_no_node_without_packages(tools):
    (tools / "dpkg-query").write_text("#!/bin/sh\necho 'database is locked' >&2\nexit 2\n")
    done = subprocess.run([sys.executable, packages_probe.__file__], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "database is locked" in done.stderr
