"""What is looked at on a switch before its change is confirmed."""

import time
from collections.abc import Iterable

from scs_rack.errors import ScsRackError
from scs_rack.results import Finding
from scs_rack.sonic.apply import Check
from scs_rack.sonic.generate import config_db
from scs_rack.sonic.plan import Plan
from scs_rack.sonic.transport import Switch, on_all
from scs_rack.sonic.verify import PAUSE, Session, sessions

RESTORE = 40.0
"""Seconds for sessions that were up before a change to be up after it."""
SSH_WAIT = 10.0
"""Seconds for a new connection to another switch."""
LEARN = 8.0
"""Seconds for FRR to know its neighbours."""


def _expected(switch: Switch) -> set[str]:
    rows = config_db(switch.ctx.design, switch.name).get("BGP_NEIGHBOR", {})
    return {key.partition("|")[2] for key in rows}


def _missing(switch: Switch, seconds: float) -> set[str]:
    """Neighbours that FRR does not know, after waiting for them."""
    deadline = time.monotonic() + seconds
    while True:
        missing = _expected(switch) - sessions(switch).keys()
        if not missing or time.monotonic() > deadline:
            return missing
        time.sleep(PAUSE)


def _learn(switch: Switch) -> list[Finding]:
    """See that FRR knows all neighbours.

    On a running FRR without BGP, frrcfgd of real switches forgets to create neighbours (sonic-buildimage issue 27723):
    then its container is restarted, which renders the whole configuration.
    """
    if not _missing(switch, LEARN):
        return []
    switch.ask("sudo systemctl restart bgp")
    return [
        Finding("bgp-session-missing", "error", f"{switch.name} {port}", "a BGP neighbour in FRR", "none")
        for port in sorted(_missing(switch, RESTORE))
    ]


def _restored(switch: Switch, before: dict[str, Session]) -> list[Finding]:
    """See that what was established before is so again, as far as it is still wanted."""
    wanted = {port for port, session in before.items() if session.established} & _expected(switch)
    deadline = time.monotonic() + RESTORE
    while True:
        now = sessions(switch)
        down = sorted(port for port in wanted if port not in now or not now[port].established)
        if not down or time.monotonic() > deadline:
            break
        time.sleep(PAUSE)
    return [
        Finding("bgp-session-lost", "error", f"{switch.name} {port}", "the session that was there", "down")
        for port in down
    ]


def _answering(switches: Iterable[Switch]) -> set[str]:
    """Switches that take a new connection."""

    def call(switch: Switch) -> None:
        line = switch.renewed()
        try:
            line.run("true", timeout=SSH_WAIT)
        finally:
            line.hang_up()

    answers = on_all(switches, call)
    return {name for name, answer in answers.items() if not isinstance(answer, ScsRackError)}


def _cut_off(switch: Switch, before: set[str]) -> list[Finding]:
    """See that what was reached through an out-of-band switch can be reached again."""
    deadline = time.monotonic() + RESTORE
    left = before
    while left:
        left = left - _answering(Switch(switch.ctx, name) for name in left)
        if time.monotonic() > deadline:
            break
    return [
        Finding("switch-cut-off", "error", switch.name, f"{name} reachable as before", "no answer")
        for name in sorted(left)
    ]


def checker(switch: Switch, plan: Plan) -> Check:
    """Look at a switch now, and return the check for after its change.

    Where only names change there is nothing more to see than that the switch answers and has what it was given.
    A switch that routes must have its sessions back; through an out-of-band switch all others are reached as before.
    """
    if not plan.touches_forwarding:
        return lambda _: []
    design = switch.ctx.design
    if design.switches[switch.name].role == "oob":
        others = _answering(Switch(switch.ctx, name) for name in design.switches if name != switch.name)
        return lambda changed: _cut_off(changed, others)
    before = sessions(switch)
    return lambda changed: [*_learn(changed), *_restored(changed, before)]
