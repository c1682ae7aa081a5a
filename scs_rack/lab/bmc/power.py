"""What a virtual BMC switches: a real node of the lab, or a variable in tests."""

import logging
import os
import shutil
import time
import urllib.request
from pathlib import Path
from typing import Protocol

from scs_rack.lab import cgroup, nodes, vm
from scs_rack.lab.bmc.boot import BootOverride
from scs_rack.lab.bmc.config import BmcConfig

log = logging.getLogger(__name__)
MEDIUM = "medium.iso"
"""File beside a virtual machine's disks with what is in its virtual drive."""


class PowerBackend(Protocol):
    """Power of one server. Calls may block for seconds; the BMC makes them in threads."""

    def power_state(self) -> bool:
        """True while the server runs, also while it shuts down; never blocks."""
        ...

    def start(self) -> None:
        """Power on; does nothing on a running server."""
        ...

    def boot(self, override: BootOverride, image: str | None = None) -> None:
        """Told before each start what the server boots from first, and the URL of what is in its virtual drive."""
        ...

    def stop(self, *, hard: bool) -> None:
        """Power off: at once, or by asking the operating system; does nothing on a server that is off."""
        ...

    def load(self) -> float:
        """Part of its processors' time that the server used since this was last asked, 0 to 1; never blocks."""
        ...

    def console(self) -> Path | None:
        """Folder with the console's log and socket; None when there is no console."""
        ...


class FakePower:
    """Power as a variable.

    Args:
        on: state to begin with.
        delay: seconds that each action takes.
        console: folder of a console, for tests of SOL.
    """

    def __init__(self, *, on: bool = False, delay: float = 0.0, console: Path | None = None) -> None:
        self.on = on
        self.delay = delay
        self.work = 0.0
        """What `load` says."""
        self.actions: list[str] = []
        """What was really done, in order."""
        self._console = console

    def power_state(self) -> bool:
        """True while on."""
        return self.on

    def boot(self, override: BootOverride, image: str | None = None) -> None:
        """There is nothing that boots."""

    def start(self) -> None:
        """Power on."""
        time.sleep(self.delay)
        self.on = True
        self.actions.append("start")

    def stop(self, *, hard: bool) -> None:
        """Power off."""
        time.sleep(self.delay)
        self.on = False
        self.actions.append("kill" if hard else "shutdown")

    def load(self) -> float:
        """What the test says."""
        return self.work

    def console(self) -> Path | None:
        """What the test gave."""
        return self._console


class LabPower:
    """Power of a node of the lab."""

    def __init__(self, config: BmcConfig) -> None:
        self._lab = nodes.lab_of(config.rack_dir)
        self._server = config.server
        self._cpus = min(config.cpus, os.cpu_count() or 1)
        self._seen: tuple[float, int] = (time.monotonic(), 0)
        self._load = 0.0

    def power_state(self) -> bool:
        """True while the node's machine runs."""
        return nodes.power_state(self._lab, self._server)

    def boot(self, override: BootOverride, image: str | None = None) -> None:
        """Choose what a virtual machine boots from; the other machines have one thing to boot from.

        An image is fetched whole before the start; where that fails, the drive is empty.
        """
        path = self._lab.vm(self._server)
        if path.is_file():
            there = image is not None and _fetched(image, Path(vm.spec(path).disks_folder) / MEDIUM)
            vm.choose(path, override.target, MEDIUM if there else "")

    def start(self) -> None:
        """Start the node's machine."""
        nodes.start(self._lab, self._server)

    def stop(self, *, hard: bool) -> None:
        """Stop the node's machine."""
        nodes.stop(self._lab, self._server, hard=hard)

    def load(self) -> float:
        """From the control group's account of the node's processor time."""
        now = time.monotonic()
        then, used = self._seen
        if now - then >= 0.5:
            usage = _cpu_usec(cgroup.of(self._lab.name, self._server, "machine"))
            if used:
                self._load = max(0.0, usage - used) / 1e6 / (now - then) / self._cpus
            self._seen = (now, usage)
        return self._load

    def console(self) -> Path | None:
        """Folder of the node."""
        return self._lab.folder(self._server)


def _fetched(image: str, target: Path) -> bool:
    """Fetch an image for a virtual drive; False when it can't be had."""
    if not image.startswith(("http://", "https://")):
        return False
    try:
        with urllib.request.urlopen(image, timeout=20) as answer, target.open("wb") as file:  # noqa: S310 (see above)
            shutil.copyfileobj(answer, file)
    except OSError:
        log.exception("%s can't be fetched", image)
        return False
    return True


def _cpu_usec(group: Path) -> int:
    """Processor time of a control group in microseconds; 0 while there is none (cgroup v2, cpu.stat)."""
    try:
        first = (group / "cpu.stat").read_text(encoding="ascii").splitlines()[0]
        return int(first.split()[1])
    except (OSError, ValueError, IndexError):
        return 0


def backend_of(config: BmcConfig) -> PowerBackend:
    """The backend that the configuration asks for."""
    return FakePower(console=config.console) if config.power == "fake" else LabPower(config)
