"""What the stages of `stop` and `start` share."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from scs_rack.days import tools as real
from scs_rack.days.tools import Make, Tools
from scs_rack.engine.stage import Context, Stage
from scs_rack.results import Change, Finding, Result
from scs_rack.standstill import record

ANYWAY = "anyway"
"""Option of a run: stop although not all is well, or the cloud does not answer."""
GRACE = "grace"
"""Option of a run: seconds that guests have to shut down, or to start."""
USUAL_GRACE = 300.0
CUT = "wait"
"""Option of a run: seconds that a server's operating system has to shut down."""


@dataclass
class Step:
    """A stage that looks for what is left to do, does it, and sees that nothing is left."""

    needs: tuple[str, ...] = ()
    make: Make = real.of
    name: ClassVar[str] = ""
    summary: ClassVar[str] = ""

    def plan(self, ctx: Context) -> Iterable[Change]:
        """What is left to do."""
        return [Change(self.name, device, words) for device, words in self.left(self.make(ctx))]

    def apply(self, ctx: Context) -> Iterable[Result]:
        """Do it."""
        return self.act(self.make(ctx))

    def gate(self, ctx: Context) -> Iterable[Finding]:
        """What is still left to do is not done."""
        for device, words in self.left(self.make(ctx)):
            yield Finding("not-done", "error", device, "nothing left to do", words, "give the command again")

    def left(self, tools: Tools) -> Iterable[tuple[str, str]]:
        """Device and words for each thing that is left to do; changes nothing."""
        raise NotImplementedError

    def act(self, tools: Tools) -> Iterable[Result]:
        """Do what is left."""
        raise NotImplementedError


@dataclass
class Await:
    """The gate of a stage of `up`, asked until it passes: servers that have just been switched on need their time."""

    stage: Stage
    needs: tuple[str, ...]
    within: float

    @property
    def name(self) -> str:
        """The stage's."""
        return self.stage.name

    @property
    def summary(self) -> str:
        """The stage's."""
        return f"{self.stage.summary}: come back by themselves"

    def plan(self, ctx: Context) -> Iterable[Change]:
        """Nothing is changed by waiting."""
        del ctx
        return ()

    def apply(self, ctx: Context) -> Iterable[Result]:
        """Wait, as long as the gate finds something; the gate itself gives the verdict."""
        deadline = time.monotonic() + self.within
        patient = replace(ctx, patience=PATIENCE)
        while time.monotonic() < deadline and not ctx.stop.wait(PAUSE):
            if not any(finding.severity == "error" for finding in self._look(patient)):
                break
        yield Result("manager", f"waited for {self.name}")

    def gate(self, ctx: Context) -> Iterable[Finding]:
        """The stage's."""
        return self.stage.gate(ctx)

    def _look(self, ctx: Context) -> list[Finding]:
        try:
            return list(self.stage.gate(ctx))
        except Exception as error:  # noqa: BLE001 (what is not there yet may break it; at the end it is asked again)
            seen = f"{type(error).__name__}: {error}"
            return [Finding("gate-broken", "error", self.name, "the gate can observe", seen)]


PATIENCE = 20.0
"""Seconds that a gate may take for one look while we wait."""
PAUSE = 5.0


def finished(ctx: Context, name: str) -> bool:
    """True if this stage got to its end since the rack was stopped."""
    found = record.read(ctx.state_dir)
    return found is not None and name in found.done
