"""Is each cable where the rack file says? Judged by what both ends hear over LLDP (IEEE 802.1AB)."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scs_rack.design import Design
from scs_rack.design.ports import BMC_PORT
from scs_rack.engine.stage import Context
from scs_rack.errors import ScsRackError
from scs_rack.model.rack import Cable
from scs_rack.remote import run_many
from scs_rack.results import Finding
from scs_rack.sonic.ports import switch_ports
from scs_rack.sonic.transport import Switch, on_all, switches
from scs_rack.sonic.verify import PAUSE, links_up, unreachable

End = tuple[str, str]
"""Device and port."""
Heard = Mapping[End, End]
"""What each port hears at its other end."""

ON_SWITCH = "sudo docker exec lldp lldpctl -f json0"
ON_NODE = ["lldpctl", "-f", "json0"]


def _first(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(iter(holder.get(name, [])), {})
    return found


def _value(holder: Mapping[str, Any], name: str) -> tuple[str, str]:
    """Type and value of a field of lldpctl's `json0` form, where every field is a list."""
    first = _first(holder, name)
    return str(first.get("type", "")), str(first.get("value", ""))


def port_names(design: Design) -> dict[End, str]:
    """Port of each device by what it may send as its port id: a switch port's alias, a server's MAC address."""
    names: dict[End, str] = {}
    for switch in design.switches.values():
        names |= {(switch.name, port.alias): name for name, port in switch_ports(switch).items()}
    for node in design.nodes.values():
        names |= {(node.name, mac): nic for nic, mac in node.macs.items()}
    return names


def parse_lldp(data: Any, names: Mapping[End, str]) -> dict[str, End]:
    """What each interface hears, from `lldpctl -f json0`; ports by the names of the rack file."""
    found: dict[str, End] = {}
    for part in data.get("lldp", []):
        for interface in part.get("interface", []):
            chassis, port = _first(interface, "chassis"), _first(interface, "port")
            device = _value(chassis, "name")[1].partition(".")[0] or _value(chassis, "id")[1]
            kind, sent = _value(port, "id")
            if kind == "mac" and (device, sent) not in names:
                sent = _value(port, "descr")[1] or sent
            found[interface["name"]] = (device, names.get((device, sent), sent))
    return found


def _ends(cable: Cable) -> tuple[End, End]:
    return (cable[0].device, cable[0].port), (cable[1].device, cable[1].port)


def _name(end: End) -> str:
    return f"{end[0]} {end[1]}"


def _misplaced(end: End, wanted: End, seen: End, heard: Heard, mates: Mapping[End, End]) -> Finding:
    """Say which plug to move: exchange it with the one whose place it took, or put it where it belongs."""
    home = mates.get(seen)
    if home and heard.get(home) == wanted:
        return Finding(
            "cables-swapped", "error", _name(end), _name(wanted), _name(seen),
            f"exchange the plugs in {_name(end)} and {_name(home)}",
        )  # fmt: skip
    hint = f"the plug from {_name(seen)} belongs into {_name(home)}" if home else f"the rack file has no {_name(seen)}"
    return Finding("cable-misplaced", "error", _name(end), _name(wanted), _name(seen), hint)


def judge(design: Design, heard: Heard, speakers: frozenset[str], dark: frozenset[End] = frozenset()) -> list[Finding]:
    """Compare what was heard with the cables of the rack file.

    Args:
        design: the rack's design.
        heard: what each port hears at its other end.
        speakers: devices that speak LLDP and could be asked; other cables can't be judged.
        dark: ports of switches that have no link.
    """
    cables = [_ends(cable) for cable in design.rack.cables]
    mates = {mine: other for one, two in cables for mine, other in ((one, two), (two, one))}
    findings: list[Finding] = []
    for one, two in cables:
        if not _judgeable(one, two, speakers):
            continue
        end, other = (two, one) if two[0] in design.switches else (one, two)  # said from the switch's side
        here, there = heard.get(end), heard.get(other)
        if here not in (None, other):
            findings.append(_misplaced(end, other, here, heard, mates))
        elif there not in (None, end):
            findings.append(_misplaced(other, end, there, heard, mates))
        elif here is None and there is None:
            findings.append(_silent(end, other, dark))
        elif here is None or there is None:
            deaf, far = (end, other) if here is None else (other, end)
            seen, hint = "heard at the other end only", "one fibre of the pair, or lldpd on the silent side"
            findings.append(Finding("cable-one-way", "warning", _name(deaf), _name(far), seen, hint))
    return _without_twins(findings)


def _silent(end: End, other: End, dark: frozenset[End]) -> Finding:
    if end in dark:
        hint = f"is {_name(other)} switched on there, and the cable plugged in?"
        return Finding("cable-dark", "error", _name(end), _name(other), "no link", hint)
    hint = "is lldpd running at both ends?"
    return Finding("cable-silent", "error", _name(end), _name(other), "a link, but nothing heard at either end", hint)


def _judgeable(one: End, two: End, speakers: frozenset[str]) -> bool:
    """True if both ends speak LLDP; a BMC does not."""
    return one[0] in speakers and two[0] in speakers and BMC_PORT not in (one[1], two[1])


def _without_twins(findings: Iterable[Finding]) -> list[Finding]:
    """A swapped pair is one fault, though both of its cables show it."""
    kept: list[Finding] = []
    said: set[frozenset[str]] = set()
    for finding in findings:
        if finding.type == "cables-swapped":
            pair = frozenset(finding.hint.removeprefix("exchange the plugs in ").split(" and "))
            if pair in said:
                continue
            said.add(pair)
        kept.append(finding)
    return kept


@dataclass
class Ear:
    """What was heard."""

    heard: dict[End, End] = field(default_factory=dict)
    """What each port hears at its other end."""
    speakers: set[str] = field(default_factory=set)
    """Devices that could be asked."""
    dark: set[End] = field(default_factory=set)
    """Ports of switches that have no link."""
    findings: list[Finding] = field(default_factory=list)
    """Devices that could not be asked."""


def _ask(switch: Switch) -> tuple[Any, set[str]]:
    """What a switch hears, and its ports without link."""
    return switch.ask_json(ON_SWITCH), switch.ctx.design.switches[switch.name].ports.keys() - links_up(switch)


def listen(ctx: Context) -> Ear:
    """Ask all switches and all servers in service what they hear."""
    names = port_names(ctx.design)
    ear = Ear()

    def take(device: str, answer: Any) -> None:
        ear.speakers.add(device)
        ear.heard.update({(device, port): end for port, end in parse_lldp(answer, names).items()})

    for name, said in on_all(switches(ctx), _ask).items():
        if isinstance(said, ScsRackError):
            ear.findings.append(unreachable(name, said))
            continue
        take(name, said[0])
        ear.dark |= {(name, port) for port in said[1]}
    nodes = [name for name in ctx.design.in_service if ctx.selected(name)]
    for name, reply in run_many(ctx, nodes, ON_NODE).items():
        if reply.ok:
            take(name, json.loads(reply.out))
        else:
            hint = "is lldpd running?"
            ear.findings.append(Finding("node-unreachable", "warning", name, "LLDP neighbours", reply.why, hint))
    return ear


def check(ctx: Context, seconds: float) -> tuple[list[Finding], int]:
    """Judge all cables, waiting until LLDP has been heard everywhere or the time is over.

    Returns:
        Findings, and how many cables could be judged.
    """
    deadline = time.monotonic() + seconds
    while True:
        ear = listen(ctx)
        speakers = frozenset(ear.speakers)
        faults = judge(ctx.design, ear.heard, speakers, frozenset(ear.dark))
        if not faults or time.monotonic() > deadline or ctx.stop.wait(PAUSE * 4):
            judged = sum(_judgeable(*_ends(cable), speakers) for cable in ctx.design.rack.cables)
            return ear.findings + faults, judged
