"""The script of role underlay in a namespace of its own, with FRR on the uplinks themselves."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "roles/underlay/files/scs-underlay"
LINKS = "ip link add up0 type veth peer name far0; ip link add ext0 type veth peer name far1;"

INCOMPLETE = "if underlay check; then echo nothing is missing >&2; exit 9; fi"

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="makes a network namespace, which needs root"),
]


@pytest.fixture
def inside(tmp_path):
    """Run shell commands in a fresh network namespace; `underlay` is the script with settings of its own."""
    conf = tmp_path / "underlay.conf"
    conf.write_text(
        "DATAPATH=system\nLOOPBACK4=10.91.0.1\nLOOPBACK6=fd5c:5::1\nMTU=9000\nUPLINKS='up0'\nEXTERNAL='ext0'\n"
    )
    script = tmp_path / "underlay"
    script.write_text(SCRIPT.read_text().replace("/etc/scs-rack/underlay.conf", str(conf)))
    script.chmod(0o755)

    def call(commands):
        apart = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]  # nothing outlives the shell
        shell = [*apart, "sh", "-c", f'set -e; underlay() {{ {script} "$@"; }}; {LINKS} {commands}']
        return subprocess.run(shell, capture_output=True, text=True, check=False)

    return call


def test_brings_up_addresses_and_links_and_may_run_again(inside):
    done = inside(f"{INCOMPLETE}; underlay; underlay; underlay check; ip -o address show lo; ip -o link show up0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("10.91.0.1/32") == 1
    assert done.stdout.count("fd5c:5::1/128") == 1
    assert "mtu 9000" in done.stdout


@pytest.mark.parametrize(
    "damage",
    [
        "ip address delete 10.91.0.1/32 dev lo",
        "ip address delete fd5c:5::1/128 dev lo",
        "ip link set up0 down",
        "ip link set ext0 down",
    ],
)
def test_sees_what_was_taken_away_and_mends_it(inside, damage):
    done = inside(f"underlay; underlay check; {damage}; {INCOMPLETE}; underlay; underlay check; echo mended")
    assert done.stdout == "mended\n", done.stderr


def test_the_kernel_has_no_address_on_ports_of_provider_networks(inside):
    done = inside("underlay; cat /proc/sys/net/ipv6/conf/ext0/disable_ipv6 /proc/sys/net/ipv6/conf/up0/disable_ipv6")
    assert done.stdout.split() == ["1", "0"], done.stderr


def test_a_missing_provider_port_does_not_hold_up_the_underlay(inside):
    done = inside("ip link delete ext0; underlay || ip -br address show lo")
    assert "10.91.0.1/32" in done.stdout
    assert "ext0" in done.stderr


def test_leaves_see_the_links_go_when_ovs_vswitchd_is_another_process(inside, tmp_path):
    """The real thing makes the bridge; here it is a link of that name."""
    (tmp_path / "ovs-vsctl").write_text("#!/bin/sh\nip link add br-up0 type veth peer name inside 2>/dev/null || :\n")
    (tmp_path / "ovs-vsctl").chmod(0o755)
    conf = tmp_path / "underlay.conf"
    conf.write_text(conf.read_text().replace("DATAPATH=system", "DATAPATH=netdev"))
    folders = "mount -t sysfs sys /sys; mount -t tmpfs run /run; mkdir /run/openvswitch"
    began = "ip link set far0 up; ip -o monitor link >/run/seen 2>&1 & sleep 0.3"
    lost = "sleep 0.3; grep -c 'far0.*NO-CARRIER' /run/seen || :; : >/run/seen"
    runs = [f"echo {pid} >/run/openvswitch/ovs-vswitchd.pid; : >/run/seen; underlay; {lost}" for pid in (7, 7, 8, 8)]
    done = inside(f"PATH={tmp_path}:$PATH; {folders}; ip link set up0 up; {began}; {'; '.join(runs)}; kill $!")
    assert done.returncode == 0, done.stderr
    counts = [int(word) for word in done.stdout.split()]
    assert [bool(count) for count in counts] == [False, False, True, False], (counts, done.stderr)
