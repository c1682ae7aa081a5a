"""Virtual BMCs for tests with strangers' tools: the program that the lab starts, or many in this process."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scs_rack import pki

PASSWORD = "s3cret-Passw0rd"
BIN = Path(sys.executable).parent


@dataclass
class Running:
    """A virtual BMC in a process of its own."""

    config: Path
    folder: Path
    ports: dict[str, int]

    @property
    def ca(self) -> Path:
        """The CA that signed its certificate."""
        return self.folder / "ca/ca.crt"

    @property
    def url(self) -> str:
        """Where its Redfish service is."""
        return f"https://127.0.0.1:{self.ports['redfish']}"

    @property
    def environment(self) -> dict[str, str]:
        """For tools that trust by environment; the password is there, not on a command line."""
        trust = {"REQUESTS_CA_BUNDLE": str(self.ca), "CURL_CA_BUNDLE": str(self.ca)}
        return {**os.environ, **trust, "IPMI_PASSWORD": PASSWORD, "HOME": str(self.folder)}

    def change(self, **values: Any) -> None:
        """Rewrite the configuration while the BMC runs, as `scs-rack lab fault` does."""
        self.config.write_text(json.dumps(json.loads(self.config.read_text()) | values))

    def run(self, *words: Any, seconds: float = 60) -> "subprocess.CompletedProcess[str]":
        """Run a tool."""
        command = [str(word) for word in words]
        return subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=seconds, check=False,
            env=self.environment, cwd=self.folder,
        )  # fmt: skip

    def ipmitool(self, *words: str, suite: int = 17, tries: tuple[int, int] = (2, 1)) -> Any:
        """Run ipmitool; `tries` is its seconds for an answer and its repeats."""
        seconds, repeats = map(str, tries)
        return self.run(
            "ipmitool", "-I", "lanplus", "-C", suite, "-H", "127.0.0.1", "-p", self.ports["ipmi"], "-U", "admin", "-E",
            "-N", seconds, "-R", repeats, *words,
        )  # fmt: skip

    def said(self, *words: str, suite: int = 17) -> str:
        """What ipmitool prints; it must succeed."""
        done = self.ipmitool(*words, suite=suite)
        assert done.returncode == 0, (words, done.stderr, done.stdout)
        return str(done.stdout)


@contextmanager
def running(folder: Path, **changes: Any) -> Iterator[Running]:
    """Run a virtual BMC with both protocols on ports that the kernel chooses."""
    pki.issue(folder, "bmc", ["localhost"], ["127.0.0.1"])
    config = folder / "bmc.json"
    stated = {
        "rack": "test", "rack_dir": str(folder), "server": "node1", "address": "127.0.0.1", "protocol": "redfish",
        "both": True, "user": "admin", "password": PASSWORD, "mac": "02:5c:05:00:01:00",
        "nics": {"mgmt0": "02:5c:05:00:01:01"}, "model": "vnode", "serial": "SN-0001", "power_w": 400,
        "memory_gib": 64, "cpus": 8, "disks": {"root": {"size_gb": 20}, "osd0": {"size_gb": 8, "kind": "hdd"}},
        "cert": str(folder / "ca/bmc.crt"), "key": str(folder / "ca/bmc.key"), "state_dir": str(folder),
        "power": "fake", "port": 0, "other_port": 0,
    }  # fmt: skip
    config.write_text(json.dumps(stated | changes))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "scs_rack.lab.bmc", "--config", str(config)],
            stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
    assert process.stdout
    words = process.stdout.readline().split()
    assert words[:1] == ["ready"], (folder / "log").read_text()
    ports = {words[1]: int(words[3])} | {words[n]: int(words[n + 1]) for n in range(4, len(words), 2)}
    try:
        yield Running(config, folder, ports)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    assert "Traceback" not in (folder / "log").read_text()
