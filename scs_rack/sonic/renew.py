"""Sessions of the neighbours of a switch that was replaced by one with another MAC address.

FRR (seen with 10.3; FRRouting/frr issue 17845, pull request 5524) keeps the BFD session of an unnumbered neighbour at
the link-local address that it had first. With a new chassis that session stays down, and BGP with it, for ever: neither
`clear bgp` nor a link that goes down and up helps. Making the neighbour anew does; it was down, so nothing is lost.
"""

import json
import shlex
import time
from collections.abc import Iterable, Mapping
from typing import Any

from scs_rack.design import Design
from scs_rack.engine.stage import Context
from scs_rack.errors import ScsRackError
from scs_rack.remote import run_many
from scs_rack.sonic.transport import Switch, on_all

LOOK = ("show bgp neighbors json", "show bfd peers json", "show running-config bgpd")
WAIT = 25.0
"""Seconds for the neighbours of a new switch to hear its router advertisements and to establish their sessions."""
NODE_TIMEOUT = 8.0
"""Seconds for a server to answer; one that is off has no session to take up."""
_CUT = "scs-rack-next"


def stale(neighbours: Mapping[str, Mapping[str, Any]], bfd: Iterable[Any]) -> set[str]:
    """Interfaces whose BGP session is down and whose BFD session goes to another address than the neighbour has now."""
    watched: dict[str, set[str]] = {}
    for one in bfd:
        if isinstance(one, Mapping):
            watched.setdefault(str(one.get("interface", "")), set()).add(str(one.get("peer", "")))
    return {
        name
        for name, one in neighbours.items()
        if one.get("bgpState") != "Established"
        and str(one.get("bgpNeighborAddr", "")).startswith("fe80:")
        and name in watched
        and one["bgpNeighborAddr"] not in watched[name]
    }


def anew(config: str, port: str) -> list[str]:
    """Commands for vtysh that make a neighbour of the running configuration anew; empty if it has none there."""
    context: list[str] = []
    lines: list[str] = []
    for line in config.splitlines():
        words = line.strip()
        if line.startswith("router bgp "):
            context = [words]
        elif line.startswith(" address-family "):
            context = [*context[:1], words]
        elif line.startswith(" exit-address-family"):
            context = context[:1]
        elif context and words.startswith(f"neighbor {port} "):
            lines += [*context, words]
    top = next((line for line in lines if line.startswith("router bgp ")), None)
    if top is None or not any(line.startswith(f"neighbor {port} interface") for line in lines):
        return []
    return ["configure terminal", top, f"no neighbor {port} interface", *lines]


def _shell(commands: Iterable[str]) -> str:
    return " ".join(["vtysh", *(f"-c {shlex.quote(command)}" for command in commands)])


def _looks() -> str:
    return f"; echo {_CUT}; ".join(_shell([command]) for command in LOOK)


def _ask(ctx: Context, devices: Iterable[str], script: str) -> dict[str, str]:
    """What a script says on switches (with sudo) and servers; those that can't be asked are left out."""
    chosen = list(devices)
    nodes = [name for name in chosen if name in ctx.design.nodes]
    line = f"sudo sh -c {shlex.quote(script)}"
    answers = on_all([Switch(ctx, name) for name in chosen if name in ctx.design.switches], lambda one: one.ask(line))
    said = {name: text for name, text in answers.items() if not isinstance(text, ScsRackError)}
    heard = run_many(ctx, nodes, ["sh", "-c", script], timeout=NODE_TIMEOUT)
    return said | {name: one.out for name, one in heard.items() if one.ok}


def _parsed(text: str) -> tuple[dict[str, Mapping[str, Any]], list[Any]] | None:
    """Neighbours by interface and BFD sessions; None from a device where FRR does not run."""
    try:
        neighbours, bfd = (json.loads(part) for part in text.split(_CUT)[:2])
    except ValueError:
        return None
    if not isinstance(neighbours, dict) or not isinstance(bfd, list):
        return None
    return {name: one for name, one in neighbours.items() if isinstance(one, Mapping)}, bfd


def _ports(design: Design, names: Iterable[str], *, own: bool) -> dict[str, set[str]]:
    """Ports of the neighbours of switches by device; with `own` those of the switches too.

    A switch in service holds on to an address as well, when plugs of its neighbours were exchanged.
    """
    found: dict[str, set[str]] = {}
    for name in names:
        for use in design.switches[name].ports.values():
            if use.use in {"fabric", "host"} and (use.peer in design.switches or use.peer in design.in_service):
                found.setdefault(use.peer, set()).add(use.peer_port)
                if own:
                    found.setdefault(name, set()).add(use.port)
    return found


def renew(ctx: Context, names: Iterable[str], seconds: float) -> list[tuple[str, str]]:
    """Let the neighbours of switches take up their sessions, where they hold on to the address of another chassis.

    Args:
        ctx: rack and state.
        names: switches that route.
        seconds: how long to wait for sessions that are down for no such reason yet; with 0 it is looked once.

    Returns:
        Device and port of each neighbour that was made anew.
    """
    wanted = _ports(ctx.design, names, own=not seconds)
    renewed: list[tuple[str, str]] = []
    deadline = time.monotonic() + seconds
    while wanted:
        answers = _ask(ctx, wanted, _looks())
        wanted = {device: ports for device, ports in wanted.items() if device in answers}
        for device, text in answers.items():
            parsed = _parsed(text)
            if parsed is None:
                del wanted[device]
                continue
            neighbours, bfd = parsed
            waiting = {
                port
                for port in wanted[device]
                if neighbours.get(port, {}).get("bgpState", "Established") != "Established"
            }
            old = stale(neighbours, bfd) & waiting
            for port in sorted(old):
                if commands := anew(text.split(_CUT)[2], port):
                    _ask(ctx, [device], _shell(commands))
                    renewed.append((device, port))
            wanted[device] = waiting - old
        wanted = {device: ports for device, ports in wanted.items() if ports}
        if time.monotonic() > deadline or (wanted and ctx.stop.wait(1.0)):
            break
    return renewed
