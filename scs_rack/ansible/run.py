"""Runs a playbook on the rack by ansible-runner and returns what it did, host by host and task by task."""

import os
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ansible_runner

from scs_rack import vault
from scs_rack.ansible.events import Collector, Event
from scs_rack.ansible.mitogen import strategy
from scs_rack.engine.processes import MARK, marked
from scs_rack.engine.redact import Redactor
from scs_rack.engine.runs import scratch_prefix
from scs_rack.engine.stage import Context, Stop
from scs_rack.errors import Interrupted, UsageError
from scs_rack.paths import shipped
from scs_rack.results import Finding, Result

MANAGER = "manager"
"""Device of results that belong to the machine we run on."""
PLAYBOOK_MARK = "SCS_RACK_PLAYBOOK"
"""Environment variable that tells processes of one playbook from those of others in the same run."""
COLLECTIONS = Path(__file__).resolve().parent / "collections"
_PATIENCE = 8.0
"""Seconds that ansible-playbook has to end by itself after SIGINT."""


def run_playbook(
    ctx: Context,
    playbook: str,
    *,
    check: bool = False,
    diff: bool = False,
    limit: Iterable[str] | None = None,
    tags: Iterable[str] | None = None,
) -> list[Result]:
    """Run a playbook that comes with scs-rack.

    Args:
        ctx: rack, run folder, and who hears of results as they come.
        playbook: file name in `playbooks`, e.g. `base.yml`, or an absolute path.
        check: Ansible's check mode: change nothing, say what would change.
        diff: ask modules for diffs.
        limit: names of hosts; the context's limit when not given.
        tags: only tasks with these tags.

    Returns:
        One result for each task on each host (skipped ones left out). Failures are results with an error.
        Tally, times and log are in `<run folder>/ansible/<playbook>`.

    Raises:
        Interrupted: the operator stopped the run.
        UsageError: there is no such playbook.
    """
    path = Path(playbook) if Path(playbook).is_absolute() else shipped("playbooks") / playbook
    if not path.is_file():
        raise UsageError(f"there is no playbook {path}")
    folder = _folder(ctx.run_dir / "ansible", f"{path.stem}-check" if check else path.stem)
    chosen = limit if limit is not None else ctx.limit
    arguments = [*(["--check"] if check else []), *(["--diff"] if diff else [])]
    arguments += ["--tags", ",".join(tags)] if tags else []
    arguments += ["--limit", ",".join(sorted(chosen))] if chosen is not None else []
    if chosen is not None and not list(chosen):
        return []
    fast = strategy()
    collector = Collector(ctx.emit, time.monotonic)
    if fast.why_plain:
        collector.results.append(_slow(fast.why_plain))
        ctx.emit(collector.results[0])
    with tempfile.TemporaryDirectory(prefix=scratch_prefix(ctx.run_dir)) as sockets:
        environment = _environment(ctx, folder, Path(sockets)) | fast.environment
        job = _Job(collector, Redactor(ctx.secrets), folder, ctx.stop)
        outcome = ansible_runner.run(
            private_data_dir=str(folder),
            ident="run",
            playbook=str(path),
            inventory=str(ctx.rack_dir / "rack.yml"),
            envvars=environment,
            cmdline=shlex.join(arguments),
            settings={"pexpect_timeout": 1, "suppress_output_file": True},
            quiet=True,
            event_handler=job.event,
            status_handler=job.status,
            cancel_callback=job.cancelled,
        )
    collector.write(folder / "profile.json")
    if ctx.stop.requested.is_set():
        raise Interrupted(f"playbook {path.name} was stopped")
    results = collector.finished()
    if outcome.rc != 0 and not any(result.error for result in results):
        results.append(_no_start(path.name, outcome.rc, job))
        ctx.emit(results[-1])
    return results


@dataclass
class _Job:
    """What ansible-runner calls back."""

    collector: Collector
    redactor: Redactor
    folder: Path
    stop: Stop
    words: list[str] = field(default_factory=list)
    """Last lines of output that belong to no task."""
    asked: float | None = None
    """When ansible-playbook was asked to end."""

    def event(self, event: Event) -> bool:
        """Log an event and hand it on, both without secrets."""
        self.redactor.data(event)
        text = str(event.get("stdout") or "").strip("\r\n")
        if text:
            with (self.folder / "output.log").open("a", encoding="utf-8") as log:
                log.write(text.replace("\r\n", "\n") + "\n")
            if event.get("event") in {"error", "verbose", "warning", "system_warning"}:
                self.words = [*self.words, text][-30:]
        return self.collector.take(event)

    def status(self, data: dict[str, Any], **_: object) -> None:
        """Drop the file in which ansible-runner stores our whole environment."""
        if data.get("status") == "running":
            (self.folder / "artifacts/run/command").unlink(missing_ok=True)

    def cancelled(self) -> bool:
        """Asked once a second. True kills; before that ansible-playbook gets a chance to end its workers itself."""
        if not self.stop.requested.is_set():
            return False
        if self.asked is None:
            self.asked = time.monotonic()
            for pid in marked(str(self.folder), PLAYBOOK_MARK):
                if _leads(pid):
                    os.killpg(pid, signal.SIGINT)
        return self.stop.now.is_set() or time.monotonic() - self.asked > _PATIENCE


def _leads(pid: int) -> bool:
    try:
        return os.getpgid(pid) == pid
    except ProcessLookupError:
        return False


def _folder(parent: Path, name: str) -> Path:
    """A folder for this playbook; a second run of it in the same run gets one of its own."""
    for number in range(1, 1000):
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(mode=0o700, parents=True)
        except FileExistsError:
            continue
        return folder
    raise UsageError(f"{parent} is full of runs of {name}")


def _environment(ctx: Context, folder: Path, sockets: Path) -> dict[str, str]:
    """Settings of ansible-playbook; the operator's own Ansible settings don't leak in."""
    tools = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", os.defpath)
    password = vault.password_file(ctx.rack_dir)
    settings = {
        "ANSIBLE_CONFIG": str(shipped("ansible.cfg")),
        "ANSIBLE_ROLES_PATH": str(shipped("roles")),
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_TIMEOUT": "60",  # a node that has just booted beside others answers late
        "ANSIBLE_GATHERING": "explicit",
        "ANSIBLE_FORKS": str(min(20, max(5, len(ctx.design.nodes)))),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(sockets),
        "ANSIBLE_LOCAL_TEMP": str(sockets / "tmp"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_DEPRECATION_WARNINGS": "False",
        "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "False",
        "SCS_RACK_STATE": str(ctx.state_dir.parent),
        MARK: str(ctx.run_dir),
        PLAYBOOK_MARK: str(folder),
        "PATH": path if tools in path.split(os.pathsep) else f"{tools}{os.pathsep}{path}",
    }
    if password is not None:
        settings["ANSIBLE_VAULT_PASSWORD_FILE"] = str(password)
    return settings


def _slow(why: str) -> Result:
    finding = Finding(
        "mitogen-not-used", "warning", MANAGER, "Mitogen speeds up Ansible", why, "pip install 'mitogen>=0.3.54'"
    )
    return Result(MANAGER, "choose Ansible's strategy", findings=(finding,))


def _no_start(playbook: str, code: int | None, job: _Job) -> Result:
    if shutil.which("ansible-playbook", path=os.pathsep.join([str(Path(sys.executable).parent), os.defpath])) is None:
        said = "ansible-playbook is not installed beside scs-rack"
    else:
        said = "\n".join(job.words) or f"no output; see {job.folder / 'output.log'}"
    return Result(MANAGER, f"ansible-playbook {playbook}", error=f"exit code {code}: {said}")
