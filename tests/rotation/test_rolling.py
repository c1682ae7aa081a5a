"""Requests are led away from a controller and back by a real HAProxy."""

import json
import shutil
import socket
import subprocess
import sys
import time

import pytest

from scs_rack.rotation.rolling import HAPROXY

pytestmark = pytest.mark.skipif(not shutil.which("haproxy"), reason="needs haproxy")

CONFIG = """
global
  stats socket {folder}/admin.sock mode 600 level admin
defaults
  mode http
  timeout connect 2s
  timeout client 5s
  timeout server 5s
frontend keystone
  bind {folder}/front.sock
  default_backend keystone
backend keystone
  balance first
  server node1 127.0.0.1:{port} check inter 200ms
  server node2 127.0.0.1:{port} check inter 200ms
backend keystone.own
  server node1 127.0.0.1:{port} track keystone/node1
backend galera
  server node1 127.0.0.1:{port} check inter 200ms
"""


@pytest.fixture
def haproxy(tmp_path):
    """A running HAProxy; tell it something."""
    listener = socket.create_server(("127.0.0.1", 0))
    (tmp_path / "haproxy.cfg").write_text(CONFIG.format(folder=tmp_path, port=listener.getsockname()[1]))
    process = subprocess.Popen(["haproxy", "-db", "-f", tmp_path / "haproxy.cfg"], stderr=subprocess.DEVNULL)
    while not (tmp_path / "admin.sock").exists():
        assert process.poll() is None
        time.sleep(0.05)

    def tell(state, server="", bad=()):
        done = subprocess.run(
            [sys.executable, "-c", HAPROXY.replace("/run/haproxy/admin.sock", str(tmp_path / "admin.sock"))],
            input=json.dumps({"server": server, "state": state, "wait": 1, "bad": list(bad)}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    yield tell
    process.terminate()
    process.wait(10)
    listener.close()


def test_a_controller_is_led_around_and_comes_back(haproxy):
    assert haproxy("") == []
    haproxy("drain", "node1")
    assert "keystone/node1 DRAIN" in haproxy("", bad=["DRAIN"])
    assert haproxy("") == [], "while it is configured, being led around is no fault"
    haproxy("ready", "node1")
    assert haproxy("", bad=["DRAIN"]) == []


def test_what_a_killed_run_left_is_found_and_mended(haproxy):
    haproxy("drain", "node2")
    assert haproxy("release") == ["node2"]
    assert haproxy("", bad=["DRAIN"]) == []
    assert haproxy("release") == []


def test_what_somebody_took_out_for_maintenance_stays_out(haproxy):
    haproxy("maint", "node2")
    assert haproxy("release") == []
    assert haproxy("") == ["keystone/node2 MAINT"]
