"""A virtual rack of its own for the end-to-end tests: the shipped lab under another name, so a lab in use stays."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scs_rack.engine import runs
from scs_rack.engine.runs import RunRecord
from scs_rack.lab import preflight
from scs_rack.model.load import load_rack
from scs_rack.paths import state_dir

NAME = "e2e"
SHIPPED = Path(__file__).parents[2] / "inventory/lab/rack.yml"


@dataclass
class Bench:
    """Calls scs-rack and outside tools against the rack."""

    folder: Path
    state: Path = field(default_factory=lambda: state_dir(NAME))

    def scs_rack(self, *words: str, check: bool = True, timeout: float = 1500) -> subprocess.CompletedProcess[str]:
        """Run a command of scs-rack to its end."""
        argv = [sys.executable, "-m", "scs_rack", *words[:1], *words[1:]]
        done = subprocess.run(argv, env=self.env, capture_output=True, text=True, timeout=timeout, check=False)
        if check and done.returncode:
            pytest.fail(f"{' '.join(words)} ended with {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
        return done

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command of scs-rack and return at once."""
        log = (self.folder / "started.log").open("ab")
        argv = [sys.executable, "-m", "scs_rack", *words]
        return subprocess.Popen(argv, env=self.env, stdout=log, stderr=log, start_new_session=True)

    def outside(self, *words: str, stdin: str = "", timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a tool of the host in the manager's namespace."""
        argv = ["ip", "netns", "exec", f"{NAME}-manager", *words]
        return subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)

    def on(self, machine: str, *words: str) -> str:
        """Run a command on a machine of the lab; returns its standard output."""
        return self.scs_rack("lab", "shell", machine, "--", *words).stdout

    def last_run(self) -> RunRecord:
        """What the journal of the newest run says."""
        run = runs.latest(self.state)
        assert run is not None
        return run

    def wait_for_stage(self, stage: str, states: set[str], seconds: float, older: str = "") -> None:
        """Wait until a stage of the newest run (which is not `older`) is in one of the states."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            run = runs.latest(self.state)
            if run and run.name != older and stage in run.stages and run.stages[stage].state in states:
                return
            time.sleep(0.3)
        pytest.fail(f"stage {stage} was never {states}: {(self.folder / 'started.log').read_text()[-3000:]}")

    @property
    def env(self) -> dict[str, str]:
        """Environment that names the rack."""
        return {**os.environ, "SCS_RACK": str(self.folder)}


@pytest.fixture(scope="package")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The rack, its lab started; whatever happens, the lab is removed at the end."""
    if os.geteuid() != 0:
        pytest.skip("a lab needs root")
    if missing := preflight.check(load_rack(SHIPPED).image):
        pytest.skip("; ".join(f"{one.type}: {one.hint}" for one in missing))
    folder = tmp_path_factory.mktemp("rack")
    text = SHIPPED.read_text(encoding="utf-8").replace("\nname: lab\n", f"\nname: {NAME}\n", 1)
    (folder / "rack.yml").write_text(text, encoding="utf-8")
    one = Bench(folder)
    one.scs_rack("lab", "down", "--now")
    shutil.rmtree(one.state, ignore_errors=True)
    one.scs_rack("lab", "up")
    yield one
    one.scs_rack("lab", "down", "--now", check=False)


def end_with(process: subprocess.Popen[bytes], kind: signal.Signals) -> int:
    """Send a signal to a started command and wait for its end; returns its exit code."""
    process.send_signal(kind)
    return process.wait(120)
