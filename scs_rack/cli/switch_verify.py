"""`scs-rack switch verify`: the fabric as it is against the rack file."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict

from scs_rack.cli.common import Commands, add_command, json_option, rack_option
from scs_rack.cli.order import limit_option
from scs_rack.cli.switch import devices, print_findings
from scs_rack.engine.stage import Context
from scs_rack.errors import ScsRackError
from scs_rack.results import Finding
from scs_rack.sonic.order import reachable
from scs_rack.sonic.reach import loopbacks, reached
from scs_rack.sonic.transport import Switch, on_all, switches
from scs_rack.sonic.verify import await_sessions, host_ports, unreachable
from scs_rack.stages.switches import SwitchesStage


def add_verify(verbs: Commands) -> None:
    """Add `verify`."""
    parser = add_command(
        verbs,
        "verify",
        _verify,
        "look at switches: configuration, links, BGP sessions with switches and servers, ways to all loopbacks",
        (
            "scs-rack switch verify -r inventory/lab",
            "scs-rack switch verify -r inventory/lab --limit leaf1 --json",
        ),
    )
    rack_option(parser)
    limit_option(parser)
    json_option(parser)


def _verify(args: argparse.Namespace) -> int:
    ctx = devices(args)
    found = list(_findings(ctx))
    if args.json:
        print(json.dumps([asdict(finding) for finding in found], indent=2))
    else:
        print_findings(found)
        errors = sum(finding.severity == "error" for finding in found)
        print(f"{len(switches(ctx))} switches looked at, {errors or 'no'} error{'' if errors == 1 else 's'}")
    kinds = {finding.type for finding in found if finding.severity == "error"}
    return 3 if kinds == {"switch-unreachable"} else 1 if kinds else 0


def _findings(ctx: Context) -> Iterator[Finding]:
    found = list(SwitchesStage().gate(ctx))
    yield from found
    silent = {finding.where for finding in found if finding.type == "switch-unreachable"}
    routing = [one for one in switches(ctx) if ctx.design.switches[one.name].role != "oob" and one.name not in silent]
    yield from await_sessions(ctx, {one.name: host_ports(ctx.design, one.name) for one in routing}, 0)
    known = loopbacks(ctx)

    def lost(switch: Switch) -> dict[str, list[str]]:
        wanted = {name: known[name] for name in reachable(ctx.design, switch.name) if name in known}
        answers = reached(switch, sorted(address for pair in wanted.values() for address in pair))
        silent = {name: [one for one in pair if one not in answers] for name, pair in wanted.items()}
        return {name: addresses for name, addresses in sorted(silent.items()) if addresses}

    for name, answer in on_all(routing, lost).items():
        if isinstance(answer, ScsRackError):
            yield unreachable(name, answer)
            continue
        yield from (
            Finding(
                "loopback-unreachable", "error", name, f"{' and '.join(addresses)} of {other} answer", "no answer",
                f"on {name}: `show ip route {addresses[0]}`; is {other} on, and FRR running there?",
            )
            for other, addresses in answer.items()
        )  # fmt: skip
