"""`scs-rack cable`: cables of the rack file against what the devices hear."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict

from scs_rack.cli import cable_learn, cable_list
from scs_rack.cli.cable_words import UNREACHABLE, exit_code, print_findings, sentence
from scs_rack.cli.common import Commands, add_command, add_noun, json_option, rack_option
from scs_rack.cli.switch import devices
from scs_rack.results import Finding
from scs_rack.sonic.cabling import Verdict, verify


def register(commands: Commands) -> None:
    """Add `cable` and its verbs."""
    verbs = add_noun(commands, "cable", "cables between the devices")
    parser = add_command(
        verbs,
        "verify",
        _verify,
        "compare the cables of the rack file with what both ends hear, and say which to move where; changes nothing",
        ("scs-rack cable verify -r inventory/lab", "scs-rack cable verify -r inventory/lab --limit leaf1 --json"),
        notes="Switches and servers are asked for their LLDP neighbours over SSH; BMCs are found in the forwarding\n"
        "tables of the out-of-band switches.\n"
        "Exit code: 0 all as planned, 1 something is wrong, 3 nothing is wrong but devices don't answer.",
    )
    rack_option(parser)
    parser.add_argument("--limit", metavar="PATTERN", help="ask only these devices (Ansible's patterns)")
    parser.add_argument(
        "--wait", metavar="SECONDS", type=float, default=35.0,
        help="how long LLDP may take to be heard where nothing is heard yet (default: 35)",
    )  # fmt: skip
    json_option(parser)
    cable_list.register(verbs)
    cable_learn.register(verbs)


def _verify(args: argparse.Namespace) -> int:
    ctx = devices(args)
    verdict, silent = verify(ctx, args.wait)
    findings = [*silent, *verdict.findings]
    if args.json:
        print(json.dumps(_as_data(verdict, findings, len(ctx.design.rack.cables)), indent=2))
    else:
        print_findings(findings)
        print(_tally(verdict, len(ctx.design.rack.cables), findings))
    return exit_code(findings)


def _tally(verdict: Verdict, cables: int, findings: Sequence[Finding]) -> str:
    wrong = sum(finding.severity == "error" and finding.type not in UNREACHABLE for finding in findings)
    moves = f", {len(verdict.moves)} plugs to move" if verdict.moves else ""
    return f"{verdict.judged} of {cables} cables judged, {wrong or 'no'} fault{'s' if wrong != 1 else ''}{moves}"


def _as_data(verdict: Verdict, findings: Sequence[Finding], cables: int) -> dict[str, object]:
    moves = [
        {"cable": ":".join(move.anchor), "from": ":".join(move.source), "to": ":".join(move.target)}
        for move in verdict.moves
    ]
    return {
        "cables": cables,
        "judged": verdict.judged,
        "moves": moves,
        "findings": [asdict(finding) | {"text": sentence(finding)} for finding in findings],
    }
