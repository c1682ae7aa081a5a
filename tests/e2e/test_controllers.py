"""The control plane is on every controller, asked from outside by tools that we did not write; needs test_bring_up."""

import json
import subprocess
import sys
import time

import pytest

from scs_rack.vault import load as load_secrets
from tests.e2e.conftest import NAME, Bench

pytestmark = pytest.mark.lab
CONTROLLERS = {"node1": "10.91.0.1", "node2": "10.91.0.2", "node3": "10.91.0.3"}
API = {"ip": "10.91.0.254/32", "ipv6": "fd5c:5::fe/128"}
PORTS = (5000, 8774, 8776, 8778, 9292, 9696, 9311, 9876, 8080)


def curl(bench: Bench, *words: str, stdin: str = "") -> str:
    """Call curl in the manager's namespace with the rack's CA; returns its standard output."""
    done = bench.outside("curl", "-sS", "--cacert", f"{bench.state}/ca/ca.crt", *words, stdin=stdin, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_each_controller_serves_each_api_over_tls(bench: Bench) -> None:
    urls = [f"https://{address}:{port}/" for address in CONTROLLERS.values() for port in PORTS]
    silent = [word for _ in urls for word in ("-o", "/dev/null")]
    seen = curl(bench, *silent, "-w", "%{http_code} %{url_effective}\n", *urls)
    wrong = [line for line in seen.splitlines() if not line.startswith(("200 ", "300 "))]
    assert not wrong
    assert len(seen.splitlines()) == len(urls)


def test_a_token_is_good_at_every_controller(bench: Bench) -> None:
    password = load_secrets(bench.folder)["admin_password"]
    user = {"name": "admin", "domain": {"id": "default"}, "password": password}
    scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
    asked = ["-H", "Content-Type: application/json", "--data", "@-", "-D", "-", "-o", "/dev/null"]
    headers = curl(bench, *asked, f"https://{CONTROLLERS['node1']}:5000/v3/auth/tokens", stdin=json.dumps(body))
    (token,) = [line.split(": ")[1].strip() for line in headers.splitlines() if line.lower().startswith("x-subject")]
    for address in CONTROLLERS.values():
        config = f'header = "X-Auth-Token: {token}"\n'
        for path, key in ((":5000/v3/projects", "projects"), (":8774/v2.1/flavors", "flavors")):
            assert json.loads(curl(bench, "-K", "-", f"https://{address}{path}", stdin=config))[key], (address, path)


def ways(bench: Bench, family: str, address: str) -> int | None:
    """How many ways leaf1 uses to an address; None if it doesn't answer."""
    said = bench.scs_rack(
        "lab", "shell", "leaf1", "--", "vtysh", "-c", f"show {family} route {address} json", check=False
    )
    if said.returncode:
        return None
    hops = [hop for route in json.loads(said.stdout).get(address, ()) for hop in route["nexthops"]]
    return sum(bool(hop.get("active")) for hop in hops)


def await_ways(bench: Bench, wanted: int, seconds: float = 60) -> None:
    """Wait until leaf1 uses that many ways to both API addresses."""
    end = time.monotonic() + seconds
    for family, address in API.items():
        while (seen := ways(bench, family, address)) != wanted:
            assert time.monotonic() < end, (address, seen, wanted)
            time.sleep(1)


def test_the_fabric_has_a_way_to_each_controller(bench: Bench) -> None:
    """By a leaf that an earlier test has started anew: FRR starts, and its sessions come up one after the other."""
    await_ways(bench, len(CONTROLLERS))


def test_a_link_that_comes_back_is_no_way_to_the_api_until_the_address_is_announced_there(bench: Bench) -> None:
    """A server without power has its link again long before its services; requests sent there meanwhile are lost."""
    uplink = ["ip", "netns", "exec", f"{NAME}-node1", "ip", "link", "set", "up0"]
    session = ("vtysh", "-c", "show bgp summary json")
    try:
        subprocess.run([*uplink, "down"], check=True)
        await_ways(bench, len(CONTROLLERS) - 1)
        bench.on("node1", "systemctl", "stop", "scs-rack-vip")
        subprocess.run([*uplink, "up"], check=True)
        end = time.monotonic() + 60
        while True:
            peers = json.loads(bench.on("leaf1", *session))["ipv4Unicast"]["peers"]
            if peers["Ethernet0"]["state"] == "Established":
                break
            assert time.monotonic() < end, peers["Ethernet0"]
            assert {ways(bench, *one) for one in API.items()} == {len(CONTROLLERS) - 1}
        time.sleep(2)
        assert {ways(bench, *one) for one in API.items()} == {len(CONTROLLERS) - 1}
    finally:
        subprocess.run([*uplink, "up"], check=True)
        bench.on("node1", "systemctl", "start", "scs-rack-vip")
    await_ways(bench, len(CONTROLLERS))


def test_services_are_behind_haproxy(bench: Bench) -> None:
    """What listens on the ports of the APIs is HAProxy; the services themselves are on 127.0.0.1 alone."""
    for node in CONTROLLERS:
        open_to_others = set()
        for line in bench.on(node, "ss", "-Htlnp").splitlines():
            local, process = line.split()[3], line.split()[-1]
            address, _, port = local.rpartition(":")
            if int(port) in (*PORTS, 8775, 6080) and address != "127.0.0.1":
                open_to_others.add(process.split('"')[1])
        assert open_to_others == {"haproxy"}, node


def test_databases_and_brokers_are_one_cluster(bench: Bench) -> None:
    names = ("wsrep_cluster_size", "wsrep_cluster_status", "wsrep_local_state_comment")
    for node in CONTROLLERS:
        status = dict(
            line.split("\t") for line in bench.on(node, "mariadb", "-NBe", "SHOW STATUS LIKE 'wsrep_%'").splitlines()
        )
        assert [status[name] for name in names] == ["3", "Primary", "Synced"], node
        for kind, database in (("nb", "OVN_Northbound"), ("sb", "OVN_Southbound")):
            raft = bench.on(node, "ovn-appctl", "-t", f"/run/ovn/ovn{kind}_db.ctl", "cluster/status", database)
            assert "Status: cluster member" in raft
            assert raft.count(" at ssl:") == len(CONTROLLERS), raft
    broker = json.loads(bench.on("node2", "rabbitmqctl", "-q", "--formatter", "json", "cluster_status"))
    assert len(broker["running_nodes"]) == len(CONTROLLERS)
    assert not broker["partitions"]
    queues = json.loads(bench.on("node2", "rabbitmqctl", "-q", "--formatter", "json", "list_queues", "name", "type"))
    assert {queue["type"] for queue in queues} <= {"quorum", "stream"}
    assert len(queues) > 10


def test_volumes_belong_to_a_cluster(bench: Bench) -> None:
    script = (
        "import openstack, json\n"
        "c = openstack.connect(cloud='admin')\n"
        "a = c.block_storage.get('/os-services', microversion='3.7').json()['services']\n"
        "print(json.dumps([[s['host'], s['cluster'], s['state']] for s in a if s['binary'] == 'cinder-volume']))\n"
    )
    clouds = f"OS_CLIENT_CONFIG_FILE={bench.state}/clouds.yaml"
    done = bench.outside("env", clouds, sys.executable, "-", stdin=script, timeout=120)
    assert done.returncode == 0, done.stderr
    assert sorted(json.loads(done.stdout)) == [[f"{node}@rbd", "ceph@rbd", "up"] for node in CONTROLLERS]
