"""The fabric of inventory/fabric under another name, driven by the product's own commands."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from scs_rack.design import make_design
from scs_rack.errors import StageFailed
from scs_rack.lab import netns, nodes
from scs_rack.lab.layout import Lab
from scs_rack.model.load import load_rack

from .train import Train

REPOSITORY = Path(__file__).parents[2]
FLOWS = [
    (f"host{one}", f"host{two}")
    for one, two in ((1, 5), (2, 6), (3, 7), (4, 8), (5, 2), (6, 3), (7, 4), (8, 1), (1, 2), (7, 8))
]
"""Between the pairs of leaves in both directions, and within both."""


class Fabric:
    """The fabric, and what tests do with it."""

    def __init__(self, folder, name):
        self.folder = folder
        self.lab = Lab(name)

    @property
    def file(self):
        return self.folder / "rack.yml"

    @property
    def design(self):
        return make_design(load_rack(self.folder))

    def edit(self, *changes):
        """Change the rack file: (what stands there, what shall stand there), each exactly once."""
        text = self.file.read_text()
        for before, after in changes:
            assert text.count(before) == 1, before
            text = text.replace(before, after)
        self.file.write_text(text)

    def scs_rack(self, *words, code=0, seconds=180):
        """Run the product as an operator does; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "scs_rack", *words, "-r", str(self.folder)],
            capture_output=True, text=True, check=False, timeout=seconds, cwd=REPOSITORY,
        )  # fmt: skip
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def apply(self, code=0):
        """Bring the switches to what the rack file says."""
        return self.scs_rack("up", "--to", "switches", code=code)

    def train(self):
        """Ping trains through the fabric for as long as the block lasts."""
        return Train(self.lab, self.design, FLOWS)

    def run(self, device, *command):
        """Run a command on a device; returns what it printed."""
        argv = nodes.enter_command(self.lab, device, list(command))
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

    def vtysh(self, device, command):
        """Ask FRR of a device."""
        return json.loads(self.run(device, "vtysh", "-c", command))

    def sessions(self, device):
        """State of a device's BGP sessions by interface."""
        peers = self.vtysh(device, "show bgp ipv4 unicast summary json").get("peers", {})
        return {name: peer["state"] for name, peer in peers.items()}

    def drops(self, devices=None):
        """How often any session of each device was lost since FRR started there; without devices that are off."""
        names = devices or (*self.design.nodes, *(n for n, s in self.design.switches.items() if s.role != "oob"))
        found = {}
        for name in names:
            with contextlib.suppress(StageFailed, subprocess.CalledProcessError):
                neighbours = self.vtysh(name, "show bgp neighbors json")
                found[name] = sum(one.get("connectionsDropped", 0) for one in neighbours.values())
        return found

    def ping(self, source, target):
        """How many of three packets came back."""
        command = ["ping", "-n", "-c", "3", "-i", "0.1", "-W", "1", target]
        inside = ["nsenter", f"--net={netns.path(self.lab.namespace(source))}"]
        said = subprocess.run([*inside, *command], capture_output=True, text=True, check=False).stdout
        found = re.search(r"(\d+) received", said)
        return int(found[1]) if found else 0

    def converged(self, seconds=30):
        """Wait until every host reaches every other one by two ways."""
        hosts = [str(node.loopback4) for node in self.design.nodes.values()]

        def both():
            for name, node in self.design.nodes.items():
                routes = self.run(name, "ip", "-4", "route", "show", "proto", "bgp")
                blocks = {part.split()[0]: part for part in re.split(r"\n(?=\S)", routes) if part.strip()}
                for host in hosts:
                    if host != str(node.loopback4) and blocks.get(host, "").count("nexthop") < 2:
                        return False
            return True

        return until(both, seconds)


def until(condition, seconds=30.0, pause=0.3):
    """Wait for a condition; returns whether it came true."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True


@contextlib.contextmanager
def running(folder, name="fabrictest"):
    """A copy of the fabric's rack file in a folder, up and configured; gone afterwards."""
    text = (REPOSITORY / "inventory/fabric/rack.yml").read_text()
    (folder / "rack.yml").write_text(text.replace("name: fabric\n", f"name: {name}\n", 1))
    state = Path(f"/var/tmp/scs-rack-{name}")  # on a disk, where overlays can be: /tmp may be a tmpfs
    shutil.rmtree(state, ignore_errors=True)
    before = os.environ.get("SCS_RACK_STATE")
    os.environ["SCS_RACK_STATE"] = str(state)
    fabric = Fabric(folder, name)
    try:
        fabric.scs_rack("lab", "up")
        fabric.apply()
        assert fabric.converged()
        yield fabric
    finally:
        fabric.scs_rack("lab", "down", "--now")
        shutil.rmtree(state)
        if before is None:
            del os.environ["SCS_RACK_STATE"]
        else:
            os.environ["SCS_RACK_STATE"] = before
