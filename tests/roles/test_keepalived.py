"""keepalived with the configuration that role haproxy writes: three controllers on one wire, each in a namespace."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import jinja2
import pytest

ROLE = Path(__file__).parents[2] / "roles/haproxy"
VIP = f"{sys.executable} {ROLE}/files/scs-rack-vip"
VIP4, VIP6 = "10.90.0.20", "fd5c:5::fe"
CONTROLLERS = [{"name": f"node{n}", "loopback4": f"10.91.0.{n}", "mgmt": f"10.90.0.{100 + n}"} for n in (1, 2, 3)]
HEALTH = """
import contextlib, pathlib, socket, sys
sock = socket.socket(socket.AF_UNIX)
sock.bind(sys.argv[1])
sock.listen()
while True:
    with sock.accept()[0] as client, contextlib.suppress(OSError):
        client.recv(100)
        client.sendall(b"HTTP/1.0 %d x\\\\r\\\\n\\\\r\\\\n" % (200 if pathlib.Path(sys.argv[2]).exists() else 503))
"""
SHELL = """
set -e
mount -t tmpfs none /run
ip link set lo up; ip link add wire type bridge forward_delay 0; ip link set wire up
for n in 1 2 3; do
  mkdir -p /run/$n; touch /run/$n/good
  unshare --net sleep 600 & eval "pid$n=$!"
done
sleep 1
for n in 1 2 3; do
  eval "pid=\\$pid$n"
  ip link add mgmt0 netns $pid type veth peer name w$n; ip link set w$n master wire up
  at $n ip link set lo up; at $n ip link set mgmt0 up; at $n ip address add 10.90.0.10$n/24 dev mgmt0
  python3 -c '@HEALTH@' /run/$n/health.sock /run/$n/good &
  options="--use-file=@TOP@/node$n.conf --pid=/run/$n/pid --vrrp_pid=/run/$n/vrrp"
  at $n keepalived --dont-fork --log-console --vrrp $options &
done
"""
TOOLS = """
at() { n=$1; shift; eval "p=\\$pid$n"; nsenter --net=/proc/$p/ns/net "$@"; }
has() { at $1 ip -o address show | grep -q '@VIP4@/32' && at $1 ip -o address show lo | grep -q '@VIP6@/128'; }
holders() { for n in 1 2 3; do if has $n; then printf $n; fi; done; }
held() { [ "$(holders | wc -c)" = 1 ] && [ "$(holders)" != "$1" ]; }
await() { for _ in $(seq 400); do held "$1" && { holder=$(holders); return; }; sleep 0.1; done
  echo "held by '$(holders)', wanted one other than '$1'"; exit 1; }
stays() { sleep 5; [ "$(holders)" = "$1" ] || { echo "held by '$(holders)', wanted '$1'"; exit 1; }; }
"""
FIRST = "await none; first=$holder\n"


def render(number):
    """The configuration of a controller."""
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    own = CONTROLLERS[number - 1]
    text = environment.from_string((ROLE / "templates/keepalived.conf.j2").read_text()).render(
        managed="",
        haproxy_name=own["name"],
        haproxy_mgmt=own["mgmt"],
        haproxy_mgmt_nic="mgmt0",
        haproxy_vrrp_id=20,
        haproxy_controllers=CONTROLLERS,
        haproxy_vip4=VIP4,
        haproxy_vip6=VIP6,
        haproxy_vip_timeout=1,
    )
    script = f"{VIP} ask --socket /run/{number}/health.sock"
    return text.replace("/usr/local/sbin/scs-rack-vip ask", script)


def test_controllers_differ_in_their_addresses_and_in_who_comes_first():
    texts = [render(number) for number in (1, 2, 3)]
    assert ["priority 200" in texts[0], "priority 199" in texts[1], "priority 198" in texts[2]] == [True] * 3
    assert "unicast_src_ip 10.90.0.102" in texts[1]
    assert "10.90.0.102" not in texts[1].split("unicast_peer")[1]
    assert all("nopreempt" in text and "virtual_router_id 20" in text for text in texts)


@pytest.mark.parametrize(("vrrp_id", "runs"), [(20, "/usr/sbin/keepalived"), (0, "/usr/local/sbin/scs-rack-vip")])
def test_the_unit_of_the_addresses_runs_what_moves_them(vrrp_id, runs):
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    text = environment.from_string((ROLE / "templates/scs-rack-vip.service.j2").read_text()).render(
        managed="", haproxy_services=[], haproxy_vip_timeout=1, haproxy_vip4=VIP4, haproxy_vip6=VIP6,
        haproxy_vrrp_id=vrrp_id, haproxy_mgmt_nic="mgmt0",
    )  # fmt: skip
    (start,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    assert start.removeprefix("ExecStart=").split()[0] == runs
    assert (f"{VIP4}/32%mgmt0" in text) is bool(vrrp_id)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces, which needs root")
@pytest.mark.skipif(shutil.which("keepalived") is None, reason="there is no keepalived")
@pytest.mark.parametrize(
    "commands",
    [
        pytest.param("stays $first", id="one of them has both addresses, and keeps them"),
        pytest.param("rm /run/$first/good; await $first; touch /run/$first/good; stays $holder",
                     id="HAProxy can't serve for a while"),
        pytest.param("ip link set w$first down; await $first; ip link set w$first up; stays $holder",
                     id="the wire is cut for a while"),
        pytest.param("for _ in 1 2; do kill -TERM $(cat /run/$holder/pid); await $holder; done",
                     id="two are shut down one after the other"),
        pytest.param("kill -9 $(cat /run/$first/pid) $(cat /run/$first/vrrp); at $first @VIP@ withdraw @VIP4@/32%mgmt0 "
                     "@VIP6@/128; await $first", id="keepalived is killed, and systemd cleans up after it"),
    ],
)  # fmt: skip
def test_the_addresses_are_on_one_that_can_serve(commands, tmp_path):
    for number in (1, 2, 3):
        (tmp_path / f"node{number}.conf").write_text(render(number))
    text = TOOLS.replace("@VIP4@", VIP4).replace("@VIP6@", VIP6)
    commands = commands.replace("@VIP@", VIP).replace("@VIP4@", VIP4).replace("@VIP6@", VIP6)
    text += SHELL.replace("@TOP@", str(tmp_path)).replace("@HEALTH@", HEALTH)
    apart = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    done = subprocess.run(
        [*apart, "bash", "-c", f"{text}\n{FIRST}{commands}\necho well"], capture_output=True, text=True, check=False
    )
    assert done.stdout.endswith("well\n"), done.stdout[-3000:] + done.stderr[-3000:]
