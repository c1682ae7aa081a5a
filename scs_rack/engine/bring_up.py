"""One run from end to end: lock, leftovers of a dead run, run folder, journal, stages, and what is written last."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scs_rack.design import Design
from scs_rack.engine import runs, settled
from scs_rack.engine.execute import GOOD, Execution
from scs_rack.engine.fingerprint import fingerprint
from scs_rack.engine.graph import layers
from scs_rack.engine.journal import Journal
from scs_rack.engine.listen import JournalListener, Listener, Listeners, StageEnd
from scs_rack.engine.lock import command_line, hold
from scs_rack.engine.processes import MARK, stop_marked
from scs_rack.engine.redact import Redactor
from scs_rack.engine.stage import Context, Stage, Stop
from scs_rack.errors import UsageError
from scs_rack.prepare import prepare
from scs_rack.results import StageOutcome

ROLLING: frozenset[runs.Purpose] = frozenset({"rotate", "renew", "upgrade", "stop", "start"})
"""Runs that take servers out of service one after the other, or the whole rack."""
SERVES = "cloud"
"""The stage after which servers are in service."""


@dataclass(frozen=True)
class Order:
    """What a run shall do."""

    design: Design
    rack_dir: Path
    state_dir: Path
    stages: Sequence[Stage]
    limit: frozenset[str] | None = None
    converge: bool = False
    """Run every stage, also those that an unfinished run before completed."""
    options: dict[str, Any] = field(default_factory=dict)
    stop: Stop = field(default_factory=Stop)

    def context(self, run_dir: Path, secrets: dict[str, str]) -> Context:
        """What the stages of this order are given in a run."""
        return Context(
            self.design,
            self.rack_dir,
            self.state_dir,
            run_dir,
            secrets,
            limit=self.limit,
            options=self.options,
            stop=self.stop,
        )


Watch = Callable[[Path], Listener]
"""Makes the listener that shows progress, given the run folder."""


def bring_up(order: Order, watch: Watch, purpose: runs.Purpose = "up") -> runs.RunRecord:
    """Run the stages of an order; returns what the journal says of it.

    Any other purpose than `up` runs all of them: what they have to do follows from what they find.

    Raises:
        RackLocked: another run holds the rack.
        UsageError: secrets can't be had.
    """
    with hold(order.state_dir) as lock:
        notes = bury(order.state_dir)
        if lock.before and not notes:
            notes = [f"the rack was still marked as held by {lock.before}, which is gone"]
        secrets = prepare(order.rack_dir, order.state_dir, order.design)
        mark = fingerprint(order.rack_dir, secrets, order.limit)
        done = frozenset() if order.converge or purpose != "up" else _completed(order.state_dir, mark)
        with _folder(order, purpose, secrets, mark) as (ctx, journal):
            lock.name_run(ctx.run_dir.name)
            listener = Listeners([JournalListener(journal, mark), watch(ctx.run_dir)])
            for note in notes:
                listener.note(note)
            with _allowing(order, purpose):
                ends = Execution(order.stages, ctx, listener, done=done).run()
            _conclude(ctx, journal, ends, order)
            if _all_good(ends, order) and SERVES in {end.stage.name for end in ends}:
                before = settled.read(order.state_dir) if order.limit is not None else frozenset[str]()
                chosen = order.design.in_service if order.limit is None else order.limit
                settled.write(order.state_dir, sorted((before | set(chosen)) & set(order.design.in_service)))
        return _recorded(ctx.run_dir)


@contextmanager
def _allowing(order: Order, purpose: runs.Purpose) -> Iterator[None]:
    """What may be done to servers in service; runs that roll through them one by one may restart what they come to."""
    if purpose in ROLLING or "restart" in order.options.get("allow", ()):
        os.environ[settled.ALLOW] = "restart"
    try:
        yield
    finally:
        os.environ.pop(settled.ALLOW, None)


def check(order: Order, watch: Watch) -> runs.RunRecord:
    """Ask the gates of an order's stages and change nothing; needs no lock."""
    secrets = prepare(order.rack_dir, order.state_dir, order.design)
    with _folder(order, "check", secrets) as (ctx, journal):
        listener = Listeners([JournalListener(journal), watch(ctx.run_dir)])
        _conclude(ctx, journal, Execution(order.stages, ctx, listener, gates_only=True).run(), order)
    return _recorded(ctx.run_dir)


def bury(state_dir: Path) -> list[str]:
    """See after a run that died (kill -9, power loss): end what they left running, and write their end.

    Call it while the rack is held: a run without an end is then dead.

    Returns:
        What was found, for people.
    """
    last = runs.latest(state_dir, runs.HOLDING)
    if last is None or last.ended is not None:
        return []
    killed = stop_marked(str(last.folder))
    runs.clear_scratch(last.folder)
    for leftover in last.folder.glob("ansible/*/artifacts/run/job_events/*-partial.json*"):
        leftover.unlink()
    journal = Journal(last.folder)
    journal.write("run-ended", state="died")
    journal.close()
    processes = f"; of its processes {killed} still ran and were stopped" if killed else ""
    return [f"run {last.name} died before its end{processes}; going on from what the gates observe"]


def _completed(state_dir: Path, mark: str) -> frozenset[str]:
    """Stages that the last run completed with this very input, when that run did not get to its end."""
    last = runs.latest(state_dir)
    if last is None or last.state == "passed":
        return frozenset()
    return frozenset(stage.name for stage in last.stages.values() if stage.state in GOOD and stage.fingerprint == mark)


@contextmanager
def _folder(
    order: Order, purpose: runs.Purpose, secrets: dict[str, str], mark: str = ""
) -> Iterator[tuple[Context, Journal]]:
    """A run folder with an open journal; whatever the run started is ended with it."""
    run_dir = runs.create(order.state_dir)
    redactor = Redactor(secrets)
    os.environ[MARK] = str(run_dir)  # all children inherit it
    journal = Journal(run_dir, redactor)
    names = [stage.name for stage in order.stages]
    limit = sorted(order.limit) if order.limit is not None else None
    journal.write("run-started", purpose=purpose, command=command_line(), stages=names, limit=limit, pid=os.getpid())
    content = {
        "rack": order.design.rack.name,
        "purpose": purpose,
        "command": command_line(),
        "layers": [[stage.name for stage in layer] for layer in partial_layers(order.stages)],
        "limit": limit,
        "fingerprint": mark,
    }
    _write(run_dir / "plan.json", redactor.text(json.dumps(content, indent=1)))
    ctx = order.context(run_dir, secrets)
    try:
        yield ctx, journal
    except BaseException:
        journal.write("run-ended", state="interrupted" if order.stop.requested.is_set() else "failed")
        raise
    finally:
        stop_marked(str(run_dir))
        runs.clear_scratch(run_dir)
        journal.close()
        os.environ.pop(MARK, None)
        runs.prune(order.state_dir)


def partial_layers(stages: Sequence[Stage]) -> list[list[Stage]]:
    """Layers of a part of the graph: what is not in it counts as met."""
    left, found, met = list(stages), [], set()
    names = {stage.name for stage in stages}
    while left:
        ready = [stage for stage in left if all(need in met or need not in names for need in stage.needs)]
        if not ready:
            return layers(stages)  # says what is wrong
        found.append(ready)
        met |= {stage.name for stage in ready}
        left = [stage for stage in left if stage not in ready]
    return found


def _conclude(ctx: Context, journal: Journal, ends: list[StageEnd], order: Order) -> None:
    """Write the run's end to its journal, and its results beside it."""
    if ctx.stop.requested.is_set() and not _all_good(ends, order):
        state = "interrupted"
    else:
        state = "passed" if _all_good(ends, order) else "failed"
    journal.write("run-ended", state=state)
    content = {
        "state": state,
        "stages": [{"state": end.state, "reason": end.reason, **_summary(end.outcome)} for end in ends],
    }
    _write(ctx.run_dir / "results.json", Redactor(ctx.secrets).text(json.dumps(content, indent=1)))


def _all_good(ends: list[StageEnd], order: Order) -> bool:
    return len(ends) == len(order.stages) and all(end.state in GOOD for end in ends)


def _summary(outcome: StageOutcome) -> dict[str, Any]:
    return {
        "stage": outcome.stage,
        "seconds": round(outcome.duration, 2),
        "steps": len(outcome.results),
        "changed": outcome.changed,
        "failed": [
            {"device": result.device, "step": result.step, "error": result.error}
            for result in outcome.results
            if result.error
        ],
        "findings": [vars(finding) for finding in outcome.gate],
    }


def _recorded(run_dir: Path) -> runs.RunRecord:
    found = runs.record(run_dir)
    if found is None:
        raise UsageError(f"the journal in {run_dir} is gone")
    return found


def _write(path: Path, text: str) -> None:
    path.write_text(text + "\n", encoding="utf-8")
