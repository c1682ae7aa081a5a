"""Lab switches in namespaces of their own, for tests that need root: as small as it gets, gone afterwards."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from scs_rack import ssh
from scs_rack.design import Design
from scs_rack.engine.stage import Context
from scs_rack.lab import cgroup, identity
from scs_rack.lab.switch import prepare
from scs_rack.model import ImageOptions
from scs_rack.provision.image import image_of


def image() -> Path | None:
    """Root folder of the node image: $SCS_RACK_IMAGE_ROOT, else the one that was built for the lab, if it was."""
    if stated := os.environ.get("SCS_RACK_IMAGE_ROOT"):
        return Path(stated)
    found = image_of(ImageOptions())
    return found.root if found.complete else None


def missing() -> str | None:
    """Why lab switches can't run here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    if not shutil.which("systemd-nspawn"):
        return "needs systemd-nspawn"
    if image() is None:
        return "needs a node image (scs-rack image build, or SCS_RACK_IMAGE_ROOT)"
    return None


def sh(*argv: str, check: bool = True) -> str:
    """Run a command, return what it prints."""
    return subprocess.run(argv, check=check, capture_output=True, text=True).stdout


@dataclass
class Machines:
    """Namespaces and machines of one test, all with one prefix."""

    design: Design
    folder: Path
    prefix: str = field(default_factory=lambda: f"switch-test-{os.getpid()}-")
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    namespaces: list[str] = field(default_factory=list)
    mounted: list[Path] = field(default_factory=list)

    def namespace(self, name: str) -> str:
        """Make a namespace."""
        full = self.prefix + name
        sh("ip", "netns", "add", full)
        self.namespaces.append(full)
        sh("ip", "-n", full, "link", "set", "lo", "up")
        return full

    def cable(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        """A veth pair between two ports."""
        sh(
            *("ip", "link", "add", one[1], "netns", self.prefix + one[0], "mtu", "9100", "type", "veth"),
            *("peer", "name", other[1], "netns", self.prefix + other[0], "mtu", "9100"),
        )

    def boot_switch(self, name: str, public_key: str) -> None:
        """Boot a switch whose namespace and cables are there."""

        def make(root: Path) -> None:
            identity.name(root, name)
            identity.host_key(root)
            prepare(self.design, name, root, public_key=public_key)

        self.boot(name, make)

    def boot_host(self, name: str, frr_conf: str) -> None:
        """Boot a machine that runs FRR and nothing else."""

        def make(root: Path) -> None:
            identity.name(root, name)
            daemons = root / "etc/frr/daemons"
            daemons.write_text(daemons.read_text().replace("bgpd=no", "bgpd=yes").replace("bfdd=no", "bfdd=yes"))
            (root / "etc/frr/frr.conf").write_text(frr_conf)
            units = root / "etc/systemd/system"
            (units / "host.target.wants").mkdir()
            (units / "host.target.wants/frr.service").symlink_to("/usr/lib/systemd/system/frr.service")
            (units / "host.target").write_text("[Unit]\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n")
            (units / "default.target").unlink(missing_ok=True)
            (units / "default.target").symlink_to("/etc/systemd/system/host.target")

        self.boot(name, make)

    def boot(self, name: str, make: Callable[[Path], None]) -> None:
        """Boot a machine on an overlay of the image that `make` changed."""
        lower = image()
        base = self.folder / name
        for part in ("upper", "work", "root"):
            (base / part).mkdir(parents=True)
        options = f"lowerdir={lower},upperdir={base}/upper,workdir={base}/work"
        sh("mount", "-t", "overlay", f"{self.prefix}{name}", "-o", options, f"{base}/root")
        self.mounted.append(base / "root")
        make(base / "root")
        full = self.prefix + name
        group = self.cgroup(name)
        cgroup.create(group)
        nspawn = [
            *("systemd-nspawn", "-q", "-D", f"{base}/root", "-M", full, "--register=no", "--keep-unit"),
            *(f"--network-namespace-path=/run/netns/{full}", "--capability=all", "--resolv-conf=off"),
            "--system-call-filter=bpf",
            *("--timezone=off", "--console=pipe", "-b"),
        ]
        environment = os.environ | {
            "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
            "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
        }
        console = (base / "console").open("wb")
        self.running[name] = subprocess.Popen(
            ["sh", "-c", 'echo $$ > "$1"; shift; exec "$@"', "sh", f"{group}/cgroup.procs", *nspawn],
            stdin=subprocess.DEVNULL, stdout=console, stderr=console, env=environment, start_new_session=True,
        )  # fmt: skip

    def context(self, state: Path) -> Context:
        """Context for stages, with the host keys of all machines that were booted."""
        lines = [
            f"{switch.mgmt.ip} {identity.host_key(self.folder / name / 'root')}\n"
            for name, switch in self.design.switches.items()
            if name in self.running
        ]
        ssh.files(state).known_hosts.write_text("".join(lines))
        return Context(self.design, state, state, state, {})

    def leader(self, name: str) -> int:
        """Pid of a machine's init."""
        pid = self.running[name].pid
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            if children:
                return int(children[0])
            time.sleep(0.1)
        raise TimeoutError(f"{name} has no init")

    def run(self, name: str, *argv: str) -> str:
        """Run a command in a machine."""
        enter = ["nsenter", "-t", str(self.leader(name)), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w"]
        environment = ["env", "-i", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        done = subprocess.run([*enter, *environment, *argv], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{name}: {argv} → {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def cgroup(self, name: str) -> Path:
        """Control group of a machine."""
        return cgroup.of(self.prefix.rstrip("-"), name)

    def freeze(self, name: str, *, frozen: bool) -> None:
        """Stop all processes of a machine where they are, or let them go on."""
        (self.cgroup(name) / "cgroup.freeze").write_text(str(int(frozen)))

    def close(self) -> None:
        """Stop and remove everything, whatever state it is in."""
        for name, process in self.running.items():
            group = self.cgroup(name)
            self.freeze(name, frozen=False)
            cgroup.kill(group)
            process.wait(timeout=15)
        for root in self.mounted:
            sh("umount", str(root))
        cgroup.remove(cgroup.of(self.prefix.rstrip("-")))
        cgroup.remove_shadows(self.prefix.rstrip("-"))
        for namespace in self.namespaces:
            sh("ip", "netns", "del", namespace)
