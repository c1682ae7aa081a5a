"""Change a switch so that a mistake undoes itself (commit-confirmed).

1. keep the running configuration as a checkpoint, and arm a timer on the switch that goes back to it;
2. replace the configuration by the smallest change;
3. look at the switch over a new connection;
4. only then stop the timer and save.

If we die, lose the switch, or don't like what we see, the switch comes back by itself.
"""

import json
import secrets
import shlex
import time
from collections.abc import Callable, Sequence

from scs_rack.errors import ScsRackError
from scs_rack.results import Finding
from scs_rack.sonic.plan import REPLACE_TIMEOUT, Plan, read
from scs_rack.sonic.tables import compare
from scs_rack.sonic.transport import Switch, SwitchRefused, SwitchUnreachable

DEADMAN = 240
"""Seconds after which a switch goes back by itself when nobody confirms."""

Check = Callable[[Switch], Sequence[Finding]]
"""Looks at a switch after a change; findings of severity error undo it."""


class RolledBack(SwitchRefused):
    """A change was undone, because what was seen after it was not right."""


def unconfirmed(switch: Switch) -> list[str]:
    """Changes that some process began on a switch and did not live to confirm, oldest first.

    Raises:
        SwitchUnreachable, SwitchRefused: it can't be asked.
    """
    return [name.removesuffix(".json") for name in switch.ask("ls scs-rack-*.json 2>/dev/null || true").split()]


def settle(switch: Switch) -> bool:
    """Undo changes that were never confirmed, before their timers do it in the middle of something else.

    Returns:
        True if there were any.

    Raises:
        SwitchBusy: the process that began the change lives.
        SwitchUnreachable, SwitchRefused: it could not be done.
    """
    left = unconfirmed(switch)
    if not left:
        return False
    with switch.locked():
        for ident in reversed(left):
            # without its timer it went back already, or was confirmed and only not saved
            switch.ask(
                f"set -e; if systemctl is-active --quiet {ident}.timer; then {_undo_command(ident)}; fi; "
                f"sudo config save -y >/dev/null; {_clean_command(ident)}",
                timeout=REPLACE_TIMEOUT,
            )
    return True


def _arm_command(ident: str, seconds: int) -> str:
    """Shell command that keeps the wanted configuration (from stdin) and a checkpoint, and starts the timer."""
    undo = f"config rollback {ident} || config reload -y -f"
    return (
        f"set -e; umask 077; cat >{ident}.json; sudo config checkpoint {ident} >/dev/null; "
        f"sudo systemd-run --quiet --collect --unit={ident} --on-active={seconds} --timer-property=AccuracySec=1s "
        f"/bin/sh -c {shlex.quote(undo)}"
    )


def _clean_command(ident: str) -> str:
    checkpoint = f"/etc/sonic/checkpoints/{ident}.cp.json"
    return (
        f"if sudo test -e {checkpoint}; then sudo config delete-checkpoint {ident} >/dev/null; fi; rm -f {ident}.json"
    )


def _confirm_command(ident: str) -> str:
    """Shell command that stops the timer (fails if it has fired), saves, and cleans up."""
    return f"set -e; sudo systemctl stop {ident}.timer; sudo config save -y >/dev/null; {_clean_command(ident)}"


def _undo_command(ident: str) -> str:
    """Shell commands that go back now, and stop the timer only when that worked (after `set -e`)."""
    return f"sudo config rollback {ident}; sudo systemctl stop {ident}.timer"


def _undo(switch: Switch, ident: str, wanted: Plan, deadman: int) -> str:
    """Go back at once if the switch answers; returns what became of it."""
    try:
        reply = switch.run(f"set -e; {_undo_command(ident)}", timeout=REPLACE_TIMEOUT)
        left = compare(read(switch), wanted.running)
        if left and reply.code:
            return f"going back failed ({reply.why}), its timer tries again within {deadman} s"
        switch.run(_clean_command(ident))  # where the timer was faster, its checkpoint is still there
    except ScsRackError as error:
        return f"it goes back by itself within {deadman} s ({error.message})"
    return f"went back, but {len(left)} rows are not as before" if left else "went back to what ran before"


def apply(switch: Switch, wanted: Plan, check: Check, *, deadman: int = DEADMAN) -> None:
    """Apply a plan, commit-confirmed.

    Args:
        switch: the switch.
        wanted: what `plan` said.
        check: looks at the switch after the change.
        deadman: seconds until the switch goes back by itself.

    Raises:
        SwitchBusy: another process is changing the switch.
        SwitchUnreachable: it could not be reached before anything was changed.
        RolledBack: the change was undone.
    """
    ident = f"scs-rack-{int(time.time())}-{secrets.token_hex(2)}"
    with switch.locked():
        if read(switch) != wanted.running:
            raise SwitchRefused(f"{switch.name}: its configuration changed after it was compared", "run again")
        armed = switch.run(_arm_command(ident, deadman), stdin=json.dumps(wanted.goal))
        if armed.code:
            raise SwitchRefused(f"{switch.name}: the way back could not be prepared, nothing was changed: {armed.why}")
        refused = _replace(switch, ident)
        after = switch.renewed()
        try:
            problem = refused or _problem(after, wanted, check)
            if problem:
                raise RolledBack(f"{switch.name}: {problem}; {_undo(after, ident, wanted, deadman)}")
            confirmed = after.run(_confirm_command(ident))
        finally:
            after.hang_up()
        if confirmed.code:
            raise RolledBack(f"{switch.name}: the change could not be confirmed: {confirmed.why}")


def _replace(switch: Switch, ident: str) -> str | None:
    try:
        reply = switch.run(f"sudo config replace {ident}.json", timeout=REPLACE_TIMEOUT)
    except SwitchUnreachable as error:
        return f"lost while it was changed ({error.message})"
    return f"it refused the configuration: {reply.why}" if reply.code else None


def _problem(switch: Switch, wanted: Plan, check: Check) -> str | None:
    """What is not as it should be after a change, seen over a new connection; None when all is well."""
    try:
        left = compare(read(switch), wanted.goal)
        if left:
            return f"{len(left)} rows are not as wanted, first {left[0].text}"
        faults = [finding for finding in check(switch) if finding.severity == "error"]
    except (SwitchUnreachable, SwitchRefused) as error:
        return f"it can't be looked at after the change: {error.message}"
    if faults:
        first = faults[0]
        return f"{first.where}: expected {first.expected}, seen {first.seen}"
    return None
