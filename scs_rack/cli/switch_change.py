"""`scs-rack switch apply` and `rollback`: changes of switches that undo themselves unless they are good."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TextIO

from scs_rack.cli.common import Commands, add_command, json_option, rack_option
from scs_rack.cli.order import limit_option
from scs_rack.cli.switch import devices
from scs_rack.engine.signals import stoppable
from scs_rack.engine.stage import Context
from scs_rack.errors import Interrupted, ScsRackError, StageFailed, UsageError
from scs_rack.sonic.apply import unconfirmed
from scs_rack.sonic.backup import find
from scs_rack.sonic.change import Consent, Done, Surveyed, Untouched, as_done, change, survey
from scs_rack.sonic.frr_push import frr_lines
from scs_rack.sonic.order import single, waves
from scs_rack.sonic.plan import Means, Plan, dry_run, plan
from scs_rack.sonic.transport import Switch, SwitchRefused, switches


def add_apply(verbs: Commands) -> None:
    """Add `apply`."""
    parser = add_command(
        verbs,
        "apply",
        _apply,
        "bring switches to what the rack file says, one of a pair at a time; what is not good undoes itself",
        (
            "scs-rack switch apply -r inventory/lab --dry-run",
            "scs-rack switch apply -r inventory/lab --limit leaf1 --yes",
        ),
    )
    _options(parser)


def add_rollback(verbs: Commands) -> None:
    """Add `rollback`."""
    parser = add_command(
        verbs,
        "rollback",
        _rollback,
        "bring switches back to a backup, a checkpoint or what they saved; that too undoes itself if it is not good",
        (
            "scs-rack switch rollback -r inventory/lab --limit leaf1",
            "scs-rack switch rollback -r inventory/lab --limit leaf1 --to 20261123-110500 --dry-run",
        ),
    )
    parser.add_argument(
        "--to",
        metavar="NAME",
        help="backup (`switch backup --list`), checkpoint on the switch, or `saved`, the file it starts from; "
        "the last backup when not given",
    )
    _options(parser)


def _options(parser: argparse.ArgumentParser) -> None:
    rack_option(parser)
    limit_option(parser)
    parser.add_argument("--yes", action="store_true", help="don't ask first")
    parser.add_argument("--dry-run", action="store_true", help="show the plan, let the switches judge it, stop there")
    parser.add_argument(
        "--allow-reload",
        action="store_true",
        help="reload the configuration where nothing less helps: data plane and BGP are down for minutes",
    )
    parser.add_argument(
        "--allow-cut", action="store_true", help="change a switch although devices have no other way now"
    )
    json_option(parser)


@contextmanager
def stopping(ctx: Context) -> Iterator[None]:
    """Take Ctrl-C: what is being changed is brought to its end, nothing new is begun."""

    def said(times: int) -> None:
        if times == 1:
            words = "stopping when the switches that are being changed are done; Ctrl-C again leaves them to themselves"
        else:
            words = "left; what was not confirmed undoes itself within minutes, and the next run says so"
        os.write(sys.stderr.fileno(), f"\n{words}\n".encode())
        if times > 1:
            os._exit(Interrupted.exit_code)

    with stoppable(ctx.stop, said):
        yield


def progress() -> Callable[[str, str], None]:
    """Print what is done on which switch, and when."""
    start = time.monotonic()

    def say(name: str, what: str) -> None:
        print(f"{time.monotonic() - start:7.1f} s  {name}: {what}", file=sys.stderr, flush=True)

    return say


def _apply(args: argparse.Namespace) -> int:
    ctx = devices(args)

    def work(switch: Switch) -> Surveyed:
        if not args.dry_run:
            return survey(switch)
        left = [f"{switch.name}: a change of {one.owner} that was never confirmed" for one in unconfirmed(switch)]
        return Surveyed(plan(switch), left)

    return carry_out(args, ctx, work)


def _rollback(args: argparse.Namespace) -> int:
    ctx = devices(args)

    def work(switch: Switch) -> Surveyed:
        found = Surveyed(replace(plan(switch), frr=None, frr_lines=())) if args.dry_run else survey(switch)
        kept = find(switch, args.to)
        wanted = replace(found.plan, frr=None, frr_lines=()).towards(kept.tables)
        if kept.frr is not None:
            wanted = replace(wanted, neighbours=found.plan.neighbours)
            if lines := frr_lines(switch, kept.frr):
                wanted = replace(wanted, frr=kept.frr, frr_lines=lines)
        return Surveyed(wanted, found.settled)

    return carry_out(args, ctx, work)


def carry_out(args: argparse.Namespace, ctx: Context, work: Callable[[Switch], Surveyed]) -> int:
    """Show what would change, ask, change, and say what became of it; returns the exit code."""
    names = [switch.name for switch in switches(ctx)]
    if not names:
        raise UsageError("no switch fits", "--limit may name servers, which are not configured here")
    out = sys.stderr if args.json else sys.stdout
    plans, errors = _surveyed(dict(as_done(ctx, names, work)), names, out)
    todo = [one for one in plans if not one.empty]
    _show_order(ctx, todo, out)
    if args.dry_run:
        return _judged(args, ctx, plans, errors)
    if errors and todo:
        print("nothing was changed, because not all switches could be read; --limit leaves some out", file=out)
    if errors or not todo:
        return _report(args, [], plans, errors)
    if not args.yes:
        ask([one.name for one in todo])
    return _report(args, _changed(args, ctx, plans, out), plans, errors)


def _surveyed(
    answers: dict[str, Surveyed | ScsRackError], names: Sequence[str], out: TextIO
) -> tuple[list[Plan], dict[str, ScsRackError]]:
    """Print what was found on each switch; returns plans and errors."""
    plans, errors = [], {}
    for name in names:
        answer = answers[name]
        if isinstance(answer, ScsRackError):
            errors[name] = answer
            print_error(name, answer)
            continue
        plans.append(answer.plan)
        for line in answer.settled:
            print(line, file=out)
        _show(answer.plan, out)
    return plans, errors


def _changed(args: argparse.Namespace, ctx: Context, plans: Sequence[Plan], out: TextIO) -> list[Done]:
    """Change the switches, and print what becomes of each."""
    results = []
    with stopping(ctx):
        for done in change(ctx, plans, Consent(reload=args.allow_reload, cut=args.allow_cut), progress()):
            results.append(done)
            if done.error:
                print_error(done.name, done.error)
            else:
                print(f"{done.name}: changed, seen to be good, and saved ({done.seconds:.1f} s)", file=out)
    return results


def _show(one: Plan, out: TextIO) -> None:
    if one.empty:
        print(f"{one.name}: as wanted", file=out)
        return
    words = f"{one.summary}; disturbs: {one.disruption.text}; by {one.means}"
    if one.restarts:
        words += f" and restart of {', '.join(one.restarts)}"
    print(f"{one.name}: {words}", file=out)
    for reason in one.reasons:
        print(f"  takes a reload: {reason}", file=out)
    for line in one.diff.splitlines():
        print(f"  {line}", file=out)


def _show_order(ctx: Context, todo: Sequence[Plan], out: TextIO) -> None:
    order = waves(ctx, todo)
    if len(order) > 1 or (order and len(order[0]) > 1):
        words = ", then ".join(" with ".join(one.name for one in wave) for wave in order)
        print(f"order: {words}", file=out)
    for name, lost in single(ctx.design, [one.name for one in todo if one.touches_forwarding and one.in_service]):
        print(f"warning: {', '.join(lost)} hang on {name} alone", file=out)


def _judged(args: argparse.Namespace, ctx: Context, plans: Sequence[Plan], errors: dict[str, ScsRackError]) -> int:
    """Let the switches judge what they would get."""
    by_name = {one.name: one for one in plans if one.changes and one.means != Means.RELOAD}
    for name, faults in as_done(ctx, list(by_name), lambda switch: dry_run(switch, by_name[switch.name].goal)):
        if isinstance(faults, ScsRackError):
            errors[name] = faults
        elif faults:
            errors[name] = SwitchRefused(f"{name} objects: {'; '.join(faults)}")
        elif not args.json:
            print(f"{name}: has nothing against it (dry run)")
        if name in errors:
            print_error(name, errors[name])
    if not args.json:
        print("nothing was changed")
    return _report(args, [], plans, errors)


def _report(
    args: argparse.Namespace, results: Sequence[Done], plans: Sequence[Plan], errors: dict[str, ScsRackError]
) -> int:
    errors |= {done.name: done.error for done in results if done.error}
    if args.json:
        changed = {done.name: done.seconds for done in results if not done.error}
        data: dict[str, dict[str, object]] = {
            one.name: {
                "changed": one.name in changed,
                "seconds": round(changed.get(one.name, 0.0), 2),
                "means": str(one.means) if not one.empty else None,
                "disruption": one.disruption.text,
                "reasons_for_reload": one.reasons,
                "diff": one.diff.splitlines(),
            }
            for one in plans
        }
        for name, error in errors.items():
            data[name] = {**data.get(name, {}), "error": error.message, "hint": error.hint}
        print(json.dumps(data, indent=2))
    return exit_code(errors)


def exit_code(errors: Mapping[str, ScsRackError]) -> int:
    """The exit code that errors of switches end with."""
    codes = {error.exit_code for error in errors.values() if not isinstance(error, Untouched)}
    if not codes and errors:
        return Interrupted.exit_code  # the rest was left because we were asked to stop
    return codes.pop() if len(codes) == 1 else StageFailed.exit_code if errors else 0


def print_error(name: str, error: ScsRackError) -> None:
    """Say what went wrong with a switch, and how to mend it."""
    message = error.message if error.message.startswith(name) else f"{name}: {error.message}"
    print(f"error: {message}", file=sys.stderr)
    if error.hint:
        print(f"  hint: {error.hint}", file=sys.stderr)


def ask(names: Sequence[str]) -> None:
    """Ask whether these switches shall be changed.

    Raises:
        UsageError: no, or nobody is there to be asked.
    """
    if not sys.stdin.isatty():
        raise UsageError(f"{', '.join(names)} would be changed and nobody can be asked", "add --yes")
    answer = input(f"change {', '.join(names)}? [y/N] ")
    if answer.strip().lower() not in {"y", "yes"}:
        raise UsageError("nothing was changed", "answer y, or add --yes")
