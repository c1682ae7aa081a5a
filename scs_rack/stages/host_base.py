"""Stage base: operators, kernel settings, names, time and the underlay of every server."""

import json
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scs_rack.design import NodeDesign
from scs_rack.engine.stage import Context
from scs_rack.remote import Answer, run_many
from scs_rack.results import Finding
from scs_rack.sonic.reach import fabric_findings
from scs_rack.sonic.verify import parse_summary
from scs_rack.stages.ansible_stage import AnsibleStage

CLOCK_SPREAD = 1.0
"""Seconds that a clock may differ from the others'; what can be told over SSH. Ceph itself warns from 0.05 s."""
OURS = (
    "frr",
    "lldpd",
    "openvswitch-switch",
    "ovs-vswitchd",
    "ovsdb-server",
    "scs-underlay",
    "ssh",
    "chrony",
    "systemd-",
)
"""Units (or beginnings of their names) that this stage answers for; other stages answer for the rest."""

PROBE = """
say() { printf '"%s": ' "$1"; shift; "$@" 2>/dev/null || echo null; }
printf '{'; say time date +%s.%N
printf ','; say bgp vtysh -c 'show bgp summary json'
printf ','; say failed systemctl list-units --state=failed --output=json
printf ','; say addresses ip -json address show
printf ',"synchronized": '; if chronyc -n waitsync 1 >/dev/null 2>&1; then printf true; else printf false; fi
printf '}'
"""
"""Prints what a node says about itself as JSON; `null` where a tool failed."""


@dataclass(frozen=True)
class Seen:
    """What a node said, and when."""

    node: NodeDesign
    said: dict[str, Any]
    seconds: float
    """How long it took to say it."""


def _interfaces(ctx: Context, node: NodeDesign) -> list[str]:
    """Where FRR talks: see role underlay."""
    if ctx.design.rack.lab is not None:
        return [f"br-up{number}" for number in range(len(node.uplinks))]
    return [use.port for use in node.uplinks]


def session_findings(ctx: Context, seen: Seen) -> Iterable[Finding]:
    """Sessions with all leaves, both address families, as the node sees them."""
    sessions = parse_summary(seen.said["bgp"] or {})
    for interface, use in zip(_interfaces(ctx, seen.node), seen.node.uplinks, strict=True):
        session = sessions.get(interface)
        if session is None or not session.established:
            yield Finding(
                "bgp-session-down",
                "error",
                f"{seen.node.name} {interface}",
                f"session with {use.peer} {use.peer_port} established",
                session.state if session else "FRR knows no such neighbour",
                f"on {seen.node.name}: journalctl -u frr -u scs-underlay; is {use.peer} up?",
            )


def address_findings(seen: Seen) -> Iterable[Finding]:
    """Loopback addresses on lo."""
    links = {link["ifname"]: link for link in seen.said["addresses"] or []}
    there = {entry["local"] for entry in links.get("lo", {}).get("addr_info", [])}
    for address in (str(seen.node.loopback4), str(seen.node.loopback6)):
        if address not in there:
            yield Finding(
                "loopback-missing", "error", f"{seen.node.name} lo", address, ", ".join(sorted(there)) or "nothing",
                f"on {seen.node.name}: systemctl restart scs-underlay",
            )  # fmt: skip


def unit_findings(seen: Seen) -> Iterable[Finding]:
    """Units that failed; those of other stages are worth a warning, for these stages may be about to mend them."""
    failed = seen.said["failed"]
    if failed is None:
        yield Finding("systemd-silent", "error", seen.node.name, "an answer of systemctl", "none")
    for unit in failed or []:
        name = unit["unit"]
        yield Finding(
            "unit-failed",
            "error" if name.startswith(OURS) else "warning",
            f"{seen.node.name} {name}",
            "no failed unit",
            "failed",
            f"on {seen.node.name}: journalctl -u {name}",
        )


def clock_findings(ctx: Context, answers: Iterable[Seen]) -> Iterable[Finding]:
    """Clocks that differ from the others', and clocks that nobody steers."""
    listed = list(answers)
    if not listed:
        return
    middle = statistics.median(float(seen.said["time"]) for seen in listed)
    for seen in listed:
        offset = abs(float(seen.said["time"]) - middle)
        if offset > CLOCK_SPREAD + seen.seconds:
            yield Finding(
                "clock-off", "error", seen.node.name, "the time of the other servers", f"{offset:.1f} s off",
                f"on {seen.node.name}: chronyc sources; chronyc makestep",
            )  # fmt: skip
        if ctx.design.rack.lab is None and not seen.said["synchronized"]:
            yield Finding(
                "clock-unsteered", "warning", seen.node.name, "a clock that follows a time server", "not synchronized",
                f"on {seen.node.name}: chronyc sources",
            )  # fmt: skip


def node_findings(ctx: Context, answers: Mapping[str, Answer]) -> list[Finding]:
    """What the nodes say about themselves, judged."""
    findings, heard = [], []
    for name, answer in answers.items():
        try:
            said = json.loads(answer.out) if answer.ok else None
        except ValueError:
            said = None
        if said is None:
            findings.append(
                Finding(
                    "node-unreachable", "error", name, "an answer over SSH", answer.why,
                    f"`scs-rack power status {name}`; is its management port in the out-of-band network?",
                )
            )  # fmt: skip
            continue
        heard.append(Seen(ctx.design.nodes[name], said, answer.seconds))
    for seen in heard:
        findings += [*session_findings(ctx, seen), *address_findings(seen), *unit_findings(seen)]
    return findings + list(clock_findings(ctx, heard))


@dataclass
class BaseStage(AnsibleStage):
    """What every server has, whatever it does."""

    name: str = "base"
    needs: tuple[str, ...] = ("bmc", "switches")
    summary: str = "users, kernel settings, time, and BGP to the leaves on every server"
    playbook: str = "base.yml"

    def gate(self, ctx: Context) -> Iterable[Finding]:
        """Ask every server over SSH, the leaves about their sessions, and every loopback from every server."""
        hosts = [name for name in ctx.design.in_service if ctx.selected(name)]
        answers = run_many(ctx, hosts, ["true"], timeout=20)
        silent = [name for name, answer in answers.items() if not answer.ok]
        if silent:
            return node_findings(ctx, {name: answers[name] for name in silent})
        fabric = fabric_findings(ctx)  # waits for sessions
        return node_findings(ctx, run_many(ctx, hosts, ["sh", "-c", PROBE], timeout=30)) + fabric
