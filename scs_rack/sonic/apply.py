"""Change a switch so that a mistake undoes itself (commit-confirmed).

1. the switch judges the change, keeps what runs, and arms a timer that goes back to it;
2. it makes the change, by the means that disturb least, whether we stay or not;
3. we look at it over a new connection;
4. only then the timer is stopped, the configuration saved, and the saved file read back.

If we die, lose the switch, or don't like what we see, the switch comes back by itself: by its checkpoint, else by a
reload of the saved file, else by a restart. `on_switch/change.sh` is the part that runs there.
"""

import io
import json
import secrets
import tarfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scs_rack.errors import ScsRackError
from scs_rack.results import Finding
from scs_rack.sonic.disruption import Disruption
from scs_rack.sonic.frr_push import frr_lines
from scs_rack.sonic.lock import myself
from scs_rack.sonic.plan import DRY_RUN_TIMEOUT, Means, Plan, dry_run, read
from scs_rack.sonic.rows import Tables
from scs_rack.sonic.tables import RowChange, compare
from scs_rack.sonic.transport import Reply, Switch, SwitchRefused, SwitchUnreachable

CONFIRM_WITHIN = 130.0
"""Seconds that are left for looking and confirming when applying took as long as it may."""
DRAIN = 3
"""Seconds for neighbours to turn away from a switch before its BGP sessions end."""
UNDO_TIMEOUT = 660.0
"""Seconds for going back: a rollback, then a reload."""
FOLDER = "/var/lib/scs-rack"
"""Where changes of ours lie on a switch, one folder each, until they are confirmed."""
SCRIPT = Path(__file__).with_name("on_switch") / "change.sh"
SAVED = "/etc/sonic/config_db.json"
OBJECTS, NO_WAY_BACK, WENT_BACK = 10, 11, 13
"""Exit codes of the script."""
OUTCOMES = {
    "rolled-back": "went back to what ran before",
    "reloaded": "its rollback failed; a reload brought back what ran before",
    "reloaded-saved": "its rollback failed; a reload brought back what was saved, which differs from what ran before",
    "failed": "it could neither be rolled back nor reloaded",
}
"""What the script writes about going back, in words."""

Check = Callable[[Switch], Sequence[Finding]]
"""Looks at a switch after a change; findings of severity error undo it."""
Said = Callable[[str, str], None]
"""Told the name of a switch and what is done there."""


class RolledBack(SwitchRefused):
    """A change was undone, because what was seen after it was not right."""


class NeedsReload(SwitchRefused):
    """A change that only a reload can bring was not allowed to reload."""


@dataclass(frozen=True)
class Left:
    """A change that some process began and did not live to confirm."""

    ident: str
    state: str
    outcome: str
    owner: str


def unconfirmed(switch: Switch) -> list[Left]:
    """Changes that nobody confirmed, oldest first.

    Raises:
        SwitchUnreachable, SwitchRefused: it can't be asked.
    """
    script = (
        f"cd {FOLDER} 2>/dev/null || exit 0; for one in scs-rack-*; do [ -d $one ] || continue; "
        "for part in state outcome owner; do cat $one/$part 2>/dev/null || echo; done; echo $one; done"
    )
    words = switch.ask(f"sudo sh -c '{script}'").splitlines()
    return [Left(words[at + 3], *words[at : at + 3]) for at in range(0, len(words) - 3, 4)]


def settle(switch: Switch) -> list[str]:
    """Undo changes that were never confirmed, before their timers do it in the middle of something else.

    Returns:
        What was found and done, one line each.

    Raises:
        SwitchBusy: the process that began the change lives.
        SwitchUnreachable, SwitchRefused: it could not be done.
    """
    if not unconfirmed(switch):
        return []
    with switch.locked():
        return [_settled(switch, left) for left in reversed(unconfirmed(switch))]


def _settled(switch: Switch, left: Left) -> str:
    whose = f"a change of {left.owner or 'unknown'} that was never confirmed"
    if left.state == "confirmed" and not left.outcome:
        switch.ask(_call(left.ident, "confirm"), timeout=DRY_RUN_TIMEOUT)
        said = f"saved a change of {left.owner} that was confirmed and not saved"
    elif not left.state:
        said = f"removed what was prepared for {whose}"
    elif left.outcome:
        said = f"{whose}: {OUTCOMES.get(left.outcome, left.outcome)}, by itself"
    else:
        reply = switch.run(_call(left.ident, "undo hand"), timeout=UNDO_TIMEOUT)
        if reply.code:
            raise SwitchRefused(f"{switch.name}: {whose} could not be undone", "its timer tries again")
        outcome = switch.ask(f"sudo cat {FOLDER}/{left.ident}/outcome").strip()
        said = f"undid {whose}: {OUTCOMES.get(outcome, outcome)}"
    switch.ask(_call(left.ident, "clean"))
    return f"{switch.name}: {said}"


def _call(ident: str, what: str) -> str:
    return f"sudo sh {FOLDER}/{ident}/change.sh {what}"


def _bundle(wanted: Plan) -> bytes:
    """The script and what it needs, as a tar archive."""
    tables = sorted({change.table for change in wanted.changes})
    files = {
        "change.sh": SCRIPT.read_text(encoding="utf-8"),
        "kind": f"{wanted.means}\n",
        "tables": "\n".join(tables) + "\n",
        "goal.json": json.dumps(wanted.goal, indent=1, sort_keys=True),
        "owner": f"{myself()}\n",
    }
    if wanted.means == Means.PATCH:
        files["patch.json"] = json.dumps(wanted.patch(), indent=1)
    if wanted.frr is not None:
        files["frr.conf"] = wanted.frr
    if wanted.in_service and wanted.disruption >= Disruption.SESSION:
        files["drain"] = f"{DRAIN}\n"
    if wanted.restarts:
        files["restart"] = "\n".join(wanted.restarts) + "\n"
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            data = text.encode()
            entry.size, entry.mode = len(data), 0o600
            archive.addfile(entry, io.BytesIO(data))
    return made.getvalue()


def _begin(switch: Switch, ident: str, wanted: Plan, deadman: float) -> None:
    """Put everything onto the switch, let it judge, and arm the timer.

    Raises:
        NeedsReload: the switch takes no change but a reload, since what it runs is not valid.
        SwitchRefused: nothing was changed, because the switch objects, or has no way back.
    """
    folder = f"{FOLDER}/{ident}"
    unpack = f'umask 077; mkdir -p "$0" && tar -x --no-same-owner -C "$0" && exec sh "$0/change.sh" begin {deadman:.0f}'
    reply = switch.run(f"sudo sh -c '{unpack}' {folder}", stdin=_bundle(wanted), timeout=DRY_RUN_TIMEOUT + 60)
    if not reply.code:
        return
    switch.run(f"sudo systemctl stop {ident}.timer 2>/dev/null; {_call(ident, 'clean')}")
    if reply.code != OBJECTS:
        raise SwitchRefused(f"{switch.name}: the way back could not be prepared, nothing was changed: {reply.why}")
    if invalid := dry_run(switch, wanted.running):
        raise NeedsReload(
            f"{switch.name}: what it runs is not valid, so it takes no change but a reload ({invalid[0]})",
            "`scs-rack switch apply --allow-reload` does it: data plane and BGP are down for minutes",
        )
    raise SwitchRefused(f"{switch.name}: it objects to the configuration, nothing was changed: {reply.why}")


def _undo(switch: Switch, ident: str, wanted: Plan, deadman: float, how: str = "hand") -> str:
    """Go back at once if the switch answers; returns what became of it."""
    try:
        reply = _patiently(switch, _call(ident, f"undo {how}"), min(CONFIRM_WITHIN / 2, deadman))
        if reply.code:
            return f"going back failed, its timer tries again within {deadman:.0f} s"
        outcome = switch.ask(f"sudo cat {FOLDER}/{ident}/outcome").strip()
        left = _left(read(switch), wanted.running, wanted.changes)
        switch.run(_call(ident, "clean"))
    except ScsRackError as error:
        return f"it goes back by itself within {deadman:.0f} s ({error.message})"
    said = OUTCOMES.get(outcome, outcome)
    return f"{said}, but {len(left)} rows are not as before" if left else said


def _patiently(switch: Switch, command: str, seconds: float) -> Reply:
    """Run a command on a switch that may be cut off for a while.

    Raises:
        SwitchUnreachable: it did not come back in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return switch.run(command, timeout=UNDO_TIMEOUT)
        except SwitchUnreachable:
            if time.monotonic() > deadline:
                raise
            time.sleep(1.0)


def _left(running: Tables, goal: Tables, changes: Sequence[RowChange]) -> list[RowChange]:
    """What differs in the tables that were to be changed; other tables the switch may fill itself."""
    tables = {change.table for change in changes}
    return [change for change in compare(running, goal) if change.table in tables]


def apply(
    switch: Switch,
    wanted: Plan,
    check: Check,
    *,
    allow_reload: bool = False,
    deadman: float | None = None,
    said: Said = lambda _name, _what: None,
) -> None:
    """Apply a plan, commit-confirmed.

    Args:
        switch: the switch.
        wanted: what `plan` said.
        check: looks at the switch after the change.
        allow_reload: reload the configuration where nothing less helps: data plane and BGP are down for minutes.
        deadman: seconds until the switch goes back by itself; follows from the plan when not given.
        said: told each step.

    Raises:
        SwitchBusy: another process is changing the switch.
        SwitchUnreachable: it could not be reached before anything was changed.
        NeedsReload: it takes a reload that is not allowed; nothing was changed.
        RolledBack: the change was undone.
    """
    if wanted.reasons and not allow_reload:
        raise NeedsReload(
            f"{switch.name}: only a reload can bring this: {'; '.join(wanted.reasons)}",
            "`scs-rack switch apply --allow-reload` does it: data plane and BGP are down for minutes",
        )
    seconds = deadman or wanted.seconds + wanted.restore_seconds + CONFIRM_WITHIN
    ident = f"scs-rack-{int(time.time())}-{secrets.token_hex(2)}"
    with switch.locked() as held:
        said(switch.name, "judging")
        if read(switch) != wanted.running:
            raise SwitchRefused(f"{switch.name}: its configuration changed after it was compared", "run again")
        try:
            _begin(switch, ident, wanted, seconds)
        except NeedsReload as error:
            if not allow_reload:
                raise
            wanted = replace(wanted, stuck=error.message)
            _begin(switch, ident, wanted, seconds := max(seconds, wanted.seconds + wanted.restore_seconds))
        said(switch.name, f"applying by {wanted.means}")
        refused = _make(switch, ident, wanted)
        said(switch.name, "looking")
        after = switch.renewed()
        try:
            problem = refused or _problem(after, wanted, check)
            if not problem and not held.alive:
                problem = "its lock was lost meanwhile"
            if problem:
                said(switch.name, "going back")
                raise RolledBack(f"{switch.name}: {problem}; {_undo(after, ident, wanted, seconds)}")
            _confirm(after, ident, wanted, seconds)
        finally:
            after.hang_up()


def _make(switch: Switch, ident: str, wanted: Plan) -> str | None:
    try:
        reply = switch.run(_call(ident, f"apply {wanted.seconds:.0f}"), timeout=wanted.seconds + 20)
    except SwitchUnreachable as error:
        return None if wanted.means == Means.RELOAD else f"lost while it was changed ({error.message})"
    return f"it refused the configuration: {reply.why}" if reply.code else None


def _problem(switch: Switch, wanted: Plan, check: Check) -> str | None:
    """What is not as it should be after a change, seen over a new connection; None when all is well."""
    try:
        left = _left(read(switch), wanted.goal, wanted.changes)
        if left:
            return f"{len(left)} rows are not as wanted, first {left[0].text}"
        if wanted.frr is not None and (lines := frr_lines(switch, wanted.frr)):
            return f"FRR does not run what it was given, first {lines[0]}"
        faults = [finding for finding in check(switch) if finding.severity == "error"]
    except (SwitchUnreachable, SwitchRefused) as error:
        return f"it can't be looked at after the change: {error.message}"
    if faults:
        first = faults[0]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        return f"{first.where}: expected {first.expected}, seen {first.seen}{more}"
    return None


def _confirm(switch: Switch, ident: str, wanted: Plan, seconds: float) -> None:
    """Stop the timer, save, and see that the saved file is what runs.

    Raises:
        RolledBack: it went back before, or what was saved is not what runs.
    """
    confirmed = switch.run(_call(ident, "confirm"), timeout=DRY_RUN_TIMEOUT)
    if confirmed.code == WENT_BACK:
        switch.run(_call(ident, "clean"))
        raise RolledBack(f"{switch.name}: the change could not be confirmed: {confirmed.why}")
    problem = f"it could not be saved: {confirmed.why}" if confirmed.code else None
    if not problem:
        saved: Tables = switch.ask_json(f"sudo cat {SAVED}")
        left = _left(saved, wanted.goal, wanted.changes)
        problem = f"{SAVED} lacks {left[0].text}" if left else None
    if problem:
        raise RolledBack(f"{switch.name}: {problem}; {_undo(switch, ident, wanted, seconds, 'force')}")
    switch.ask(_call(ident, "clean"))
