"""Part of the gate of stage resources: controllers have their sessions with the provider's routers."""

import time
from collections.abc import Iterable, Mapping
from ipaddress import IPv6Address
from typing import Literal

from scs_rack.engine.stage import Context
from scs_rack.remote import Answer, run_many
from scs_rack.results import Finding

PATIENCE = 90.0
"""Seconds for sessions: an agent that found nobody at its start tries again after half a minute."""
PAUSE = 2.0
SESSIONS = ["ss", "-Htn", "state", "established", "dport", "=", ":179"]
"""Connections to port 179 of others (FRR's own with the leaves are among them); the last column is the far end."""


def route_findings(ctx: Context) -> list[Finding]:
    """Look at the controllers until all sessions are there or time is up; nothing where nobody is to be told."""
    routes = ctx.design.guests.routes
    names = [name for name in ctx.design.groups["controller"] if ctx.selected(name)]
    if routes is None or not names:
        return []
    deadline = time.monotonic() + ctx.wait_for(PATIENCE)
    while True:
        found = session_findings(run_many(ctx, names, SESSIONS), [address for address, _ in routes.peers])
        if not found or time.monotonic() > deadline or ctx.stop.wait(PAUSE):
            return found


def session_findings(answers: Mapping[str, Answer], peers: Iterable[IPv6Address]) -> list[Finding]:
    """What is missing: a router that no controller tells is an error, one that some do not tell a warning.

    Args:
        answers: of `SESSIONS`, by controller.
        peers: the provider's routers.
    """
    told = {name: far_ends(answer.out) if answer.ok else set() for name, answer in answers.items()}
    hint = "is the router up, does it expect the controllers' loopbacks, is there a route to it? On a controller: "
    hint += "journalctl -u neutron-bgp-dragent"
    found = []
    for peer in peers:
        silent = sorted(name for name, ends in told.items() if peer not in ends)
        if silent:
            seen = f"none with {', '.join(silent)}"
            expected = "a BGP session with each controller"
            severity: Literal["error", "warning"] = "error" if len(silent) == len(told) else "warning"
            found.append(Finding("guest-routes-session", severity, f"router {peer}", expected, seen, hint))
    return found


def far_ends(text: str) -> set[IPv6Address]:
    """IPv6 addresses at the far end of connections, as ss prints them: `… [fd00::1]:179`."""
    found = set()
    for line in text.splitlines():
        address = (line.split() or [""])[-1].rpartition(":")[0].strip("[]").split("%")[0]
        if ":" in address:
            found.add(IPv6Address(address))
    return found
