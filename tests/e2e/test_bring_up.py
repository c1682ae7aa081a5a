"""The main job, once, with what goes wrong on the way; the tests build on one another in this order."""

import json
import signal
import subprocess
import sys

import pytest
import yaml

from scs_rack.vault import load as load_secrets
from tests.e2e.conftest import Bench, end_with

pytestmark = pytest.mark.lab
SERVERS = ("node1", "node2", "node3")


def power(bench: Bench, server: str) -> str:
    """Power state of a server by ipmitool or curl, tools that we did not write."""
    password = load_secrets(bench.folder)[f"bmc_{server}"]
    rack = yaml.safe_load((bench.folder / "rack.yml").read_text())["servers"][server]
    address = f"10.90.0.{180 + rack['unit']}"
    if rack["bmc"]["protocol"] == "ipmi":
        secret = bench.folder / "ipmi-password"
        secret.touch(mode=0o600)
        secret.write_text(password)
        argv = [
            "ipmitool",
            "-I",
            "lanplus",
            "-H",
            address,
            "-U",
            "admin",
            "-f",
            str(secret),
            "chassis",
            "power",
            "status",
        ]
        done = bench.outside(*argv)
        assert done.returncode == 0, done.stderr
        return "on" if "is on" in done.stdout else "off"
    url = f"https://{address}/redfish/v1/Systems/1"
    config = f'user = "admin:{password}"\nurl = "{url}"\ncacert = "{bench.state}/ca/ca.crt"\n'
    done = bench.outside("curl", "-sS", "--fail", "-K", "-", stdin=config)
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["PowerState"]).lower()


def test_nothing_of_the_lab_is_in_the_hosts_namespace(bench: Bench) -> None:
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    routes = subprocess.run(["ip", "route", "show", "table", "all"], capture_output=True, text=True, check=True).stdout
    assert "mgmt0" not in links
    assert "Ethernet" not in links
    assert "10.90." not in routes
    assert bench.outside("ip", "route", "get", "192.0.2.1").returncode != 0, "the manager has a route out"


def test_servers_are_off_and_the_spare_too(bench: Bench) -> None:
    assert {server: power(bench, server) for server in (*SERVERS, "node4")} == dict.fromkeys((*SERVERS, "node4"), "off")


def test_plan_foresees_and_changes_nothing(bench: Bench) -> None:
    planned = bench.scs_rack("plan")
    assert "power on" in planned.stdout
    assert power(bench, "node1") == "off"
    running = json.loads(bench.on("leaf1", "sonic-cfggen", "-d", "--print-data"))
    assert not running.get("BGP_NEIGHBOR"), "the plan configured a switch"


def test_a_killed_run_is_gone_on_with(bench: Bench) -> None:
    """kill -9 while stage base works; the next run says so and goes on."""
    process = bench.start("up")
    bench.wait_for_stage("base", {"running", "gate"}, 180)
    assert end_with(process, signal.SIGKILL) == -signal.SIGKILL
    killed = bench.last_run().name
    process = bench.start("up")
    bench.wait_for_stage("ceph", {"running", "gate"}, 300, older=killed)
    run = bench.last_run()
    assert any(killed in note for note in run.notes), run.notes
    assert bench.scs_rack("up", check=False).returncode == 4, "a second run must find the rack locked"
    # a node loses its power in the middle
    bench.scs_rack("power", "off", "--yes", "--limit", "node3")
    assert power(bench, "node3") == "off"
    assert process.wait(900) not in (0, None), "the run can't have succeeded without node3"


def test_the_rack_comes_up_after_all(bench: Bench) -> None:
    done = bench.scs_rack("up")
    run = bench.last_run()
    assert run.state == "passed"
    assert {stage.state for stage in run.stages.values()} <= {"passed", "verified"}
    assert "report" in done.stdout
    assert (run.folder / "report.html").is_file()


def test_power_from_outside(bench: Bench) -> None:
    assert {server: power(bench, server) for server in (*SERVERS, "node4")} == {
        **dict.fromkeys(SERVERS, "on"),
        "node4": "off",
    }


def test_bgp_from_outside(bench: Bench) -> None:
    for leaf in ("leaf1", "leaf2"):
        summary = json.loads(bench.on(leaf, "vtysh", "-c", "show bgp summary json"))
        peers = {**summary["ipv4Unicast"]["peers"]}
        up = [name for name, peer in peers.items() if peer["state"] == "Established"]
        assert len(up) >= len(SERVERS) + 1, peers  # the servers and the manager


def test_ceph_from_outside(bench: Bench) -> None:
    status = json.loads(bench.on("node1", "ceph", "-s", "--format", "json"))
    assert status["health"]["status"] == "HEALTH_OK"
    assert status["osdmap"]["num_up_osds"] == status["osdmap"]["num_in_osds"] == 3
    assert len(status["quorum_names"]) == 3


def test_api_from_outside(bench: Bench) -> None:
    script = (
        "import openstack, json\n"
        "c = openstack.connect(cloud='test')\n"
        "print(json.dumps({'flavors': sorted(f.name for f in c.compute.flavors()),"
        " 'images': [i.name for i in c.image.images()],"
        " 'external': [n.name for n in c.network.networks(is_router_external=True)],"
        " 'types': [t.name for t in c.block_storage.types()]}))\n"
    )
    clouds = f"OS_CLIENT_CONFIG_FILE={bench.state}/clouds.yaml"
    done = bench.outside("env", clouds, sys.executable, "-", stdin=script, timeout=120)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert len([name for name in seen["flavors"] if name.startswith("SCS-")]) == 15
    assert "scs-rack guest" in seen["images"]
    assert seen["external"] == ["public"]
    assert "rbd" in seen["types"]


def test_api_speaks_tls_only(bench: Bench) -> None:
    catalog = ("5000", "8774", "8776", "8778", "9292", "9696")
    for port in catalog:
        url = f"https://10.91.0.254:{port}/"
        good = bench.outside("curl", "-sS", "-o", "/dev/null", "--cacert", f"{bench.state}/ca/ca.crt", url)
        assert good.returncode == 0, (port, good.stderr)
        untrusted = bench.outside("curl", "-sS", "-o", "/dev/null", url)
        assert untrusted.returncode == 60, (port, "a certificate was accepted that no known authority issued")
        plain = bench.outside("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", f"http://10.91.0.254:{port}/")
        assert plain.returncode != 0 or plain.stdout.startswith("4"), (port, plain.stdout)


def test_proof_says_not_run_without_a_checkout(bench: Bench) -> None:
    proof = json.loads((bench.state / "conformance/proof.json").read_text())
    assert not [step for step in proof["smoke"]["steps"] if step["error"]]
    assert proof["verdict"]["state"] == "not run"
    report = (bench.last_run().folder / "report.html").read_text()
    assert "not run" in report


def test_no_secret_is_in_the_run_folders(bench: Bench) -> None:
    values = [value for value in load_secrets(bench.folder).values() if len(value) > 8]
    for path in (bench.state / "runs").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not [value for value in values if value.encode() in data], path


def test_a_lost_leaf_loses_nothing(bench: Bench) -> None:
    bench.scs_rack("lab", "fault", "leaf1", "stop")
    try:
        done = bench.outside("ping", "-n", "-c", "30", "-i", "0.5", "-W", "2", "10.91.0.254", timeout=120)
        assert " 0 received" not in done.stdout
        tail = bench.outside("ping", "-n", "-c", "5", "-W", "2", "10.91.0.254")
        assert tail.returncode == 0, tail.stdout
        assert "HEALTH" in bench.on("node1", "ceph", "health")
    finally:
        bench.scs_rack("lab", "fault", "leaf1", "start")
