"""Stage `switches`: CONFIG_DB of every switch as the rack file says, and a fabric that speaks BGP."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scs_rack.engine.stage import Context
from scs_rack.errors import ScsRackError, Unreachable
from scs_rack.results import Change, Finding, Result
from scs_rack.sonic.apply import NeedsReload, unconfirmed
from scs_rack.sonic.change import change, survey
from scs_rack.sonic.order import WouldCutOff
from scs_rack.sonic.plan import plan
from scs_rack.sonic.reach import fabric_findings
from scs_rack.sonic.transport import Switch, on_all, switches
from scs_rack.sonic.verify import await_sessions, fabric_ports, link_findings, links_up, unreachable

__all__ = ["SwitchesStage", "fabric_findings"]

SESSION_WAIT = 30.0
"""Seconds for fabric sessions to come up in the gate."""


def _observe(switch: Switch) -> list[Finding]:
    """What is not as it should be on a switch, without its sessions."""
    found = list(link_findings(switch.ctx.design, switch.name, links_up(switch)))
    wanted = plan(switch)
    if not wanted.empty:
        found.append(
            Finding(
                "config-differs",
                "error",
                switch.name,
                "CONFIG_DB as wanted",
                wanted.summary,
                f"`scs-rack switch diff --limit {switch.name}` shows it, `scs-rack up` applies it",
            )
        )
    found += [
        Finding(
            "change-unconfirmed",
            "error",
            switch.name,
            "no change waiting to be undone",
            f"one of {left.owner}",
            "`scs-rack up` undoes it and configures the switch again; else it undoes itself",
        )
        for left in unconfirmed(switch)
    ]
    return found


def _why(error: ScsRackError) -> str:
    """What stands in a result; `unreachable` first where that is why."""
    hint = f" ({error.hint})" if isinstance(error, NeedsReload | WouldCutOff) else ""
    return f"unreachable: {error.message}" if isinstance(error, Unreachable) else error.message + hint


@dataclass(frozen=True)
class SwitchesStage:
    """Configures all switches."""

    name: str = "switches"
    needs: tuple[str, ...] = ()
    summary: str = "switches configured, fabric sessions established"

    def plan(self, ctx: Context) -> Iterable[Change]:
        """Compare CONFIG_DB of every switch with what the rack file wants.

        Raises:
            ScsRackError: a switch can't be read.
        """
        for name, answer in on_all(switches(ctx), lambda switch: (unconfirmed(switch), plan(switch))).items():
            if isinstance(answer, ScsRackError):
                raise answer
            left, wanted = answer
            if left:
                yield Change(self.name, name, "a change that was never confirmed will be undone first")
            if not wanted.empty:
                yield Change(self.name, name, wanted.summary, wanted.diff)

    def apply(self, ctx: Context) -> Iterator[Result]:
        """Apply what differs, one switch of a pair at a time; after a failure no further switch is touched.

        A change that takes a reload is not made: that needs a word of the operator (`scs-rack switch apply`).
        """
        started = time.monotonic()
        plans = []
        failed = False
        for name, answer in on_all(switches(ctx), survey).items():
            if isinstance(answer, ScsRackError):
                failed = True
                yield self._result(ctx, name, started, error=_why(answer))
                continue
            plans.append(answer.plan)
            for line in answer.settled:
                yield self._result(ctx, name, started, diff=line, step="leftover")
            if answer.plan.empty:
                yield self._result(ctx, name, started)
        for done in change(ctx, plans, failed=failed):
            started = time.monotonic() - done.seconds
            error = _why(done.error) if done.error else None
            yield self._result(ctx, done.name, started, diff=done.plan.diff, error=error)

    def _result(
        self,
        ctx: Context,
        name: str,
        started: float,
        *,
        diff: str = "",
        error: str | None = None,
        step: str = "CONFIG_DB",
    ) -> Result:
        result = Result(
            device=name,
            step=step,
            changed=bool(diff) and error is None,
            diff=diff,
            duration=time.monotonic() - started,
            error=error,
        )
        ctx.emit(result)
        return result

    def gate(self, ctx: Context) -> Iterator[Finding]:
        """CONFIG_DB is as wanted, links between switches are up, and so are the sessions over them."""
        chosen = switches(ctx)
        for name, found in on_all(chosen, _observe).items():
            yield from [unreachable(name, found)] if isinstance(found, ScsRackError) else found
        yield from await_sessions(
            ctx, {switch.name: fabric_ports(ctx.design, switch.name) for switch in chosen}, ctx.wait_for(SESSION_WAIT)
        )
