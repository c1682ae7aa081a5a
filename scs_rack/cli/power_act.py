"""Power actions: look, show the plan, ask, drain, switch, and say what was observed."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import cast

from rich.console import Console
from rich.markup import escape

from scs_rack.bmc import Action, Fleet, Outcome, Power, Target, TimeLimits
from scs_rack.bmc import drain as draining
from scs_rack.bmc.boot import boot_limit, wait_for_ssh
from scs_rack.bmc.drain import Note
from scs_rack.bmc.power_budget import Load, Meter, Start, loads, schedule
from scs_rack.bmc.power_run import Seen, at_once, count, in_order, in_reverse, look
from scs_rack.bmc.stream import stream
from scs_rack.cli import fleet
from scs_rack.engine.stage import Context
from scs_rack.errors import StageFailed, UsageError
from scs_rack.results import Result

_HARMLESS = {"on"}
_APIS = 150.0
"""Seconds that services have to come up after their hosts did."""
_AGAIN = 5.0
_MARKS = {"will": "green", "can't": "yellow", "done": "green", "failed": "red", "nothing": "dim"}


@dataclass(frozen=True)
class Plan:
    """What an action will do."""

    verb: str
    seen: Seen
    starts: tuple[Start, ...]
    """When each server is begun, in their order."""
    done: tuple[str, ...]
    """Servers that are already as wanted."""
    notes: tuple[Note, ...]
    orderly: bool
    """True when services are drained and operating systems asked."""


def run(verb: str, args: argparse.Namespace) -> int:
    """Do a power action with all chosen servers."""
    which = fleet.call(args)
    console = Console(stderr=True, highlight=False) if args.json else fleet.output()
    orderly = verb in {"off", "soft"} and not getattr(args, "now", False)
    with fleet.waiting(which, "looking"):
        plan = asyncio.run(_plan(which, verb, orderly=orderly))
    _show(console, plan)
    if args.dry_run:
        if args.json:
            _print_plan(plan)
        return fleet.exit_code(list(plan.seen.silent.values()))
    if plan.starts and verb not in _HARMLESS and not args.yes:
        _confirm(verb, [start.load.name for start in plan.starts])
    if plan.starts and orderly:
        _drain(console, which, plan)
    limits = TimeLimits()
    if getattr(args, "wait", None) is not None:
        limits = replace(limits, shutdown=args.wait)
    outcomes = list(_reported(args, console, which, plan, stream(lambda: _outcomes(which, plan, limits))))
    findings = [finding for one in outcomes if one.value for finding in one.value.findings]
    if not args.json:
        fleet.print_failures(console, outcomes, findings)
    code = fleet.exit_code(outcomes, findings)
    return code or (_restore(console, which, plan) if verb == "on" else 0)


def _context(which: fleet.Call) -> Context:
    return Context(which.design, which.rack_dir, which.state_dir, which.state_dir, which.secrets)


async def _plan(which: fleet.Call, verb: str, *, orderly: bool) -> Plan:
    async with which.fleet() as calling:
        seen = await look(calling, which.targets)
    names = [target.name for target in which.targets]
    known = loads(which.design.rack)
    wrong = Power.OFF if verb == "on" else Power.ON
    wanted = [load for load in known if seen.states.get(load.name) is wrong]
    done = tuple(load.name for load in known if load.name in seen.states and load not in wanted)
    notes = tuple(await draining.foresee(_context(which), [load.name for load in wanted])) if orderly and wanted else ()
    if verb in {"on", "cycle"}:
        meter = Meter.of(which.design.rack)
        count(meter, known, seen, names)
        starts = schedule(wanted, meter)
    else:
        starts = [Start(0.0, load) for load in sorted(wanted, key=lambda load: -load.rank)]
    return Plan(verb, seen, tuple(starts), done, notes, orderly)


async def _outcomes(which: fleet.Call, plan: Plan, limits: TimeLimits) -> AsyncIterator[Outcome[Result]]:
    """All outcomes: of those that need nothing, of those that did not answer, then of what is done."""
    targets = {target.name: target for target in which.targets}
    for name in plan.done:
        word = {"on": "is on", "off": "is off", "soft": "is off"}.get(plan.verb, "is off: nothing to do")
        yield Outcome(targets[name], Result(name, f"power {plan.verb}", diff=word), None, 0.0)
    for silent in plan.seen.silent.values():
        yield Outcome(silent.target, None, silent.error, silent.duration)
    wanted = [start.load for start in plan.starts]
    async with which.fleet(limits) as calling:
        async for outcome in _switching(calling, which, plan, targets, wanted):
            yield outcome


def _switching(
    calling: Fleet, which: fleet.Call, plan: Plan, targets: dict[str, Target], wanted: list[Load]
) -> AsyncIterator[Outcome[Result]]:
    if plan.verb in {"on", "cycle"}:
        meter = Meter.of(which.design.rack)
        count(meter, loads(which.design.rack), plan.seen, list(targets))
        return in_order(calling, targets, wanted, meter, "on" if plan.verb == "on" else "cycle")
    if plan.orderly:
        unknown = [load for load in loads(which.design.rack) if load.name in plan.seen.silent]
        return in_reverse(calling, targets, wanted, unknown, cut=plan.verb == "off")
    return at_once(calling, targets, wanted, cast("Action", plan.verb))


def _show(console: Console, plan: Plan) -> None:
    names = [start.load.name for start in plan.starts]
    if not names:
        console.print(f"power {plan.verb}: nothing to switch", style="dim")
        return
    console.print(f"power {plan.verb}: {len(names)} of {len(names) + len(plan.done) + len(plan.seen.silent)} servers")
    for note in plan.notes:
        console.print(f"  [{_MARKS[note.state]}]{note.state}[/] {escape(note.words)}", soft_wrap=True)
    for at, group in _steps(plan):
        console.print(f"  {at}: {', '.join(group)}", markup=False, soft_wrap=True)
    if plan.verb == "off" and not plan.orderly:
        console.print("  [yellow]nothing is drained, and no operating system is asked[/]")


def _steps(plan: Plan) -> Iterable[tuple[str, list[str]]]:
    """When and who, for people."""
    found: dict[str, list[str]] = {}
    for start in plan.starts:
        if plan.orderly:
            step = {0: "with the control plane", 1: "network", 2: "storage", 3: "compute"}[start.load.rank]
            when = f"then, {step}" if found else f"first, {step}"
            when = next((known for known in found if known.endswith(step)), when)
        else:
            when = f"after {start.at:.0f} s" if start.at else "at once"
        found.setdefault(when, []).append(start.load.name)
    return found.items()


def _print_plan(plan: Plan) -> None:
    for start in plan.starts:
        print(json.dumps({"server": start.load.name, "action": plan.verb, "after_seconds": start.at}))


def _confirm(verb: str, names: list[str]) -> None:
    if not sys.stdin.isatty():
        raise UsageError(f"power {verb} interrupts {', '.join(names)} and nobody can be asked", "add --yes")
    answer = input(f"power {verb} {', '.join(names)}? [y/N] ")
    if answer.strip().lower() not in {"y", "yes"}:
        raise UsageError("nothing was done", "answer y, or add --yes")


def _drain(console: Console, which: fleet.Call, plan: Plan) -> None:
    """Drain as far as the plan said; what it did not foresee stops it before anything is switched."""
    if not any(note.state == "will" for note in plan.notes):
        return
    notes = asyncio.run(draining.drain(_context(which), [start.load.name for start in plan.starts]))
    _say(console, notes)
    if any(note.state == "failed" for note in notes):
        hint = "mend it and run it again; `power off --now` cuts the power without draining"
        raise StageFailed("services could not be drained: nothing was switched off", hint)


def _restore(console: Console, which: fleet.Call, plan: Plan) -> int:
    """Undo the draining once all that were drained are on and answer."""
    kept = draining.drained(which.state_dir)
    if not kept:
        return 0
    now_on = {*plan.done, *(start.load.name for start in plan.starts)}
    missing = [name for name in kept.get(draining.SERVERS, []) if name not in now_on]
    if missing:
        console.print(f"services stay drained until {', '.join(missing)} are on too", style="yellow")
        return 0
    notes = asyncio.run(_undrained(which, console))
    _say(console, notes)
    if any(note.state == "failed" for note in notes):
        console.print("      hint: run `scs-rack power on` again when the cloud answers", style="dim")
        return StageFailed.exit_code
    return 0


async def _undrained(which: fleet.Call, console: Console) -> list[Note]:
    nodes = [which.design.nodes[name] for name in draining.drained(which.state_dir).get(draining.SERVERS, [])]
    limit = boot_limit(which.design)
    console.print(f"waiting for {', '.join(node.name for node in nodes)} to answer by SSH", style="dim")
    failures = await asyncio.gather(*(wait_for_ssh(str(node.mgmt.ip), limit) for node in nodes))
    said = [Note("failed", f"{node.name} by SSH: {why}") for node, why in zip(nodes, failures, strict=True) if why]
    deadline = time.monotonic() + _APIS
    while not said:
        notes = await draining.restore(_context(which))
        if time.monotonic() > deadline or not any(note.state == "failed" for note in notes):
            return notes
        await asyncio.sleep(_AGAIN)
    return said


def _say(console: Console, notes: Iterable[Note]) -> None:
    for note in notes:
        console.print(f"  [{_MARKS[note.state]}]{note.state}[/] {escape(note.words)}", soft_wrap=True)


def _reported(
    args: argparse.Namespace,
    console: Console,
    which: fleet.Call,
    plan: Plan,
    outcomes: Iterable[Outcome[Result]],
) -> Iterable[Outcome[Result]]:
    """Print each outcome as it comes."""
    names = [target.name for target in which.targets]
    rows = fleet.Rows(console, {"SERVER": fleet.wide(names, "SERVER"), "RESULT": 9, "CHANGE": 22, "TIME": 8})
    with fleet.waiting(which, f"power {plan.verb}") as heard:
        for one in outcomes:
            heard()
            if args.json:
                result = asdict(one.value) if one.value else None
                data = {"server": one.target.name, "action": plan.verb, "result": result}
                print(json.dumps(data | {"error": fleet.error_data(one.error)}), flush=True)
            else:
                _row(rows.add, one)
            yield one


def _row(add: Callable[..., None], one: Outcome[Result]) -> None:
    result = one.value
    failed = result is None or result.error
    word = "failed" if failed else "changed" if result and result.changed else "as it was"
    add(one.target.name, word, result.diff if result else "", f"{one.duration:.2f} s", style="red" if failed else "")
