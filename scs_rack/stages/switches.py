"""Stage `switches`: CONFIG_DB of every switch as the rack file says, and a fabric that speaks BGP."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from scs_rack.engine.stage import Context
from scs_rack.errors import ScsRackError, Unreachable
from scs_rack.results import Change, Finding, Result
from scs_rack.sonic import accounts
from scs_rack.sonic.apply import NeedsReload, unconfirmed
from scs_rack.sonic.change import Surveyed, change, survey
from scs_rack.sonic.connection import HostKeyRefused, LoginRefused
from scs_rack.sonic.host import host_script
from scs_rack.sonic.order import WouldCutOff
from scs_rack.sonic.plan import plan
from scs_rack.sonic.reach import fabric_findings
from scs_rack.sonic.renew import WAIT as RENEW_WAIT
from scs_rack.sonic.renew import renew
from scs_rack.sonic.transport import Switch, on_all, switches
from scs_rack.sonic.verify import await_sessions, fabric_ports, link_findings, links_up, unreachable

__all__ = ["SwitchesStage", "fabric_findings"]

SESSION_WAIT = 30.0
"""Seconds for fabric sessions to come up in the gate."""
BOOT_WAIT = 10.0
"""Seconds for a switch to answer that does not: it may just be starting."""
SETTLE = 5.0
"""Seconds for sessions to come up whose neighbours were made anew."""
REACH_WAIT = 20.0
"""Seconds for a switch to answer after the out-of-band switches were changed: its port may just have been enabled."""


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
    if lines := accounts.foresee(switch):
        found.append(
            Finding(
                "accounts-differ",
                "error",
                switch.name,
                "accounts and keys as stated",
                f"a run of their script would have: {'; '.join(lines)}",
                f"`scs-rack switch accounts --limit {switch.name}` or `scs-rack up` mends it",
            )
        )
    return found


def _patiently(switch: Switch, until: float) -> Surveyed:
    """Compare a switch with what is wanted; one that does not answer is asked again until a time is reached."""
    while True:
        try:
            return survey(switch)
        except (HostKeyRefused, LoginRefused):
            raise  # asking again would help nobody, and might lock the account
        except Unreachable:
            if time.monotonic() > until or switch.ctx.stop.wait(1):
                raise


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
            ScsRackError: a switch can't be read, and no change of an out-of-band switch before it explains that.
        """
        answers = on_all(switches(ctx), lambda switch: (unconfirmed(switch), plan(switch), accounts.foresee(switch)))
        silent = []
        first = ""
        for name, answer in answers.items():
            if isinstance(answer, ScsRackError):
                silent.append((name, answer))
                continue
            left, wanted, lines = answer
            if left:
                yield Change(self.name, name, "a change that was never confirmed will be undone first")
            if not wanted.empty:
                yield Change(self.name, name, wanted.summary, wanted.diff)
                first = first or (name if ctx.design.switches[name].role == "oob" else "")
            if lines:
                yield Change(self.name, name, f"accounts: {'; '.join(lines)}")
        for name, error in silent:
            if not first or not isinstance(error, Unreachable):
                raise error
            words = f"can't be foreseen (it does not answer before {first} is changed)"
            yield Change(self.name, name, words, unseen=True)

    def apply(self, ctx: Context) -> Iterator[Result]:
        """Apply what differs, one switch of a pair at a time; after a failure no further switch is touched.

        Out-of-band switches are brought up to date before any other switch is asked: a new one is reached only then.
        A change that takes a reload is not made: that needs a word of the operator (`scs-rack switch apply`).
        """
        design = ctx.design
        failed = changed = False
        new: list[str] = []
        serving: list[str] = []
        for oob in (True, False):
            started = time.monotonic()
            chosen = [switch for switch in switches(ctx) if (design.switches[switch.name].role == "oob") == oob]
            patience = started + (REACH_WAIT if changed else BOOT_WAIT)
            plans = []
            for name, answer in on_all(chosen, partial(_patiently, until=patience)).items():
                if isinstance(answer, ScsRackError):
                    failed = True
                    yield self._result(ctx, name, started, error=_why(answer))
                    continue
                plans.append(answer.plan)
                if answer.plan.in_service and not oob:
                    serving.append(name)
                for line in answer.settled:
                    yield self._result(ctx, name, started, diff=line, step="leftover")
                if answer.plan.empty:
                    yield self._result(ctx, name, started)
            # before changes: a session that is down keeps the other switch of a pair from being changed
            yield from self._taken_up(ctx, serving, [])
            for done in change(ctx, plans, failed=failed):
                started = time.monotonic() - done.seconds
                failed, changed = failed or done.error is not None, True
                if done.error is None and not done.plan.in_service and design.switches[done.name].role != "oob":
                    new.append(done.name)
                error = _why(done.error) if done.error else None
                yield self._result(ctx, done.name, started, diff=done.plan.diff, error=error)
        yield from self._taken_up(ctx, serving if new else [], new)
        if not failed:
            yield from self._accounts(ctx)

    def _accounts(self, ctx: Context) -> Iterator[Result]:
        """Accounts and keys, of which CONFIG_DB has no table; a rack that states none has nothing to do here."""
        started = time.monotonic()
        stated = [switch for switch in switches(ctx) if host_script(ctx.design, switch.name) is not None]
        for name, answer in accounts.bring_all(stated).items():
            if isinstance(answer, ScsRackError):
                yield self._result(ctx, name, started, error=_why(answer), step="accounts")
            else:
                yield self._result(ctx, name, started, diff="\n".join(answer), step="accounts")

    def _taken_up(self, ctx: Context, serving: list[str], new: list[str]) -> Iterator[Result]:
        """Let neighbours speak with a switch whose chassis was replaced; in a rack that is all new there is none."""
        started = time.monotonic()
        renewed = [*renew(ctx, serving, 0), *renew(ctx, new, RENEW_WAIT)] if serving else []
        for device, port in renewed:
            yield self._result(ctx, device, started, diff=f"BGP neighbour {port} made anew", step="BGP neighbour")
        if renewed:
            ctx.stop.wait(SETTLE)

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
