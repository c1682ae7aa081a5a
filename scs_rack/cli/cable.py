"""`scs-rack cable`: cables of the rack file against what the devices hear."""

import argparse
import json
from dataclasses import asdict

from scs_rack.cli.common import Commands, add_command, add_noun, json_option, rack_option
from scs_rack.cli.switch import devices, print_findings
from scs_rack.sonic.cabling import check


def register(commands: Commands) -> None:
    """Add `cable` and its verbs."""
    verbs = add_noun(commands, "cable", "cables between the devices")
    parser = add_command(
        verbs,
        "check",
        _check,
        "compare the cables of the rack file with what both ends hear over LLDP",
        ("scs-rack cable check -r inventory/lab", "scs-rack cable check -r inventory/lab --limit 'leaf1' --json"),
    )
    rack_option(parser)
    parser.add_argument("--limit", metavar="PATTERN", help="only cables between these devices (Ansible's patterns)")
    parser.add_argument(
        "--wait", metavar="SECONDS", type=float, default=35.0, help="how long LLDP may take to be heard (default: 35)"
    )
    json_option(parser)


def _check(args: argparse.Namespace) -> int:
    ctx = devices(args)
    findings, judged = check(ctx, args.wait)
    if args.json:
        print(json.dumps({"judged": judged, "findings": [asdict(finding) for finding in findings]}, indent=2))
    else:
        print_findings(findings)
        wrong = sum(finding.severity == "error" for finding in findings)
        print(f"{judged} of {len(ctx.design.rack.cables)} cables judged by LLDP, {wrong} wrong")
    return 1 if any(finding.severity == "error" for finding in findings) else 0
