"""Keys of customers on the nodes themselves: LUKS in Ceph, and where the master key is; needs test_bring_up."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from scs_rack.vault import load as load_secrets
from tests.e2e.conftest import Bench

pytestmark = pytest.mark.lab
SCRIPT = str(Path(__file__).with_name("encrypted_volume.py"))
MASTER_KEY = "/etc/barbican/barbican.conf.d/master-key.conf"


def customer(bench: Bench, verb: str) -> Any:
    """What the customer's script prints."""
    clouds = f"OS_CLIENT_CONFIG_FILE={bench.state}/clouds.yaml"
    done = bench.outside("env", clouds, sys.executable, SCRIPT, "", verb, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_an_encrypted_volume_is_luks_in_ceph_and_its_key_goes_with_it(bench: Bench) -> None:
    made = customer(bench, "make")
    assert made["encrypted"]
    head = f"rbd export volumes/volume-{made['id']} - 2> /dev/null | head -c 8 | od -A n -t x1"
    # "LUKS", 0xba 0xbe, version 1 (LUKS On-Disk Format Specification 1.2.3, section 2.1)
    assert bench.on("node1", "sh", "-c", head).split() == ["4c", "55", "4b", "53", "ba", "be", "00", "01"]
    assert customer(bench, "delete")["keys"] == made["keys"] - 1


def test_the_master_key_is_barbicans_alone_and_not_in_the_database(bench: Bench) -> None:
    key = load_secrets(bench.folder)["barbican_kek"]
    for node in ("node1", "node2", "node3"):
        assert key in bench.on(node, "cat", MASTER_KEY)
        assert bench.on(node, "stat", "-c", "%a %U %G", MASTER_KEY).split() == ["640", "root", "barbican"]
        others = "runuser -u mysql -- cat /etc/barbican/barbican.conf.d/master-key.conf 2>&1 || true"
        assert "Permission denied" in bench.on(node, "sh", "-c", others)
    dump = bench.on("node1", "mariadb-dump", "--all-databases", "--single-transaction")
    assert "CREATE TABLE `kek_data`" in dump, "this proves little of a dump without Barbican"
    assert key not in dump
