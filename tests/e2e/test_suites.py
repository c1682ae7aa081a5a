"""Test suites against the live cloud leave nothing behind; images rotate as the rack file says."""

import hashlib
import json
import os
import sys

import pytest

from tests.e2e.conftest import Bench

pytestmark = pytest.mark.lab
ASK = """
import json, openstack, sys
cloud = openstack.connection.Connection(config=openstack.config.OpenStackConfig(
    config_files=[sys.argv[1]], load_envvars=False).get_one(cloud="admin"))
images = [one for hidden in (False, True) for one in cloud.image.images(visibility="all", is_hidden=hidden)]
print(json.dumps({
    "domains": [one.name for one in cloud.identity.domains()],
    "flavors": [one.name for one in cloud.compute.flavors(is_public=None)],
    "servers": [one.name for one in cloud.compute.servers(all_projects=True)],
    "images": [[one.name, one.is_hidden, one.hash_value, one.visibility] for one in images],
}))
"""


def cloud(bench: Bench) -> dict[str, list[object]]:
    """What an admin sees."""
    done = bench.outside(sys.executable, "-", str(bench.state / "clouds.yaml"), stdin=ASK, timeout=120)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[object]] = json.loads(done.stdout)
    return found


def test_tempest_passes_and_leaves_nothing(bench: Bench) -> None:
    done = bench.scs_rack("check", "--suite", "tempest", "--short", "--install", "--json", check=False)
    assert done.returncode == 0, (done.stdout[-3000:], done.stderr[-3000:])
    results = {one["name"]: one["status"] for one in json.loads(done.stdout)["results"]}
    assert len(results) > 10
    assert set(results.values()) <= {"passed", "skipped"}
    assert list(results.values()).count("passed") > 10
    seen = cloud(bench)
    assert "scs-rack-tempest" not in seen["domains"]
    assert not [name for name in seen["flavors"] if str(name).startswith("scs-rack-tempest")]
    assert not seen["servers"]
    assert not list((bench.state / "conformance").rglob("accounts.yaml"))
    assert (bench.state / "conformance/tempest").stat().st_mode & 0o077 == 0


def test_images_rotate(bench: Bench) -> None:
    file, text = bench.folder / "rack.yml", (bench.folder / "rack.yml").read_text(encoding="utf-8")
    said = "os_distro: debian, os_version: '13', user: debian, description: for tests, os_purpose: custom, keep: 1"
    wanted = f"\n  images:\n    E2E: {{source: e2e.raw, {said}}}\n"
    stages = ("--from", "resources", "--to", "resources")
    digests = []
    try:
        file.write_text(text.rstrip("\n") + wanted, encoding="utf-8")
        for _ in range(2):
            content = os.urandom(1 << 20)
            (bench.folder / "e2e.raw").write_bytes(content)
            digests.append(hashlib.sha512(content).hexdigest())
            assert "image E2E: build" in bench.scs_rack("plan", *stages).stdout
            bench.scs_rack("up", *stages)
        mine = [one for one in cloud(bench)["images"] if str(one[0]).startswith("E2E")]
        assert [one[1:] for one in mine if one[0] == "E2E"] == [[False, digests[1], "public"]]
        assert [one[1:] for one in mine if one[0] != "E2E"] == [[True, digests[0], "public"]]
        bench.scs_rack("up", *stages)
        assert not [one for one in bench.last_run().stages["resources"].results if one.changed]
    finally:
        file.write_text(text, encoding="utf-8")
