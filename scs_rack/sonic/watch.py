"""What is looked at on a switch before its change is confirmed."""

import time

from scs_rack.results import Finding
from scs_rack.sonic.apply import Check
from scs_rack.sonic.generate import config_db
from scs_rack.sonic.transport import Switch
from scs_rack.sonic.verify import PAUSE, Session, sessions

RESTORE = 40.0
"""Seconds for sessions that were up before a change to be up after it."""
LEARN = 8.0
"""Seconds for FRR to know its neighbours."""


def _expected(switch: Switch) -> set[str]:
    rows = config_db(switch.ctx.design, switch.name).get("BGP_NEIGHBOR", {})
    return {key.partition("|")[2] for key in rows}


def _missing(switch: Switch, seconds: float) -> set[str]:
    """Neighbours that FRR does not know, after waiting for them."""
    deadline = time.monotonic() + seconds
    while True:
        missing = _expected(switch) - sessions(switch, fresh=True).keys()
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
        now = sessions(switch, fresh=True)
        down = sorted(port for port in wanted if port not in now or not now[port].established)
        if not down or time.monotonic() > deadline:
            break
        time.sleep(PAUSE)
    return [
        Finding("bgp-session-lost", "error", f"{switch.name} {port}", "the session that was there", "down")
        for port in down
    ]


def checker(switch: Switch) -> Check:
    """Look at a switch now, and return the check for after its change."""
    routes = bool(_expected(switch))
    before = sessions(switch) if routes else {}

    def check(switch: Switch) -> list[Finding]:
        return [*_learn(switch), *_restored(switch, before)] if routes else []

    return check
