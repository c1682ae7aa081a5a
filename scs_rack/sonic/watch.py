"""What is looked at on a switch before its change is confirmed: all that was there before is there again.

Sessions, neighbours on the wire and loopbacks are asked of the switch itself, and of others that see it from outside.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from scs_rack.design import Design
from scs_rack.errors import ScsRackError
from scs_rack.results import Finding
from scs_rack.sonic.apply import Check
from scs_rack.sonic.disruption import Disruption
from scs_rack.sonic.lldp import Heard, heard
from scs_rack.sonic.plan import Plan
from scs_rack.sonic.reach import answering, loopbacks, reached
from scs_rack.sonic.transport import Switch, on_all
from scs_rack.sonic.verify import PAUSE, Session, peer_asn, sessions

T = TypeVar("T")

SSH_WAIT = 10.0
"""Seconds for a new connection to another switch."""
LEARN = 8.0
"""Seconds for FRR to know its neighbours."""
WINDOW = {
    Disruption.NONE: 0.0,
    Disruption.ROW: 3.0,
    Disruption.FLAP: 5.0,
    Disruption.SESSION: 10.0,
    Disruption.RESTART: 10.0,
    Disruption.RELOAD: 10.0,
}
"""Seconds over which all must be as before: longer than a silent BGP peer is kept (hold time 9 s)."""
VANTAGES = 2
"""Other switches from which the network is looked at."""


@dataclass(frozen=True)
class Before:
    """What was there before a change."""

    sessions: dict[str, Session]
    heard: Heard
    reached: dict[str, frozenset[str]]
    """Loopbacks that answered, by the switch that asked."""


def _asking(switch: Switch) -> list[Switch]:
    """The switch, and others that see it from outside: those that share servers with it, then its neighbours."""
    design, me = switch.ctx.design, switch.name
    hosts = {use.peer for use in design.switches[me].ports.values() if use.peer not in design.switches}
    others = sorted(
        (one for one in design.switches.values() if one.name != me and one.role != "oob"),
        key=lambda one: (
            not hosts & {use.peer for use in one.ports.values()},
            me not in {use.peer for use in one.ports.values()},
            one.name,
        ),
    )
    return [switch, *(Switch(switch.ctx, one.name) for one in others[:VANTAGES])]


def _reached(askers: Iterable[Switch], targets: Iterable[str]) -> dict[str, frozenset[str]]:
    wanted = sorted(targets)
    answers = on_all(askers, lambda one: reached(one, wanted))
    return {name: answer for name, answer in answers.items() if not isinstance(answer, ScsRackError)}


def _everything(switch: Switch) -> set[str]:
    return {address for pair in loopbacks(switch.ctx).values() for address in pair}


def look(switch: Switch) -> Before:
    """What is there now.

    Raises:
        SwitchUnreachable, SwitchRefused: the switch can't be asked.
    """
    found = sessions(switch)
    if not any(session.established for session in found.values()):
        return Before(found, heard(switch), {})
    return Before(found, heard(switch), _reached(_asking(switch), _everything(switch)))


def _until(deadline: float, missing: Callable[[], set[T]]) -> set[T]:
    """What is still missing at the deadline."""
    while True:
        left = missing()
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(PAUSE)


def _learn(switch: Switch, plan: Plan, deadline: float) -> list[Finding]:
    """See that FRR knows all neighbours.

    On a running FRR without BGP, frrcfgd of real switches forgets to create neighbours (sonic-buildimage issue 27723):
    then its container is restarted, which renders the whole configuration.
    """

    def missing() -> set[str]:
        return set(plan.neighbours - sessions(switch).keys())

    if not _until(min(deadline, time.monotonic() + LEARN), missing):
        return []
    switch.ask("sudo systemctl restart bgp")
    return [
        Finding("bgp-session-missing", "error", f"{switch.name} {port}", "a BGP neighbour in FRR", "none")
        for port in sorted(_until(deadline, missing))
    ]


def _restored(switch: Switch, plan: Plan, before: Before, deadline: float) -> list[Finding]:
    """See that what was established before is so again, as far as it is still wanted."""
    wanted = {port for port, session in before.sessions.items() if session.established} & plan.neighbours

    def down() -> set[str]:
        now = sessions(switch)
        return {port for port in wanted if port not in now or not now[port].established}

    return [
        Finding("bgp-session-lost", "error", f"{switch.name} {port}", "the session that was there", "down")
        for port in sorted(_until(deadline, down))
    ]


def _known_as(switch: Switch, before: Before) -> Iterator[Finding]:
    """See that switches at the other ends know this one by the AS number that the rack file gives it."""
    design = switch.ctx.design
    asn = peer_asn(design, switch.name)
    peers = [
        use
        for port, use in design.switches[switch.name].ports.items()
        if use.peer in design.switches and port in before.sessions and before.sessions[port].established
    ]
    answers = on_all([Switch(switch.ctx, name) for name in sorted({use.peer for use in peers})], sessions)
    for use in peers:
        seen = answers[use.peer]
        if not isinstance(seen, ScsRackError) and use.peer_port in seen and seen[use.peer_port].asn != asn:
            yield Finding(
                "bgp-wrong-peer", "error", f"{use.peer} {use.peer_port}", f"{switch.name} with AS {asn}",
                f"AS {seen[use.peer_port].asn}",
            )  # fmt: skip


def _wired(switch: Switch, plan: Plan, before: Before, deadline: float) -> list[Finding]:
    """See that the neighbours on the wire are those that were heard before, on ports that are still wanted up."""
    ports = plan.goal.get("PORT", {})
    wanted = {
        (port, name)
        for port, names in before.heard.items()
        for name in names
        if port not in ports or ports[port].get("admin_status") == "up"
    }

    def silent() -> set[tuple[str, str]]:
        now = heard(switch)
        return {(port, name) for port, name in wanted if name not in now.get(port, ())}

    return [
        Finding("neighbour-lost", "error", f"{switch.name} {port}", f"{name} heard by LLDP as before", "silence")
        for port, name in sorted(_until(deadline, silent))
    ]


def _misplaced(switch: Switch, plan: Plan, before: Before) -> list[Finding]:
    """See that no port has another neighbour on the wire than the rack file plans.

    What was heard there before the change already is not the change's fault: `cable verify` names it. A port that the
    change enabled and that is silent still has no device behind it; the gate waits for that, not the change.
    """
    design, ports = switch.ctx.design, plan.goal.get("PORT", {})
    known = design.switches.keys() | design.nodes.keys()
    now = heard(switch)
    return [
        Finding(
            "neighbour-misplaced", "error", f"{switch.name} {port}", f"{use.peer} {use.peer_port} as planned",
            f"{', '.join(sorted(strangers))} by LLDP", f"`scs-rack cable verify --limit {switch.name}` names the cable",
        )
        for port, use in design.switches[switch.name].ports.items()
        if use.peer in known
        and (port not in ports or ports[port].get("admin_status") == "up")
        and (strangers := now.get(port, frozenset()) - before.heard.get(port, frozenset()) - {use.peer})
        and use.peer not in now[port]
    ]  # fmt: skip


def _reachable(switch: Switch, before: Before, deadline: float) -> list[Finding]:
    """See that every loopback that answered answers again, asked from here and from outside."""
    names = {address: name for name, pair in loopbacks(switch.ctx).items() for address in pair}
    findings = []
    for asker, targets in before.reached.items():
        line = switch if asker == switch.name else Switch(switch.ctx, asker)

        def lost(line: Switch = line, targets: frozenset[str] = targets) -> set[str]:
            return set(targets - reached(line, sorted(targets)))

        findings += [
            Finding(
                "loopback-lost", "error", asker, f"{address} of {names.get(address, '?')} answers as before",
                f"no answer since {switch.name} was changed",
            )
            for address in sorted(_until(deadline, lost))
        ]  # fmt: skip
    return findings


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


def _cut_off(switch: Switch, before: set[str], deadline: float) -> list[Finding]:
    """See that what was reached through an out-of-band switch can be reached again."""
    left = set(before)

    def silent() -> set[str]:
        left.difference_update(_answering(Switch(switch.ctx, name) for name in left))
        return left

    return [
        Finding("switch-cut-off", "error", switch.name, f"{name} reachable as before", "no answer")
        for name in sorted(_until(deadline, silent))
    ]


def _managed(design: Design) -> dict[str, str]:
    """Who has which address in the out-of-band network: BMCs, and servers."""
    found = {str(node.bmc.address): f"the BMC of {name}" for name, node in design.nodes.items()}
    return found | {str(node.mgmt.ip): name for name, node in design.nodes.items()}


def _out_of_band(switch: Switch, plan: Plan) -> Check:
    """As `checker`, for an out-of-band switch."""
    design = switch.ctx.design
    names = _managed(design)
    others = _answering(Switch(switch.ctx, name) for name in design.switches if name != switch.name)
    before = answering(switch, sorted(names))

    def check(changed: Switch) -> list[Finding]:
        deadline = time.monotonic() + plan.restore_seconds
        lost = _until(deadline, lambda: set(before - answering(changed, sorted(before))))
        return _cut_off(changed, others, deadline) + [
            Finding("device-cut-off", "error", switch.name, f"{names[one]} ({one}) answers as before", "no answer")
            for one in sorted(lost)
        ]

    return check


def checker(switch: Switch, plan: Plan) -> Check:
    """Look at a switch now, and return the check for after its change.

    Where only names change there is nothing more to see than that the switch answers and has what it was given.
    A switch that routes must have its sessions, its neighbours on the wire and its ways to all loopbacks back; through
    an out-of-band switch all others are reached as before, and BMCs and servers answer it.
    """
    if not plan.touches_forwarding:
        return lambda _: []
    if switch.ctx.design.switches[switch.name].role == "oob":
        return _out_of_band(switch, plan)
    before = look(switch)

    def look_again(changed: Switch, deadline: float) -> list[Finding]:
        found = _restored(changed, plan, before, deadline)
        found = found or list(_known_as(changed, before))
        if plan.disruption != Disruption.ROW:
            found = found or _wired(changed, plan, before, deadline) + _misplaced(changed, plan, before)
        if found or not (lost := _reachable(changed, before, deadline)):
            return found
        # a session that fell while loopbacks were asked is why, and comes first
        return _restored(changed, plan, before, time.monotonic()) + lost

    def check(changed: Switch) -> list[Finding]:
        began = time.monotonic()
        deadline = began + plan.restore_seconds
        found = _learn(changed, plan, deadline) or look_again(changed, deadline)
        if found or not before.reached:
            return found
        # what SONiC does with a row, it does after CONFIG_DB has it: a session that stands now may fall in a moment
        time.sleep(max(0.0, began + WINDOW[plan.disruption] - time.monotonic()))
        return look_again(changed, max(deadline, time.monotonic() + PAUSE))

    return check
