"""A server of the lab by its BMC, as operators with ipmitool and curl use it."""

import json
import os
import pty
import select
import shutil
import subprocess
import time

import pytest

from scs_rack.lab import faults, netns, nodes
from scs_rack.paths import state_dir

pytestmark = [pytest.mark.lab, pytest.mark.skipif(not shutil.which("ipmitool"), reason="needs ipmitool")]


class Bmc:
    """The BMC of node1, from the manager."""

    def __init__(self, rack):
        self.lab = rack.lab
        self.address = str(rack.design.nodes["node1"].bmc.address)
        self.config = json.loads((rack.lab.home / "bmc/node1.json").read_text())
        self.environment = {**os.environ, "IPMI_PASSWORD": self.config["password"]}
        self.inside = ["nsenter", f"--net={netns.path(rack.lab.namespace('manager'))}"]
        self.ipmi = [*self.inside, "ipmitool", "-I", "lanplus", "-C", "17", "-H", self.address, "-U", "admin", "-E"]

    def said(self, *words):
        """What ipmitool prints."""
        return subprocess.run(
            [*self.ipmi, *words], check=True, capture_output=True, text=True, timeout=60, env=self.environment
        ).stdout

    def until(self, state):
        """Wait for a power state."""
        end = time.monotonic() + 60
        while f"is {state}" not in self.said("power", "status"):
            assert time.monotonic() < end
            time.sleep(0.3)

    def curl(self, path, *words):
        """Exit code and what curl prints."""
        login = f'user = "admin:{self.config["password"]}"\n'
        ca = state_dir(self.lab.name) / "ca/ca.crt"
        done = subprocess.run(
            [*self.inside, "curl", "-sS", "--max-time", "20", "--cacert", ca, "-K", "-", *words,
             f"https://{self.address}{path}"], input=login, check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        return done.returncode, done.stdout


@pytest.fixture(scope="module")
def bmc(rack):
    rack.up()
    return Bmc(rack)


def test_both_protocols_switch_the_real_machine(bmc):
    bmc.said("power", "on")
    bmc.until("on")
    assert nodes.power_state(bmc.lab, "node1")
    code, system = bmc.curl("/redfish/v1/Systems/1")
    assert code == 0
    assert json.loads(system)["PowerState"] == "On"
    drives = json.loads(bmc.curl("/redfish/v1/Systems/1/Storage/1")[1])["Drives@odata.count"]
    assert drives == len(bmc.config["disks"]) > 0
    first = nodes.leader(bmc.lab, "node1")
    bmc.curl("/redfish/v1/Systems/1/Actions/ComputerSystem.Reset", "-d", '{"ResetType": "ForceRestart"}')
    end = time.monotonic() + 60
    while nodes.leader(bmc.lab, "node1") in (None, first):
        assert time.monotonic() < end
        time.sleep(0.2)
    assert "S0/G0" in bmc.said("sel", "elist")


def test_the_console_of_the_real_machine(bmc):
    bmc.said("power", "on")
    bmc.until("on")
    process, terminal = pty.fork()
    if process == 0:
        os.execvpe(bmc.ipmi[0], [*bmc.ipmi, "sol", "activate"], bmc.environment)
    seen = b""

    def until(text, seconds=90):
        nonlocal seen
        end = time.monotonic() + seconds
        while text not in seen:
            assert time.monotonic() < end, seen
            if select.select([terminal], [], [], 0.2)[0]:
                seen += os.read(terminal, 4096)

    until(b"node1 login: ")
    seen = b""
    os.write(terminal, b"nobody\r")
    until(b"nobody")  # echoed by the machine's own terminal
    os.write(terminal, b"\r~.")
    os.waitpid(process, 0)
    os.close(terminal)


def test_faults_of_the_lab_reach_the_bmc(bmc, rack):
    def fault(action):
        faults.fault(rack.lab, rack.design, rack.folder, "bmc-node1", action)
        time.sleep(0.5)

    fault("expired-certificate")
    fault("wrong-password")
    assert {"bmc-node1: expired-certificate", "bmc-node1: wrong-password"} <= set(faults.listing(rack.lab, rack.design))
    assert bmc.curl("/redfish/v1/Systems/1")[0] == 60
    with pytest.raises(subprocess.CalledProcessError):
        bmc.said("power", "status")
    fault("heal")
    assert bmc.curl("/redfish/v1/Systems/1")[0] == 0
    bmc.said("power", "status")


def test_a_soft_off_and_what_the_machine_said_is_kept(bmc):
    bmc.said("power", "soft")
    bmc.until("off")
    assert b"Powering off." in (bmc.lab.folder("node1") / "console.log").read_bytes()
    assert not (bmc.lab.folder("node1") / "console.sock").exists()
