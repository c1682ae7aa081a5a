"""The same deployment by the scripts in `shell`: raw commands over SSH, side by side where they may be."""

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cpu
import shell_facts
import shell_files
from racks import Failed, Rack
from rendered import PLAYBOOKS, render

from scs_rack import vault
from scs_rack.clouds import clouds_file
from scs_rack.paths import state_root

SCRIPTS = Path(__file__).with_name("shell")
LAYERS = (("base",), ("ceph", "platform"), ("cloud",), ("resources",))
"""Stages one after the other; those of a layer side by side, as scs-rack runs them."""
PATIENCE = 900.0
"""Seconds after which a layer counts as stuck."""


def measure(rack: Rack) -> dict[str, Any]:
    """Bring the rack up by scripts; BMCs and switches are prepared by scs-rack, outside of the measurement.

    Raises:
        Failed: a script failed, or the gates of scs-rack don't accept what the scripts made.
    """
    for stage in ("bmc", "switches"):
        rack.scs_rack("up", "--to", stage)
    with tempfile.TemporaryDirectory(prefix="scs-rack-bench-") as name:
        work = Path(name)
        prepare(rack, work)
        stages: dict[str, float] = {}
        with cpu.Watch(rack.name) as watch:
            begin = time.time()
            try:
                for layer in LAYERS:
                    stages |= _layer(rack, work, layer)
                end = time.time()
            finally:
                _disconnect(rack, work)
                steps = _steps(work)
                print("\n".join(steps), file=sys.stderr, flush=True)
    # the same gates judge both ways
    rack.scs_rack("check", *(stage for layer in LAYERS for stage in layer))
    return {
        "lab_start": rack.lab_start,
        "stages": stages,
        "total": end - begin,
        "cpu_nodes": watch.nodes(begin, end),
        "cpu_manager": watch.manager(),
        "steps": steps,
    }


def prepare(rack: Rack, work: Path) -> None:
    """Write what the scripts need: facts, files of the stages, an SSH configuration, and contents for the APIs."""
    secrets = vault.load(rack.folder)
    rendered = render(rack.folder, state_root(), work)
    extra = shell_files.extra_files(rack.design, rendered)
    for stage in PLAYBOOKS:
        rendered.pack(stage, work, extra[stage])
    known = shell_facts.facts(rack.design, rendered)
    texts = {
        "facts": "".join(f"{name}={shlex.quote(value)}\n" for name, value in known.items()),
        "ssh_config": shell_facts.ssh_config(rack.design, rack.state, work),
        "catalog.json": json.dumps(shell_facts.catalog(rack.design, rendered, rack.state)),
        "await.json": json.dumps(shell_facts.awaited(rack.design)),
        "wanted.json": json.dumps(
            shell_facts.offered(rack.design, rack.folder, secrets["test_user_password"]), default=str
        ),
    }
    for name, text in texts.items():
        (work / name).write_text(text, encoding="utf-8")


def _layer(rack: Rack, work: Path, layer: tuple[str, ...]) -> dict[str, float]:
    """Run the scripts of a layer side by side; returns how long each took."""
    environment = {
        **os.environ,
        "BENCH": str(work),
        "PYTHON": sys.executable,
        "OS_CLIENT_CONFIG_FILE": str(clouds_file(rack.state)),
    }
    begin = time.monotonic()
    running: dict[str, subprocess.Popen[bytes]] = {}
    seconds: dict[str, float] = {}
    try:
        for stage in layer:
            script = SCRIPTS / f"{stage}.sh"
            command = ["bash", str(script)] if script.exists() else [sys.executable, str(script.with_suffix(".py"))]
            log = (work / f"{stage}.log").open("wb")
            running[stage] = subprocess.Popen(
                rack.inside(command), env=environment, stdout=log, stderr=log, start_new_session=True
            )
        while len(seconds) < len(running):
            for stage, process in running.items():
                if stage not in seconds and process.poll() is not None:
                    seconds[stage] = time.monotonic() - begin
                    if process.returncode:
                        raise Failed(
                            f"the script of stage {stage} ended with {process.returncode}\n{_said(work, stage)}"
                        )
            if time.monotonic() - begin > PATIENCE:
                late = [stage for stage in layer if stage not in seconds]
                words = "\n".join(_said(work, stage) for stage in late)
                raise Failed(f"the script of stage {', '.join(late)} did not end within {PATIENCE:.0f} s\n{words}")
            time.sleep(0.02)
    finally:
        for process in running.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()
    return seconds


def _disconnect(rack: Rack, work: Path) -> None:
    """End the SSH connections that the scripts share."""
    for name in rack.design.in_service:
        leave = ["ssh", "-F", str(work / "ssh_config"), "-O", "exit", name]
        subprocess.run(rack.inside(leave), capture_output=True, check=False)


def _steps(work: Path) -> list[str]:
    """How long each step of the scripts took, as `script step:node seconds`."""
    path = work / "steps"
    rows = [line.rsplit(" ", 1) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    return [f"{what} {int(milliseconds) / 1000:.1f}" for what, milliseconds in rows]


def _said(work: Path, stage: str) -> str:
    """The end of what the script of a stage printed."""
    return (work / f"{stage}.log").read_text(encoding="utf-8", errors="replace")[-4000:]
