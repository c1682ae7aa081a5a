"""Looks at switches: BGP sessions and links against the rack file; FRR and the kernel are asked, never CONFIG_DB."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from scs_rack.design import Design, PortUse
from scs_rack.engine.stage import Context
from scs_rack.errors import ScsRackError, Unreachable
from scs_rack.results import Finding
from scs_rack.sonic.site import speakers
from scs_rack.sonic.transport import Switch, on_all

SUMMARY = 'sudo vtysh -c "show bgp summary json"'
LINKS = "ip -j link show"
FAMILIES = ("ipv4Unicast", "ipv6Unicast")
PAUSE = 0.5
"""Seconds between two looks while something is awaited."""


@dataclass(frozen=True)
class Session:
    """A BGP session as a switch sees it, worst address family first."""

    asn: int
    state: str

    @property
    def established(self) -> bool:
        """True when routes are exchanged in all families."""
        return self.state == "Established"


def parse_summary(summary: dict[str, Any]) -> dict[str, Session]:
    """Sessions by interface, from FRR's `show bgp summary json`."""
    found: dict[str, Session] = {}
    for family in FAMILIES:
        for peer, row in summary.get(family, {}).get("peers", {}).items():
            session = Session(int(row.get("remoteAs", 0)), str(row.get("state", "unknown")))
            if peer not in found or found[peer].established:
                found[peer] = session
    return found


def sessions(switch: Switch) -> dict[str, Session]:
    """BGP sessions of a switch by interface.

    Raises:
        SwitchUnreachable, SwitchRefused: it can't be asked.
    """
    return parse_summary(switch.ask_json(SUMMARY))


def peer_asn(design: Design, name: str) -> int:
    """Autonomous system number of a device."""
    if name in design.switches:
        return design.switches[name].asn
    return design.nodes[name].asn if name in design.nodes else design.manager.asn


def fabric_ports(design: Design, name: str) -> list[PortUse]:
    """Routed ports of a switch that lead to other switches."""
    routed = speakers(design, name)
    return [use for use in design.switches[name].ports.values() if use.use == "fabric" and use.port in routed]


def host_ports(design: Design, name: str) -> list[PortUse]:
    """Routed ports of a switch whose other end is in service: servers, and the manager."""
    return [
        use
        for use in design.switches[name].ports.values()
        if use.use == "host" and (use.peer not in design.nodes or design.nodes[use.peer].in_service)
    ]


def session_findings(
    design: Design, name: str, seen: dict[str, Session], ports: Iterable[PortUse]
) -> Iterable[Finding]:
    """Compare the sessions that a switch has with those that its ports should have."""
    interfaces = speakers(design, name)
    for use in ports:
        where, asn = f"{name} {use.port}", peer_asn(design, use.peer)
        session = seen.get(interfaces.get(use.port, use.port))
        peer = f"{use.peer} {use.peer_port}"
        if session is None:
            yield Finding(
                "bgp-session-missing", "error", where, f"a BGP session with {peer}", "FRR knows no such neighbour",
                f"on {name}: sudo systemctl restart bgp",
            )  # fmt: skip
        elif not session.established:
            yield Finding(
                "bgp-session-down", "error", where, f"session with {peer} established", session.state,
                f"is {use.peer} on, and FRR running there? `scs-rack cable verify` looks at the cable",
            )  # fmt: skip
        elif session.asn != asn:
            yield Finding(
                "bgp-wrong-peer", "error", where, f"{peer} with AS {asn}", f"AS {session.asn}",
                "another device hangs on this port: `scs-rack cable verify`",
            )  # fmt: skip


def links_up(switch: Switch) -> set[str]:
    """Interfaces of a switch that are operationally up.

    Raises:
        SwitchUnreachable, SwitchRefused: it can't be asked.
    """
    return {entry["ifname"] for entry in switch.ask_json(LINKS) if entry.get("operstate") == "UP"}


def link_findings(design: Design, name: str, up: set[str]) -> Iterable[Finding]:
    """Ports to other switches and to the manager that have no link: these are on while a switch is looked at."""
    for use in design.switches[name].ports.values():
        if (use.peer in design.switches or use.peer == "manager") and use.port not in up:
            yield Finding(
                "link-down", "error", f"{name} {use.port}", f"link to {use.peer} {use.peer_port}", "no link",
                "look at cable and optics at both ends",
            )  # fmt: skip


def unreachable(name: str, error: ScsRackError) -> Finding:
    """Finding for a switch that could not be asked, or did not say what was asked."""
    kind = "switch-unreachable" if isinstance(error, Unreachable) else "switch-refused"
    return Finding(kind, "error", name, "an answer", error.message, error.hint)


def await_sessions(ctx: Context, ports: dict[str, list[PortUse]], seconds: float) -> list[Finding]:
    """Look at sessions of many switches until all are up or the time is over; returns what is still wrong then.

    Args:
        ctx: rack and state.
        ports: ports to look at, by switch.
        seconds: how long to wait.
    """
    deadline = time.monotonic() + seconds
    pending = {name: uses for name, uses in ports.items() if uses}
    while True:
        findings: dict[str, list[Finding]] = {}
        for name, answer in on_all([Switch(ctx, name) for name in pending], sessions).items():
            if isinstance(answer, ScsRackError):
                findings[name] = [unreachable(name, answer)]
            else:
                findings[name] = list(session_findings(ctx.design, name, answer, pending[name]))
        pending = {name: pending[name] for name, faults in findings.items() if faults}
        if not pending or time.monotonic() > deadline or ctx.stop.wait(PAUSE):
            return [finding for faults in findings.values() for finding in faults]
