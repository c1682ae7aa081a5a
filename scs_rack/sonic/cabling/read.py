"""Asks switches and servers over SSH what they hear and see; every device's silence is a finding, never an end."""

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, field
from typing import Any

from scs_rack.engine.stage import Context
from scs_rack.errors import ScsRackError
from scs_rack.remote import Answer, run_many
from scs_rack.results import Finding
from scs_rack.sonic.cabling.judge import SILENT, Verdict, judge
from scs_rack.sonic.cabling.parse import owners, parse_links, parse_lldp, parse_macs, parse_ports, port_names
from scs_rack.sonic.cabling.seen import Seen
from scs_rack.sonic.transport import Switch, on_all, switches
from scs_rack.sonic.verify import unreachable

ON_SWITCH = "sudo docker exec lldp lldpctl -f json0"
ON_NODE = "lldpctl -f json0; echo; ip -j -d link; cd /sys/class/net; for n in *; do echo $n $(cat $n/speed 2>&-); done"
PAUSE = 2.0
"""Seconds between two looks."""
AWAKE = 2.0
"""Seconds that a BMC has to answer to a ping: its switch forgets who is silent."""


@dataclass
class Ear:
    """What was seen, and who could not be asked."""

    seen: Seen = field(default_factory=Seen)
    findings: list[Finding] = field(default_factory=list)
    """Devices that could not be asked."""


@dataclass(frozen=True)
class _Said:
    lldp: Any
    status: str
    presence: str
    macs: str | None


def _ask(switch: Switch) -> _Said:
    def optional(command: str) -> str | None:
        reply = switch.run(command)
        return None if reply.code else reply.out

    mine = switch.ctx.design.switches[switch.name]
    bridging = mine.role == "oob" or any(use.use in {"access", "trunk"} for use in mine.ports.values())
    return _Said(
        switch.ask_json(ON_SWITCH),
        switch.ask("show interfaces status"),
        optional("show interfaces transceiver presence") or "",
        optional("show mac") if bridging else None,
    )


async def _wake(addresses: list[str]) -> None:
    """Ping BMCs once, so that the forwarding tables know them."""

    async def one(address: str) -> None:
        command = ("ping", "-n", "-q", "-c", "1", "-W", f"{AWAKE:g}", address)
        process = await asyncio.create_subprocess_exec(*command, stdout=-3, stderr=-3)
        await process.wait()

    with contextlib.suppress(FileNotFoundError):  # without ping(8) the tables know who spoke lately
        await asyncio.gather(*(one(address) for address in addresses))


def listen(ctx: Context) -> Ear:
    """Ask all switches and all servers in service that the limit takes in."""
    design = ctx.design
    asyncio.run(_wake([str(node.bmc.address) for node in design.nodes.values() if ctx.selected(node.name)]))
    names, macs = port_names(design), owners(design)
    ear = Ear()
    seen = ear.seen

    def take(device: str, lldp: Any) -> None:
        seen.asked.add(device)
        seen.heard.update({(device, port): ends for port, ends in parse_lldp(lldp, names).items()})

    for name, said in on_all(switches(ctx), _ask).items():
        if isinstance(said, ScsRackError):
            ear.findings.append(unreachable(name, said))
            continue
        take(name, said.lldp)
        seen.ports.update({(name, port): state for port, state in parse_ports(said.status, said.presence).items()})
        if said.macs is None and design.switches[name].role == "oob":
            hint = "BMCs behind it can't be judged"
            ear.findings.append(Finding("table-unread", "warning", name, "`show mac`", "it is refused", hint))
        if said.macs is not None:
            seen.tables.add(name)
            for mac, places in parse_macs(said.macs).items():
                if mac in macs:
                    seen.located.setdefault(macs[mac], set()).update((name, place) for place in places)
    nodes = [name for name in design.in_service if ctx.selected(name)]
    for name, answer in run_many(ctx, nodes, ["sh", "-c", ON_NODE]).items():
        try:
            lldp, links, speeds = _node_said(answer)
        except ValueError as error:
            ear.findings.append(_unasked(name, answer, str(error)))
            continue
        take(name, lldp)
        seen.ports.update({(name, port): state for port, state in parse_links(links, speeds).items()})
    return ear


def _node_said(answer: Answer) -> tuple[Any, Any, str]:
    """The three parts of a server's answer.

    Raises:
        ValueError: it is not what the command prints.
    """
    decoder = json.JSONDecoder()
    text = answer.out.lstrip()
    lldp, end = decoder.raw_decode(text)
    text = text[end:].lstrip()
    links, end = decoder.raw_decode(text)
    return lldp, links, text[end:]


def _unasked(name: str, answer: Answer, why: str) -> Finding:
    if answer.unreachable or answer.code == 124:
        return Finding("node-unreachable", "error", name, "an answer over SSH", answer.why, "is it on?")
    said = answer.err.strip().splitlines()[-1:] or [why]
    return Finding("node-silent", "error", name, "LLDP neighbours", said[0], "is lldpd installed, and running?")


def verify(ctx: Context, seconds: float) -> tuple[Verdict, list[Finding]]:
    """Judge all cables; where nothing is heard, wait for LLDP until the time is over.

    Returns:
        The verdict, and findings about devices that could not be asked.
    """
    deadline = time.monotonic() + seconds
    while True:
        ear = listen(ctx)
        verdict = judge(ctx.design, ear.seen)
        waiting = any(finding.type in SILENT for finding in verdict.findings)
        if not waiting or time.monotonic() > deadline or ctx.stop.wait(PAUSE):
            return verdict, ear.findings
