"""Where one lab keeps its things, and how they are called."""

import contextlib
import fcntl
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scs_rack.errors import UsageError
from scs_rack.files import write_file
from scs_rack.paths import state_dir

MANAGER = "manager"


@dataclass(frozen=True)
class Machine:
    """What a machine of the lab is started from; written by `lab up`, read by whoever starts it."""

    name: str
    kind: str
    """`server`, `switch` or `manager`."""
    namespace: str
    ports: tuple[str, ...]
    """Cabled interfaces in its namespace."""
    disks: dict[str, str] = field(default_factory=dict)
    """Files that are its disks, by their name in /srv/disks of the machine."""
    devices: tuple[str, ...] = ()
    """Device nodes of the host that it gets."""
    boots: bool = True
    """False: it runs a few daemons and no operating system (`scs_rack.lab.host`)."""
    vm: bool = False
    """True: it is a virtual machine; what it is made of stands in its `vm.json` (`scs_rack.lab.vm`)."""


@dataclass(frozen=True)
class Lab:
    """One lab, by the name of its rack. All that stands in a rack file is in its Design, not here."""

    name: str

    @property
    def home(self) -> Path:
        """Folder with all that `lab down` removes again."""
        return state_dir(self.name) / "lab"

    @property
    def image(self) -> Path:
        """Link to the root folder of the node image that this lab runs."""
        return self.home / "image"

    @property
    def accel(self) -> Path:
        """File that says how guests run here: `kvm` or `tcg`."""
        return self.home / "accel"

    def namespace(self, device: str) -> str:
        """Network namespace of a server, a switch or the manager."""
        return f"{self.name}-{device}"

    def bmc_namespace(self, server: str) -> str:
        """Network namespace of a server's BMC."""
        return f"{self.name}-bmc-{server}"

    def folder(self, machine: str) -> Path:
        """Overlay, console and lock of one machine."""
        return self.home / "nodes" / machine

    def vm(self, server: str) -> Path:
        """File that says what a virtual machine is made of."""
        return self.folder(server) / "vm.json"

    def disk(self, server: str, disk: str) -> Path:
        """File that is a server's disk."""
        return self.home / "disks" / server / disk

    def machine(self, name: str) -> Machine:
        """Read what a machine is started from.

        Raises:
            UsageError: there is no such machine, or the lab was never brought up.
        """
        path = self.folder(name) / "machine.json"
        try:
            stated: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UsageError(f"lab {self.name} has no machine {name}", "`scs-rack lab up` makes it") from None
        lists = {key: tuple(value) for key, value in stated.items() if isinstance(value, list)}
        return Machine(**{**stated, **lists})

    def record(self, machine: Machine) -> None:
        """Write what a machine is started from."""
        path = self.folder(machine.name) / "machine.json"
        write_file(path, json.dumps(asdict(machine)), 0o644)

    def machines(self) -> list[str]:
        """Names of all machines that were made."""
        return sorted(path.parent.name for path in self.home.glob("nodes/*/machine.json"))

    @contextlib.contextmanager
    def locked(self, machine: str) -> Iterator[None]:
        """Hold one machine: nobody else starts or stops it meanwhile."""
        path = self.folder(machine) / "lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
