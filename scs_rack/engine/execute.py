"""Runs stages in the order of their graph, independent ones side by side, each in a thread of its own."""

import queue
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace

from scs_rack.engine.journal import State
from scs_rack.engine.listen import Listener, StageEnd
from scs_rack.engine.redact import Redactor
from scs_rack.engine.stage import Context, Stage
from scs_rack.errors import Interrupted, ScsRackError, StageFailed, Unreachable
from scs_rack.results import Finding, Result, StageOutcome

GRACE = 10.0
"""Seconds that stages have to end after the operator asked for the second time."""
STILL = 5.0
"""Seconds that a gate may wait that is only asked whether a finished stage is finished still."""
GOOD: frozenset[State] = frozenset({"passed", "verified"})


class Execution:
    """One walk through the graph.

    Args:
        stages: those to run, in an order that works; needs outside of them count as met.
        ctx: what stages are given.
        listener: hears of everything.
        done: stages that an earlier run completed with the same input; they are run only if their gate fails now.
        gates_only: ask the gates and apply nothing.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        ctx: Context,
        listener: Listener,
        *,
        done: frozenset[str] = frozenset(),
        gates_only: bool = False,
    ) -> None:
        self._stages = stages
        self._ctx = ctx
        self._listener = listener
        self._done = done
        self._gates_only = gates_only
        self._redactor = Redactor(ctx.secrets)
        self._ends: queue.Queue[StageEnd] = queue.Queue()
        self._asked_twice: float | None = None

    def run(self) -> list[StageEnd]:
        """Run all; returns how each stage ended, in the order of the graph. Stages never begun are left out."""
        waiting = {stage.name: stage for stage in self._stages}
        running: dict[str, Stage] = {}
        ended: dict[str, StageEnd] = {}
        while waiting or running:
            if self._ctx.stop.requested.is_set():
                waiting.clear()
            self._begin(waiting, running, ended)
            if not running:
                continue
            try:
                end = self._ends.get(timeout=0.2)
            except queue.Empty:
                if self._give_up():
                    break
                continue
            del running[end.stage.name]
            ended[end.stage.name] = end
            self._listener.stage_ended(end)
        for name, stage in running.items():  # did not end although asked twice
            ended[name] = StageEnd(stage, StageOutcome(name), "interrupted", "did not stop when asked")
            self._listener.stage_ended(ended[name])
        return [ended[stage.name] for stage in self._stages if stage.name in ended]

    def _begin(self, waiting: dict[str, Stage], running: dict[str, Stage], ended: Mapping[str, StageEnd]) -> None:
        """Start each stage whose needs are met, and end those whose needs never will be."""
        chosen = {stage.name for stage in self._stages}
        for name, stage in list(waiting.items()):
            needs = [] if self._gates_only else [need for need in stage.needs if need in chosen]
            broken = [need for need in needs if need in ended and ended[need].state not in GOOD]
            if broken:
                del waiting[name]
                end = StageEnd(stage, StageOutcome(name), "blocked", f"needs {', '.join(broken)}")
                running[name] = stage  # its end comes through the queue as all others
                self._ends.put(end)
            elif all(need in ended for need in needs):
                del waiting[name]
                running[name] = stage
                threading.Thread(target=self._stage, args=(stage,), name=name, daemon=True).start()

    def _give_up(self) -> bool:
        if not self._ctx.stop.now.is_set():
            return False
        self._asked_twice = self._asked_twice or time.monotonic()
        return time.monotonic() - self._asked_twice > GRACE

    def _stage(self, stage: Stage) -> None:
        """Body of a stage's thread: whatever happens, its end is put into the queue."""
        started = time.monotonic()
        try:
            end = self._run_stage(stage)
        except (Interrupted, KeyboardInterrupt):
            end = StageEnd(stage, StageOutcome(stage.name), "interrupted", "stopped by the operator")
        except BaseException as error:  # noqa: BLE001 (whatever a stage does, the run must hear of its end)
            code = error.exit_code if isinstance(error, ScsRackError) else 1
            end = StageEnd(stage, StageOutcome(stage.name), "failed", self._fault(stage, "apply", error), code)
        outcome = replace(end.outcome, duration=time.monotonic() - started)
        self._ends.put(replace(end, outcome=outcome))

    def _run_stage(self, stage: Stage) -> StageEnd:
        self._listener.stage_started(stage)
        if self._gates_only:
            return self._judge(stage, ())
        if stage.name in self._done:
            observed = self._judge(stage, (), STILL)
            if observed.state == "passed":
                return replace(observed, state="verified", reason="done before, nothing to do")
        results = self._apply(stage)
        failed = [result for result in results if result.error]
        if failed:
            reason = f"{len(failed)} steps failed" if len(failed) > 1 else f"{failed[0].device}: {failed[0].step}"
            silent = all((result.error or "").startswith("unreachable") for result in failed)
            code = Unreachable.exit_code if silent else StageFailed.exit_code
            return StageEnd(stage, StageOutcome(stage.name, results), "failed", reason, code)
        if self._ctx.stop.requested.is_set():
            raise Interrupted(f"stage {stage.name} was stopped")
        return self._judge(stage, results)

    def _apply(self, stage: Stage) -> tuple[Result, ...]:
        """Apply; results that the stage did not emit itself are emitted as they come out of it."""
        emitted: set[tuple[str, str, float]] = set()

        def emit(result: Result) -> None:
            emitted.add(_identity(result))
            self._listener.result(stage, self._redactor.result(result))

        results = []
        for result in stage.apply(replace(self._ctx, emit=emit)):
            if _identity(result) not in emitted:
                emit(result)
            results.append(self._redactor.result(result))
        return tuple(results)

    def _judge(self, stage: Stage, results: tuple[Result, ...], patience: float | None = None) -> StageEnd:
        """Ask the gate; one that breaks has not passed."""
        self._listener.gate_started(stage)
        try:
            found = tuple(map(self._redactor.finding, stage.gate(replace(self._ctx, patience=patience))))
        except Interrupted:
            raise
        except Exception as error:  # noqa: BLE001 (as above)
            hint = error.hint if isinstance(error, ScsRackError) else "the whole fault is in the run folder's logs"
            seen = self._fault(stage, "gate", error)
            found = (Finding("gate-broken", "error", stage.name, "the gate can observe", seen, hint),)
        outcome = StageOutcome(stage.name, results, found)
        if outcome.passed:
            return StageEnd(stage, outcome, "passed")
        if self._ctx.stop.requested.is_set():
            raise Interrupted(f"gate of {stage.name} was stopped")
        worst = next(finding for finding in found if finding.severity == "error")
        return StageEnd(stage, outcome, "failed", f"gate: {worst.type} at {worst.where}")

    def _fault(self, stage: Stage, where: str, error: BaseException) -> str:
        """Keep the whole fault in the run's logs and return its message."""
        if isinstance(error, ScsRackError):
            return self._redactor.text(error.message)
        log = self._ctx.run_dir / "logs" / f"{stage.name}-{where}.log"
        log.parent.mkdir(exist_ok=True)
        log.write_text(self._redactor.text(traceback.format_exc()), encoding="utf-8")
        return self._redactor.text(f"{type(error).__name__}: {error}")


def _identity(result: Result) -> tuple[str, str, float]:
    return result.device, result.step, result.duration
