"""`scs-rack bmc`: the management controllers themselves."""

import argparse
import json
from dataclasses import asdict

from rich.markup import escape

from scs_rack.bmc.survey import differences, survey
from scs_rack.cli import bmc_audit, bmc_firmware, bmc_media, bmc_qualify, bmc_read, bmc_rotate, bmc_users, fleet
from scs_rack.cli.bmc_common import over, read
from scs_rack.cli.common import Commands, add_command, add_noun


def register(commands: Commands) -> None:
    """Add `bmc` with its verbs."""
    verbs = add_noun(commands, "bmc", "management controllers of servers")
    parser = add_command(
        verbs,
        "show",
        show,
        "log in to BMCs, show what they say of their servers, and compare it with the rack file",
        ("scs-rack bmc show -r inventory/lab", "scs-rack bmc show node1 -r inventory/lab --json"),
    )
    fleet.fleet_options(parser)
    for subject in (bmc_read, bmc_media, bmc_users, bmc_firmware, bmc_audit, bmc_rotate, bmc_qualify):
        subject.register(verbs)


def show(args: argparse.Namespace) -> int:
    """Ask all chosen BMCs and print a table."""
    which = fleet.call(args)

    outcomes = read(which, survey, "bmc show")
    nodes = which.design.nodes
    by_server = {
        one.target.name: differences(which.design, nodes[one.target.name], one.value) for one in outcomes if one.value
    }
    findings = [finding for found in by_server.values() for finding in found]
    if args.json:
        data = [
            {
                "server": one.target.name,
                "address": str(one.target.address),
                "protocol": over(one),
                "seen": asdict(one.value) if one.value else None,
                "findings": [asdict(finding) for finding in by_server.get(one.target.name, ())],
                "error": fleet.error_data(one.error),
            }
            for one in outcomes
        ]
        print(json.dumps(data, indent=2))
        return fleet.exit_code(outcomes, findings)
    table = fleet.table("SERVER", "BMC", "PROTOCOL", "POWER", "MAKER", "MODEL", "SERIAL", "FIRMWARE", "BMC MAC", "NICS")
    for one in outcomes:
        seen = one.value
        facts = (
            (
                str(seen.power),
                escape(seen.identity.manufacturer),
                escape(seen.identity.model),
                escape(seen.identity.serial),
                escape(seen.identity.bmc_firmware),
                ", ".join(seen.macs.bmc),
                "not told" if seen.macs.nics is None else str(len(seen.macs.nics)),
            )
            if seen
            else ("[red]unknown[/]",)
        )
        table.add_row(one.target.name, str(one.target.address), over(one), *facts)
    console = fleet.output()
    console.print(table)
    fleet.print_failures(console, outcomes, findings)
    return fleet.exit_code(outcomes, findings)
