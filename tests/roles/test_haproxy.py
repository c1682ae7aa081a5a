"""What role haproxy writes, and its script that announces the API's addresses, in a namespace of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import jinja2
import pytest
import yaml

ROLE = Path(__file__).parents[2] / "roles/haproxy"
SERVICES = yaml.safe_load((ROLE / "defaults/main.yml").read_text())["haproxy_services"]
CONTROLLERS = [{"name": f"node{n}", "loopback4": f"10.91.0.{n}", "loopback6": f"fd5c:5::{n}"} for n in (1, 2, 3)]
OPTIONAL = {"barbican": [], "octavia": ["node1"], "radosgw": [], "horizon": [], "designate": []}


def render(controllers, groups=OPTIONAL, thumbprint=""):
    """The configuration of the second controller, or of the only one."""
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    own = controllers[min(1, len(controllers) - 1)]
    return environment.from_string((ROLE / "templates/haproxy.cfg.j2").read_text()).render(
        managed="",
        groups=groups,
        haproxy_vip4="10.91.0.254",
        haproxy_vip6="fd5c:5::fe",
        haproxy_host="10.91.0.254",
        haproxy_acme_thumbprint=thumbprint,
        haproxy_ca_file="/ca.crt",
        haproxy_name=own["name"],
        haproxy_address=own["loopback4"],
        haproxy_controllers=controllers,
        haproxy_inside=["10.91.0.0/24"],
        haproxy_services=SERVICES,
        haproxy_vip_service="keystone",
        haproxy_galera_port=3306,
        haproxy_galera_check={"port": 9200, "path": "/"},
        haproxy_etcd_port=2379,
        haproxy_memcached_port=11211,
        haproxy_peers_port=8405,
        haproxy_max_connections=4096,
        haproxy_check_timeout=5,
        haproxy_drain=600,
    )


def sections(text):
    """Lines by the title of their section."""
    found = {}
    for line in text.splitlines():
        if re.match(r"\w", line):
            words = line.split()
            found[" ".join(words[:2])] = lines = []
        elif line.strip() and not line.strip().startswith("#") and found:
            lines.append(line.strip())
    return found


def servers(lines):
    return [line.split()[1:3] for line in lines if line.startswith("server ")]


def test_own_service_comes_first_and_peers_are_verified():
    lines = sections(render(CONTROLLERS))["backend nova"]
    assert servers(lines) == [
        ["node2", "127.0.0.1:8774"],
        ["node1", "10.91.0.1:8774"],
        ["node3", "10.91.0.3:8774"],
    ]
    others = [line for line in lines if line.startswith("server ") and "127.0.0.1" not in line]
    assert all(f"ssl verify required ca-file /ca.crt verifyhost {line.split()[1]} " in line for line in others)


def test_both_addresses_of_the_api_and_the_own_loopback():
    found = sections(render(CONTROLLERS))
    public = [line for line in found["frontend nova"] if line.startswith("bind")]
    assert [line.split()[1] for line in public] == ["10.91.0.254:8774", "[fd5c:5::fe]:8774"]
    assert all(" transparent ssl crt /etc/haproxy/api.pem" in line for line in public)
    own = [line for line in found["frontend nova.own"] if line.startswith("bind")]
    assert own == ["bind 10.91.0.2:8774 transparent ssl crt /etc/haproxy/node.pem alpn http/1.1"]
    assert servers(found["backend nova.own"]) == [["node2", "127.0.0.1:8774"]]


def test_services_that_the_rack_leaves_out_are_left_out():
    found = sections(render(CONTROLLERS))
    assert "frontend octavia" in found
    assert not [title for title in found if re.search("barbican|radosgw|horizon|designate", title)]


def test_horizon_listens_elsewhere_and_browsers_are_sent_to_tls():
    found = sections(render(CONTROLLERS, {**OPTIONAL, "horizon": ["node1", "node2", "node3"]}))
    assert servers(found["backend horizon"])[0] == ["node2", "127.0.0.1:8443"]
    assert "http-request redirect scheme https code 301 unless { ssl_fc }" in found["frontend horizon"]


def test_challenges_of_acme_are_answered_before_browsers_are_sent_to_tls():
    assert "acme" not in render(CONTROLLERS)
    with_horizon = sections(render(CONTROLLERS, {**OPTIONAL, "horizon": ["node1"]}, thumbprint="THUMB"))
    lines = with_horizon["frontend horizon"]
    answer = next(line for line in lines if "acme-challenge" in line)
    assert ".THUMB" in answer
    assert lines.index(answer) < lines.index("http-request redirect scheme https code 301 unless { ssl_fc }")
    assert "frontend acme" not in with_horizon
    alone = sections(render(CONTROLLERS, thumbprint="THUMB"))["frontend acme"]
    assert [line.split()[1] for line in alone[:2]] == ["10.91.0.254:80", "[fd5c:5::fe]:80"]


def test_metadata_is_for_the_rack_only_and_tells_nothing_of_who_asked():
    lines = sections(render(CONTROLLERS))["frontend nova-metadata"]
    assert "tcp-request connection reject unless { src 10.91.0.0/24 }" in lines
    assert not [line for line in lines if "orwarded" in line or "forwardfor" in line]


def test_only_harmless_requests_are_sent_twice():
    lines = sections(render(CONTROLLERS))["backend keystone"]
    assert "http-request disable-l7-retry unless METH_GET or { method HEAD OPTIONS }" in lines


def test_every_public_service_has_hsts_and_drops_what_clients_claim():
    found = sections(render(CONTROLLERS))
    for service in SERVICES:
        lines = found.get(f"frontend {service['name']}")
        if lines and not service.get("inside"):
            assert "http-response set-header Strict-Transport-Security max-age=63072000" in lines
            assert "http-request del-header Forwarded" in lines


def test_database_has_one_writer_that_stays_and_all_agree():
    found = sections(render(CONTROLLERS))
    lines = found["listen galera"]
    assert [name for name, _ in servers(lines)] == ["node1", "node2", "node3"]
    assert "stick on int(1)" in lines
    assert all("on-marked-down shutdown-sessions" in line for line in lines if line.startswith("server"))
    assert [line.split()[1] for line in found["peers controllers"] if line.startswith("server")] == [
        "node2",
        "node1",
        "node3",
    ]


def test_each_memcached_has_the_same_port_on_every_controller():
    found = sections(render(CONTROLLERS))
    for number, one in enumerate(CONTROLLERS, start=1):
        lines = found[f"listen memcached-{one['name']}"]
        assert f"bind 127.0.0.1:{11211 + number}" in lines
        first, *others = [line for line in lines if line.startswith("server ")]
        assert first.split()[1] == one["name"]
        assert first.endswith("on-marked-up shutdown-backup-sessions")
        assert len(others) == 2
        assert all(line.endswith(" backup") for line in others)
    stand_ins = [servers(found[f"listen memcached-{one['name']}"])[1][0] for one in CONTROLLERS]
    assert stand_ins == ["node2", "node3", "node1"]  # whoever asks


def test_one_controller_is_enough():
    found = sections(render(CONTROLLERS[:1]))
    assert servers(found["backend keystone"]) == [["node1", "127.0.0.1:5000"]]
    assert "mark-down" not in " ".join(found["backend keystone"])  # nobody else could answer in the meantime
    assert servers(found["listen galera"]) == [["node1", "10.91.0.1:3306"]]


HAPROXY = """
import contextlib, pathlib, socket, sys, threading
good = pathlib.Path(sys.argv[2])
def listen(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    sock.listen()
    while True:
        yield sock.accept()[0]
def show_stat():
    for client in listen(pathlib.Path(sys.argv[1]).with_name("admin.sock")):
        with client, contextlib.suppress(OSError):
            loading = good.exists() and "loading" in good.read_text()
            checks = "* INI" if loading else "L7OK"
            assert client.recv(100).startswith(b"show stat")
            client.sendall(f"# pxname,svname,check_status,\\na,n1,{checks},\\na.own,n1,,\\n\\n".encode())
threading.Thread(target=show_stat, daemon=True).start()
for client in listen(sys.argv[1]):
    with client, contextlib.suppress(OSError):  # one that waited too long is gone
        complete = b"/complete" in client.recv(100)
        serves = good.exists() and not (complete and "partly" in good.read_text())
        client.sendall(b"HTTP/1.0 %d x\\r\\n\\r\\n" % (200 if serves else 503))
"""
ADDRESSES = "10.91.0.254/32 fd5c:5::fe/128"
VIP = f"{sys.executable} {ROLE}/files/scs-rack-vip"
WAIT = """
here() { ip -o address show lo | grep -q 10.91.0.254 && ip -o address show lo | grep -q fd5c:5::fe; }
gone() { ! ip -o address show lo | grep -qE '10.91.0.254|fd5c:5::fe'; }
await() { for _ in $(seq 400); do "$1" && return; sleep 0.1; done; echo "not $1" >&2; exit 1; }
"""


@pytest.fixture
def inside(tmp_path):
    """Run shell commands in a namespace with a stand-in for HAProxy.

    It can serve while the file `good` is there, each service unless `partly` stands in that, and it has checked all
    servers unless `loading` does.
    """

    def call(commands):
        ask, good = tmp_path / "ask", tmp_path / "good"
        shell = (
            f"set -e; ip link set lo up; good={good}; touch $good; {WAIT}"
            f"python3 -c '{HAPROXY}' {ask} {good} & haproxy=$!\n"
            f"while [ ! -S {ask} ]; do sleep 0.05; done\n"
            f"{VIP} run --socket {ask} --timeout 1 {ADDRESSES} & vip=$!\n"
            f"{commands}\nkill $vip; wait $vip; gone; echo well"
        )
        apart = ["unshare", "--net", "--pid", "--fork", "--kill-child"]  # nothing outlives the shell
        return subprocess.run([*apart, "bash", "-c", shell], capture_output=True, text=True, check=False)

    return call


root = pytest.mark.skipif(os.geteuid() != 0, reason="makes a network namespace, which needs root")


@pytest.mark.root
@root
@pytest.mark.parametrize(
    "commands",
    [
        pytest.param("await here", id="put there, and taken away at the end"),
        pytest.param("await here; rm $good; await gone; touch $good; await here", id="nothing to serve for a while"),
        pytest.param(
            "await here; kill -STOP $haproxy; await gone; kill -CONT $haproxy; await here", id="HAProxy hangs"
        ),
        pytest.param("await here; kill -9 $haproxy; await gone", id="HAProxy is dead"),
        pytest.param(
            "await here; rm $good; await gone; echo partly >$good; sleep 4; gone; : >$good; await here",
            id="servers of all services are found late",
        ),
        pytest.param(
            "await here; rm $good; await gone; echo partly >$good; await here; sleep 3; here",
            id="a service that runs nowhere keeps nothing away for long, and takes nothing away",
        ),
        pytest.param(
            "await here; rm $good; await gone; echo loading >$good; sleep 12; gone; : >$good; await here",
            id="a service listens long before it can serve",
        ),
        pytest.param("await here; ip address delete fd5c:5::fe/128 dev lo; await here", id="somebody took one away"),
    ],
)
def test_addresses_follow_haproxy(inside, commands):
    done = inside(commands)
    assert done.stdout.endswith("well\n"), done.stdout + done.stderr


@pytest.mark.root
@root
def test_withdraw_and_check():
    shell = f"ip link set lo up; {VIP} check {ADDRESSES} && exit 9; ip address add 10.91.0.254/32 dev lo; "
    shell += f"ip address add fd5c:5::fe/128 dev lo; {VIP} check {ADDRESSES} && {VIP} withdraw {ADDRESSES} && "
    shell += f"{VIP} withdraw {ADDRESSES} && ip -o address show lo"
    done = subprocess.run(["unshare", "--net", "sh", "-c", shell], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "10.91.0.254" not in done.stdout.split("all here")[-1]
