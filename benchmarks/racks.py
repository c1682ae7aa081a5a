"""Virtual racks to measure on: the shipped lab's rack file under another name, one at a time."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scs_rack.design import Design, make_design
from scs_rack.lab.layout import MANAGER, Lab
from scs_rack.model.load import load_rack
from scs_rack.paths import state_dir

SHIPPED = Path(__file__).parents[1] / "inventory/lab/rack.yml"


class Failed(Exception):
    """A command of the benchmark failed; says which, and the end of what it printed."""


@dataclass(frozen=True)
class Rack:
    """One virtual rack with its lab up and its servers off."""

    name: str
    folder: Path
    """Holds rack.yml, and its secrets."""
    design: Design
    lab_start: float
    """Seconds that `lab up` took."""

    @property
    def state(self) -> Path:
        """State folder."""
        return state_dir(self.name)

    def scs_rack(self, *words: str) -> float:
        """Run a command of scs-rack; returns how long it took.

        Raises:
            Failed: it did not end with 0.
        """
        return timed([sys.executable, "-m", "scs_rack", *words], {**os.environ, "SCS_RACK": str(self.folder)})

    def inside(self, argv: list[str]) -> list[str]:
        """The command that runs another one in the manager's network namespace."""
        return ["nsenter", f"--net=/run/netns/{Lab(self.name).namespace(MANAGER)}", *argv]


def timed(argv: list[str], environment: dict[str, str]) -> float:
    """Run a command; returns how long it took.

    Raises:
        Failed: it did not end with 0.
    """
    begin = time.monotonic()
    run(argv, environment)
    return time.monotonic() - begin


def run(argv: list[str], environment: dict[str, str]) -> None:
    """Run a command to its end; its output is shown only when it fails.

    Raises:
        Failed: it did not end with 0.
    """
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(argv, env=environment, stdout=output, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            output.seek(0)
            raise Failed(f"{' '.join(argv)} ended with {done.returncode}\n{output.read()[-4000:]}")


@contextmanager
def virtual_rack(name: str, *, keep: bool) -> Iterator[Rack]:
    """A fresh virtual rack; removed afterwards, whatever happens, unless it shall be kept.

    Args:
        name: name of the rack; nothing of an earlier one of this name is left.
        keep: leave the lab running, with its rack file.

    Raises:
        Failed: the lab does not come up.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    text = SHIPPED.read_text(encoding="utf-8").replace("\nname: lab\n", f"\nname: {name}\n", 1)
    (folder / "rack.yml").write_text(text, encoding="utf-8")
    rack = Rack(name, folder, make_design(load_rack(folder)), 0.0)
    try:
        _remove(rack)
        yield Rack(name, folder, rack.design, rack.scs_rack("lab", "up"))
    finally:
        if keep:
            print(f"kept: SCS_RACK={folder} scs-rack lab status; remove it by `scs-rack lab down`", file=sys.stderr)
        else:
            _remove(rack)
            shutil.rmtree(folder, ignore_errors=True)


def _remove(rack: Rack) -> None:
    rack.scs_rack("lab", "down", "--now")
    shutil.rmtree(rack.state, ignore_errors=True)
