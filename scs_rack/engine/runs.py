"""Run folders: where they lie, and what their journals tell."""

import datetime as dt
import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from scs_rack.engine.journal import FILE, Entry, State, finding_of, read, result_of
from scs_rack.errors import UsageError
from scs_rack.results import Finding, Result, StageOutcome

Purpose = Literal[
    "up", "plan", "check", "rotate", "renew", "stop", "start", "drain", "remove", "rejoin", "replace", "disk", "upgrade"
]
HOLDING: tuple[Purpose, ...] = (
    "up",
    "rotate",
    "renew",
    "stop",
    "start",
    "drain",
    "remove",
    "rejoin",
    "replace",
    "disk",
    "upgrade",
)
"""Runs that hold the rack: one without an end is dead as soon as another holds it."""
KEPT = 40
"""Older run folders than this many are removed."""


@dataclass
class StageRecord:
    """What the journal says of one stage."""

    name: str
    state: State | Literal["waiting", "running", "gate"] = "waiting"
    started: float | None = None
    ended: float | None = None
    results: list[Result] = field(default_factory=list)
    gate: list[Finding] = field(default_factory=list)
    fingerprint: str = ""
    reason: str = ""
    code: int = 1
    """Exit code that its failure asks for."""

    @property
    def duration(self) -> float:
        """Seconds, up to now when it is going on."""
        if self.started is None:
            return 0.0
        return (self.ended or time.time()) - self.started

    @property
    def outcome(self) -> StageOutcome:
        """In the form that all stages have."""
        return StageOutcome(self.name, tuple(self.results), tuple(self.gate), self.duration)

    @property
    def devices(self) -> set[str]:
        """Devices that the stage had results for."""
        return {result.device for result in self.results}

    @property
    def failed_devices(self) -> set[str]:
        """Devices with an error."""
        return {result.device for result in self.results if result.error}


@dataclass
class RunRecord:
    """What the journal says of a run."""

    folder: Path
    purpose: Purpose = "up"
    started: float = 0.0
    ended: float | None = None
    state: Literal["running", "passed", "failed", "interrupted", "died"] = "running"
    """`running` is only what was last written: a journal can't know that its writer was killed."""
    command: str = ""
    limit: list[str] | None = None
    """Devices that the run was limited to; None when it was for all."""
    stages: dict[str, StageRecord] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.name

    @property
    def duration(self) -> float:
        """Seconds, up to now when it is going on."""
        return (self.ended or time.time()) - self.started


def create(state_dir: Path) -> Path:
    """Make a folder for a new run: its time in UTC, and a number that goes up."""
    parent = state_dir / "runs"
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S")
    number = max((_number(folder) for folder in folders(state_dir)), default=0)
    while True:
        number += 1
        folder = parent / f"{stamp}-{number}"
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        for name in ("logs", "artifacts"):
            (folder / name).mkdir()
        return folder


def folders(state_dir: Path) -> list[Path]:
    """All run folders, the oldest first."""
    parent = state_dir / "runs"
    found = parent.iterdir() if parent.is_dir() else ()
    return sorted((folder for folder in found if folder.is_dir() and _number(folder)), key=_number)


def scratch_prefix(folder: Path) -> str:
    """How the names of a run's temporary folders begin; they stand apart since paths of sockets must be short."""
    return f"scs-rack-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}-"


def clear_scratch(folder: Path) -> None:
    """Remove the temporary folders that a run left."""
    for left in Path(tempfile.gettempdir()).glob(f"{scratch_prefix(folder)}*"):
        shutil.rmtree(left, ignore_errors=True)


def prune(state_dir: Path) -> None:
    """Remove the oldest run folders beyond those that are kept."""
    for folder in folders(state_dir)[:-KEPT]:
        shutil.rmtree(folder, ignore_errors=True)


def latest(state_dir: Path, purposes: Iterable[Purpose] = ("up",)) -> RunRecord | None:
    """The last run for one of these purposes."""
    for folder in reversed(folders(state_dir)):
        found = record(folder)
        if found and found.purpose in tuple(purposes):
            return found
    return None


def find(state_dir: Path, name: str | None) -> RunRecord:
    """A run by its name or number; the last `up` when none is given.

    Raises:
        UsageError: there is none.
    """
    if name is None:
        found = latest(state_dir)
        if found is None:
            raise UsageError(f"no run of {state_dir.name} yet", "`scs-rack up` makes one")
        return found
    for folder in folders(state_dir):
        known = record(folder) if name in (folder.name, str(_number(folder))) else None
        if known:
            return known
    raise UsageError(f"{state_dir.name} has no run {name}", f"runs lie in {state_dir / 'runs'}")


def record(folder: Path) -> RunRecord | None:
    """What a run's journal says; None when there is no journal."""
    entries = read(folder) if (folder / FILE).is_file() else []
    if not entries:
        return None
    run = RunRecord(folder)
    for entry in entries:
        _apply(run, entry)
    if run.state == "died":  # found out later than it happened
        run.ended = entries[-2].time if len(entries) > 1 else run.started
        for stage in run.stages.values():
            stage.ended = stage.ended or run.ended
    return run


def _apply(run: RunRecord, entry: Entry) -> None:
    body = entry.body
    if entry.kind == "run-started":
        run.started, run.purpose, run.command = entry.time, body["purpose"], body.get("command", "")
        run.limit = body.get("limit")
        run.stages = {name: StageRecord(name) for name in body["stages"]}
    elif entry.kind == "run-ended":
        run.ended, run.state = entry.time, body["state"]
    elif entry.kind == "note":
        run.notes.append(body["text"])
    else:
        _apply_stage(run.stages.setdefault(entry.stage, StageRecord(entry.stage)), entry)


def _apply_stage(stage: StageRecord, entry: Entry) -> None:
    if entry.kind == "stage-started":
        stage.started, stage.state = entry.time, "running"
    elif entry.kind == "result":
        stage.results.append(result_of(entry.body))
    elif entry.kind == "gate-started":
        stage.state = "gate"
    elif entry.kind == "stage-ended":
        stage.ended, stage.state = entry.time, entry.body["state"]
        stage.fingerprint, stage.reason = entry.body.get("fingerprint", ""), entry.body.get("reason", "")
        stage.code = entry.body.get("code", 1)
        stage.gate = [finding_of(one) for one in entry.body.get("gate", ())]


def _number(folder: Path) -> int:
    tail = folder.name.rpartition("-")[2]
    return int(tail) if tail.isdigit() else 0
