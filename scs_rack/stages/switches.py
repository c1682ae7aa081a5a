"""Stage `switches`: CONFIG_DB of every switch as the rack file says, and a fabric that speaks BGP."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scs_rack.engine.stage import Context
from scs_rack.errors import ScsRackError, Unreachable
from scs_rack.results import Change, Finding, Result
from scs_rack.sonic import tables
from scs_rack.sonic.apply import apply, settle, unconfirmed
from scs_rack.sonic.plan import Plan, plan, waves
from scs_rack.sonic.reach import fabric_findings
from scs_rack.sonic.transport import Switch, on_all, switches
from scs_rack.sonic.verify import await_sessions, fabric_ports, link_findings, links_up, unreachable
from scs_rack.sonic.watch import checker

__all__ = ["SwitchesStage", "fabric_findings"]

SESSION_WAIT = 30.0
"""Seconds for fabric sessions to come up in the gate."""


def _settled_plan(switch: Switch) -> Plan:
    """What is to be changed on a switch, after undoing what an earlier run left unconfirmed."""
    settle(switch)
    return plan(switch)


def _observe(switch: Switch) -> list[Finding]:
    """What is not as it should be on a switch, without its sessions."""
    found = list(link_findings(switch.ctx.design, switch.name, links_up(switch)))
    wanted = plan(switch)
    if wanted.changes:
        found.append(
            Finding(
                "config-differs",
                "error",
                switch.name,
                "CONFIG_DB as wanted",
                tables.summary(wanted.changes),
                f"`scs-rack switch diff --limit {switch.name}` shows it, `scs-rack up` applies it",
            )
        )
    found += [
        Finding(
            "change-unconfirmed",
            "error",
            switch.name,
            "no change waiting to be undone",
            ident,
            "`scs-rack up` undoes it and configures the switch again; else it undoes itself",
        )
        for ident in unconfirmed(switch)
    ]
    return found


def _apply(ctx: Context, plans: dict[str, Plan]) -> dict[str, ScsRackError | None]:
    """Apply plans at the same time."""

    def one(switch: Switch) -> None:
        apply(switch, plans[switch.name], checker(switch, plans[switch.name]))

    return on_all([Switch(ctx, name) for name in plans], one)


def _why(error: ScsRackError) -> str:
    """What stands in a result; `unreachable` first where that is why."""
    return f"unreachable: {error.message}" if isinstance(error, Unreachable) else error.message


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
            if wanted.changes:
                yield Change(self.name, name, tables.summary(wanted.changes), wanted.diff)

    def apply(self, ctx: Context) -> Iterator[Result]:
        """Apply what differs, in waves; after a wave with a failure no further switch is touched."""
        started = time.monotonic()
        answers = on_all(switches(ctx), _settled_plan)
        plans = [answer for answer in answers.values() if not isinstance(answer, ScsRackError)]
        for name, answer in answers.items():
            if isinstance(answer, ScsRackError):
                yield self._result(ctx, name, started, error=_why(answer))
            elif not answer.changes:
                yield self._result(ctx, name, started)
        failed = len(plans) < len(answers)
        for wave in waves(ctx, plans):
            if failed or ctx.stop.requested.is_set():
                for one in wave:
                    yield self._result(ctx, one.name, started, error="not touched, because something failed before")
                continue
            started = time.monotonic()
            by_name = {one.name: one for one in wave}
            for name, error in _apply(ctx, by_name).items():
                message = _why(error) if isinstance(error, ScsRackError) else None
                failed = failed or message is not None
                yield self._result(ctx, name, started, diff=by_name[name].diff, error=message)

    def _result(self, ctx: Context, name: str, started: float, diff: str = "", error: str | None = None) -> Result:
        result = Result(
            device=name,
            step="CONFIG_DB",
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
            ctx, {switch.name: fabric_ports(ctx.design, switch.name) for switch in chosen}, SESSION_WAIT
        )
