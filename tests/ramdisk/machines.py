"""Servers without firmware: the ramdisk's own files and agent in namespaces, with loop devices for disks."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
MANAGER = "srt-manager"
"""Network namespace of the manager; its bridge `oob` is the out-of-band network."""
_LACKS = "-sys_boot,-sys_time,-sys_module"


def sh(*argv, check=True, **more):
    """Run a command; returns what it printed."""
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=False, **more)
    assert not check or done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


def network(address):
    """The manager's namespace, with a bridge that has its address."""
    sh("ip", "netns", "add", MANAGER)
    for line in ("link set lo up", "link add oob type bridge", f"addr add {address} dev oob", "link set oob up"):
        sh("ip", "-n", MANAGER, *line.split())


@dataclass
class Machine:
    """One server.

    Args:
        name: of the server whose machine this is.
        folder: its files.
        nics: port and MAC address; the first boots from the network.
        disks: name and bytes.
        serial: product serial number.
    """

    name: str
    folder: Path
    nics: list
    disks: list
    serial: str

    @property
    def namespace(self):
        """Its network namespace."""
        return f"srt-{self.name}"

    def build(self, loader):
        """Make namespace, cables and disks."""
        self.folder.mkdir(parents=True)
        sh("ip", "netns", "add", self.namespace)
        for number, (port, mac) in enumerate(self.nics):
            peer = f"{self.name[-2:]}{port}"
            sh("ip", "-n", MANAGER, "link", "add", peer, "type", "veth", "peer", "name", f"eth{number}", "netns",
               self.namespace)  # fmt: skip
            sh("ip", "-n", self.namespace, "link", "set", f"eth{number}", "address", mac)
            sh("ip", "-n", MANAGER, "link", "set", peer, "up", *(["master", "oob"] if number == 0 else []))
        (self.folder / "nics").write_text("".join(f"eth{n} {mac}\n" for n, (_, mac) in enumerate(self.nics)))
        (self.folder / "words").write_text(f"product_serial {self.serial}\nsys_vendor Lab\n")
        (self.folder / "loader").write_bytes(loader.read_bytes())
        lines = []
        for name, size in self.disks:
            with self.disk(name).open("wb") as file:
                file.truncate(size)
            loop = sh("losetup", "--find", "--show", "--partscan", self.disk(name)).strip()
            lines.append(f"{name} {loop.rpartition('/')[2]} {self.serial}-{name}\n")
        (self.folder / "disks").write_text("".join(lines))

    def slow(self, rate):
        """Let its boot port take so much a second (as tc(8) says it); None: as much as it can."""
        peer = f"{self.name[-2:]}{self.nics[0][0]}"
        sh("tc", "-n", MANAGER, "qdisc", "del", "dev", peer, "root", check=False)
        if rate:
            words = f"qdisc add dev {peer} root tbf rate {rate} burst 64k latency 100ms".split()
            sh("tc", "-n", MANAGER, *words)

    def is_off_within(self, seconds):
        """Wait until it has switched itself off."""
        end = time.monotonic() + seconds
        while self.pid and time.monotonic() < end:
            time.sleep(0.1)
        return not self.pid

    def start_of(self, name):
        """The first 8 MiB of a disk."""
        with self.disk(name).open("rb") as file:
            return file.read(8 << 20)

    def remove(self):
        """Remove all of it."""
        self.off()
        if (self.folder / "disks").is_file():
            for line in (self.folder / "disks").read_text().splitlines():
                sh("losetup", "--detach", f"/dev/{line.split()[1]}", check=False)
        sh("ip", "netns", "del", self.namespace, check=False)

    def disk(self, name):
        """File of a disk."""
        return self.folder / f"{name}.img"

    def loop(self, name):
        """Device of a disk."""
        lines = (line.split() for line in (self.folder / "disks").read_text().splitlines())
        return next(f"/dev/{loop}" for disk, loop, _ in lines if disk == name)

    def empty(self, name):
        """Give it a new disk."""
        size = self.disk(name).stat().st_size
        with self.disk(name).open("r+b") as file:
            file.truncate(0)
            file.truncate(size)
        sh("blockdev", "--rereadpt", self.loop(name), check=False)

    @property
    def console(self):
        """What it printed since it was switched on."""
        path = self.folder / "console"
        return path.read_text(errors="replace") if path.is_file() else ""

    @property
    def pid(self):
        """Its first process; 0 while it is off."""
        try:
            pid = int((self.folder / "pid").read_text())
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, ValueError):
            return 0
        return 0 if state in "ZX" else pid

    def on(self, ramdisk):
        """Switch it on; it outlives who does so."""
        if self.pid:
            return
        command = [
            "ip", "netns", "exec", self.namespace, "unshare", "--mount", "--propagation", "private", "--pid", "--fork",
            "--kill-child", "--mount-proc", "setpriv", f"--bounding-set={_LACKS}", f"--inh-caps={_LACKS}",
            "nice", "-n", "19", "sh", str(HERE / "machine.sh"), str(self.folder), str(ramdisk),
        ]  # fmt: skip
        with (self.folder / "console").open("wb") as console:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True
            )
        (self.folder / "pid").write_text(str(process.pid))

    def off(self):
        """Cut its power."""
        pid = self.pid
        if pid:
            os.kill(pid, signal.SIGKILL)
            end = time.monotonic() + 10
            while self.pid and time.monotonic() < end:
                time.sleep(0.02)

    def mounted(self, part, work):
        """What `work(folder)` returns with a partition of the first disk mounted."""
        folder = self.folder / "look"
        folder.mkdir(exist_ok=True)
        sh("mount", "-o", "ro", f"{self.loop(self.disks[0][0])}p{part}", folder)
        try:
            return work(folder)
        finally:
            sh("umount", folder)


def manager(*words, **more):
    """Start the manager in its namespace."""
    return subprocess.Popen(
        ["ip", "netns", "exec", MANAGER, "nice", "-n", "19", sys.executable, "-m", "tests.ramdisk.manager",
         *map(str, words)],
        cwd=HERE.parents[1], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more,
    )  # fmt: skip
