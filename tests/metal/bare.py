"""What the tests of bare metal do with their rack: the product's own commands, as an operator gives them."""

import contextlib
import mmap
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from scs_rack.design import make_design
from scs_rack.lab import nodes, vm
from scs_rack.lab.layout import Lab
from scs_rack.model.load import load_rack
from scs_rack.paths import state_dir
from scs_rack.provision import records

NAME = "metal"
REPOSITORY = Path(__file__).parents[2]


class Metal:
    """The rack."""

    def __init__(self, folder):
        self.folder = folder
        self.lab = Lab(NAME)

    @property
    def design(self):
        return make_design(load_rack(self.folder))

    @property
    def state(self):
        return state_dir(NAME)

    def record(self, server):
        """What the manager knows of a server's installation."""
        return records.read(self.state, server)

    def scs_rack(self, *words, code=0, seconds=600):
        """Run a command; returns all that it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "scs_rack", *words, "-r", str(self.folder)],
            capture_output=True, text=True, check=False, timeout=seconds, cwd=REPOSITORY,
        )  # fmt: skip
        console = "\n".join(f"--- {name}\n{self.console(name)}" for name in ("metal1", "metal2", "metal3"))
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}\n{console}"
        return done.stdout + done.stderr

    def empty(self, server):
        """Give a server that is off a new root disk."""
        disk = self.lab.disk(server, "root")
        size = disk.stat().st_size
        disk.unlink()
        with disk.open("wb") as file:
            file.truncate(size)

    def unplug(self, server, disk):
        """Take a disk out of a server that is off."""
        found = vm.spec(self.lab.vm(server))
        vm.write_spec(replace(found, disks=tuple(one for one in found.disks if one != disk)), self.lab.vm(server))

    def holds(self, server, disk, what):
        """True if these bytes are anywhere on a disk."""
        with (
            self.lab.disk(server, disk).open("rb") as file,
            mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as content,
        ):
            return content.find(what) >= 0

    def answers_within(self, server, seconds):
        """Wait until a server answers over SSH."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
                return bool(self.on(server, "echo yes"))
            time.sleep(1)
        return False

    def start(self, *words):
        """Start a command and return at once."""
        return subprocess.Popen(
            [sys.executable, "-m", "scs_rack", *words, "-r", str(self.folder)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=REPOSITORY,
        )  # fmt: skip

    def is_off_within(self, server, seconds):
        """Wait until a server has switched itself off."""
        end = time.monotonic() + seconds
        while nodes.power_state(self.lab, server) and time.monotonic() < end:
            time.sleep(0.5)
        return not nodes.power_state(self.lab, server)

    def console(self, server):
        """The end of what a server printed."""
        log = self.lab.folder(server) / "console.log"
        return log.read_bytes()[-2000:].decode(errors="replace") if log.is_file() else ""

    def on(self, server, command):
        """Run a command on a server over SSH, from the manager's namespace, with the pinned host key."""
        node = self.design.nodes[server]
        files = self.state / "ssh"
        done = subprocess.run(
            ["ip", "netns", "exec", f"{NAME}-manager", "ssh", "-F", "/dev/null", "-i", files / "id_ed25519",
             "-o", f"UserKnownHostsFile={files / 'known_hosts'}", "-o", "StrictHostKeyChecking=yes",
             "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", f"root@{node.mgmt.ip}", command],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout
