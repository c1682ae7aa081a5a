"""Stages that are quick to run and say what they did, and a rack to run them on."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from scs_rack.design import make_design
from scs_rack.engine.bring_up import Order
from scs_rack.engine.stage import Context, Stop
from scs_rack.model.load import load_rack
from scs_rack.results import Change, Finding, Result

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass
class Fake:
    """A stage whose work, plan and gate are given as functions."""

    name: str
    needs: tuple[str, ...] = ()
    work: Callable[[Context], Iterable[Result]] = lambda _ctx: []
    foreseen: Callable[[Context], Iterable[Change]] = lambda _ctx: []
    observed: Callable[[Context], Iterable[Finding]] = lambda _ctx: []
    summary: str = "a fake"
    applied: int = 0
    asked: int = 0

    def plan(self, ctx):
        return self.foreseen(ctx)

    def apply(self, ctx):
        self.applied += 1
        return self.work(ctx)

    def gate(self, ctx):
        self.asked += 1
        return self.observed(ctx)


@dataclass
class Notes:
    """A listener that remembers."""

    events: list[tuple] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def _add(self, *event):
        with self.lock:
            self.events.append(event)

    def stage_started(self, stage):
        self._add("started", stage.name)

    def result(self, stage, result):
        self._add("result", stage.name, result.step)

    def gate_started(self, stage):
        self._add("gate", stage.name)

    def stage_ended(self, end):
        self._add("ended", end.stage.name, end.state)

    def note(self, text):
        self._add("note", text)


def error(where="node1"):
    return Finding("broken", "error", where, "whole", "broken", "mend it")


def rack(folder: Path) -> Path:
    """A copy of the lab's rack file in a folder of its own."""
    target = folder / "rack"
    target.mkdir(exist_ok=True)
    shutil.copy(REPOSITORY / "inventory/lab/rack.yml", target)
    return target


def order(folder: Path, stages, **more) -> Order:
    """An order for a rack below `folder`."""
    where = rack(folder) if not (folder / "rack/rack.yml").exists() else folder / "rack"
    design = make_design(load_rack(where))
    more.setdefault("stop", Stop())
    return Order(design, where, folder / "state" / design.rack.name, stages, **more)


def context(folder: Path, **more) -> Context:
    """A context outside of any run."""
    made = order(folder, [])
    run = folder / "run"
    run.mkdir(exist_ok=True)
    return Context(made.design, made.rack_dir, made.state_dir, run, more.pop("secrets", {}), **more)


def wait_for(what: Callable[[], object], seconds: float = 20.0) -> object:
    """Wait until something is true and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def clean_environment(folder: Path) -> dict[str, str]:
    """Our environment with the state below `folder`."""
    return {**os.environ, "SCS_RACK_STATE": str(folder / "state")}
