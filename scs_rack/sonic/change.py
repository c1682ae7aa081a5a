"""Changes many switches: in waves, one of a pair at a time, until the first failure."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import TypeVar

from scs_rack.engine.stage import Context
from scs_rack.errors import ScsRackError
from scs_rack.sonic.apply import Said, apply, settle
from scs_rack.sonic.backup import FOLDER, Kept, keep, prune, stamp
from scs_rack.sonic.frr_push import running_frr
from scs_rack.sonic.order import waves, would_cut_off
from scs_rack.sonic.plan import Invalid, Plan, plan
from scs_rack.sonic.preflight import fabric_objections
from scs_rack.sonic.transport import AT_ONCE, Switch, SwitchRefused
from scs_rack.sonic.watch import checker

T = TypeVar("T")


class Untouched(SwitchRefused):
    """A switch that was not changed, because something failed before."""


@dataclass(frozen=True)
class Done:
    """What became of one switch."""

    plan: Plan
    error: ScsRackError | None = None
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """The switch."""
        return self.plan.name


@dataclass(frozen=True)
class Surveyed:
    """What is to be changed on a switch, after what an earlier run left was settled."""

    plan: Plan
    settled: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Consent:
    """What the operator allows."""

    reload: bool = False
    """Reload a configuration where nothing less helps."""
    cut: bool = False
    """Change a switch although devices have no other way now."""


def survey(switch: Switch) -> Surveyed:
    """Undo what an earlier run left unconfirmed, then compare.

    Raises:
        SwitchUnreachable, SwitchRefused, SwitchBusy: it can't be done.
    """
    settled = settle(switch)
    return Surveyed(plan(switch), settled)


def as_done(ctx: Context, names: Sequence[str], work: Callable[[Switch], T]) -> Iterator[tuple[str, T | ScsRackError]]:
    """Do something on many switches at once; answers as they come, a switch's failure is its answer."""

    def one(name: str) -> T | ScsRackError:
        try:
            return work(Switch(ctx, name))
        except ScsRackError as error:
            return error

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        todo = {pool.submit(one, name): name for name in names}
        for future in as_completed(todo):
            yield todo[future], future.result()


def change(
    ctx: Context,
    plans: Sequence[Plan],
    consent: Consent = Consent(),
    said: Said = lambda _name, _what: None,
    *,
    make: Callable[[Switch, Plan], None] | None = None,
    failed: bool = False,
) -> Iterator[Done]:
    """Apply plans in waves; after the first failure no further switch is touched.

    Args:
        ctx: rack and state.
        plans: what to apply.
        consent: what the operator allows.
        said: told each step on each switch.
        make: what is done with each switch, in place of `apply`.
        failed: True when something failed already, so that nothing is touched.
    """
    kept = ctx.state_dir / FOLDER / stamp(automatic=True)

    def usual(switch: Switch, wanted: Plan) -> None:
        frr = running_frr(switch) if wanted.frr is not None else None
        keep(kept, switch.name, Kept(wanted.running, frr))
        apply(switch, wanted, checker(switch, wanted), allow_reload=consent.reload, said=said)

    prune(ctx.state_dir)
    wrong = [] if make else fabric_objections(ctx.design, {one.name: one.goal for one in plans})
    if wrong and not all(one.empty for one in plans):
        yield from (
            Done(one, Invalid(f"the fabric would not be valid: {'; '.join(wrong)}")) for one in plans if not one.empty
        )
        return
    why = "something failed before"
    for wave in waves(ctx, plans):
        if ctx.stop.requested.is_set():
            failed, why = True, "it was asked to stop"
        if failed:
            for one in wave:
                yield Done(one, Untouched(f"not touched, because {why}"))
            continue
        started = time.monotonic()
        refused = {} if consent.cut else would_cut_off(ctx, wave)
        yield from (Done(one, refused[one.name]) for one in wave if one.name in refused)
        by_name = {one.name: one for one in wave if one.name not in refused}
        if refused:
            failed = True
            yield from (Done(one, Untouched(f"not touched, because {why}")) for one in by_name.values())
            continue

        def made(switch: Switch, by_name: Mapping[str, Plan] = by_name) -> None:
            (make or usual)(switch, by_name[switch.name])

        for name, error in as_done(ctx, list(by_name), made):
            failed = failed or error is not None
            yield Done(by_name[name], error, time.monotonic() - started)
