"""Is the whole fabric there? Asked by the gate of stage base, when servers speak BGP too."""

from collections.abc import Iterable, Mapping, Sequence

from scs_rack.engine.stage import Context
from scs_rack.remote import Answer, run_many
from scs_rack.results import Finding
from scs_rack.sonic.transport import Switch
from scs_rack.sonic.verify import await_sessions, host_ports

SESSION_WAIT = 30.0
"""Seconds for sessions to come up after FRR was started."""
PING_WAIT = 10.0
PINGS_AT_ONCE = 64


def loopbacks(ctx: Context) -> dict[str, tuple[str, str]]:
    """IPv4 and IPv6 loopback of everything that should answer, by device."""
    design = ctx.design
    found = {name: (str(node.loopback4), str(node.loopback6)) for name, node in design.in_service.items()}
    found |= {
        name: (str(switch.loopback4), str(switch.loopback6))
        for name, switch in design.switches.items()
        if switch.role != "oob"
    }
    if any(use.use == "host" for use in design.manager.ports.values()):
        found["manager"] = (str(design.manager.loopback4), str(design.manager.loopback6))
    return found


def ping_command(source: tuple[str, str], targets: Iterable[tuple[str, str]]) -> list[str]:
    """Command that pings loopbacks from a loopback, all at once, and prints those that don't answer."""
    script = (
        'try() { for i in 1 2 3 4 5; do ping -c 1 -W 1 -q -I "$1" "$2" >/dev/null 2>&1 && return; sleep 0.3; done; '
        'echo "$2"; }; '
    )
    for target in targets:
        script += "".join(f"try {mine} {other} & " for mine, other in zip(source, target, strict=True))
    return ["sh", "-c", script + "wait"]


def reached(switch: Switch, targets: Sequence[str]) -> frozenset[str]:
    """Loopbacks that answer a switch, asked from its own ones.

    Raises:
        SwitchUnreachable, SwitchRefused: the switch can't be asked.
    """
    design = switch.ctx.design.switches[switch.name]
    return answering(switch, targets, {4: f"-I {design.loopback4}", 6: f"-I {design.loopback6}"})


def answering(switch: Switch, targets: Sequence[str], options: Mapping[int, str] | None = None) -> frozenset[str]:
    """Addresses that answer a switch's pings.

    Args:
        switch: who asks.
        targets: addresses.
        options: of ping(8), by IP version.

    Raises:
        SwitchUnreachable, SwitchRefused: the switch can't be asked.
    """
    more = options or {4: "", 6: ""}
    script = 'try() { for i in 1 2; do ping -c 1 -W 1 -q "$@" >/dev/null 2>&1 && { echo "$1"; return; }; done; }; '
    for start in range(0, len(targets), PINGS_AT_ONCE):
        for target in targets[start : start + PINGS_AT_ONCE]:
            script += f"try {target} {more[6 if ':' in target else 4]} & "
        script += "wait; "
    answer = switch.ask("sudo sh -s", stdin=script, timeout=30 + 3 * len(targets) / PINGS_AT_ONCE)
    return frozenset(answer.split()) & frozenset(targets)


def ping_findings(ctx: Context, answers: Mapping[str, Answer]) -> list[Finding]:
    """What the pings of all nodes say; a server that the limit leaves out may be dark, which is worth a warning."""
    owner = {address: name for name, pair in loopbacks(ctx).items() for address in pair}
    aside = {name for name in ctx.design.in_service if not ctx.selected(name)}
    findings = []
    for name, answer in answers.items():
        if not answer.ok:
            findings.append(Finding("node-unreachable", "error", name, "an answer over SSH", answer.why))
        findings += [
            Finding(
                "loopback-unreachable",
                "warning" if owner.get(address) in aside else "error",
                name,
                f"ping to {address} of {owner.get(address, '?')}",
                "no answer",
                f"on {name}: vtysh -c 'show ip route' and 'show bgp summary'",
            )
            for address in answer.out.split()
        ]
    return findings


def fabric_findings(ctx: Context) -> list[Finding]:
    """Every server's BGP session with every leaf, and every loopback from every server.

    Only servers that the limit takes in are asked.
    """
    switches = [name for name, switch in ctx.design.switches.items() if switch.role != "oob"]
    ports = {
        name: [use for use in host_ports(ctx.design, name) if use.peer == "manager" or ctx.selected(use.peer)]
        for name in switches
    }
    findings = await_sessions(ctx, ports, ctx.wait_for(SESSION_WAIT))
    everything = loopbacks(ctx)
    commands = {
        name: ping_command(everything[name], [pair for other, pair in everything.items() if other != name])
        for name in ctx.design.in_service
        if ctx.selected(name)
    }
    return findings + ping_findings(ctx, run_many(ctx, commands, commands, timeout=PING_WAIT + 15))
