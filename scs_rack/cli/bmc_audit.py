"""`scs-rack bmc audit`: how safe BMCs are, and mending what can be mended without risk."""

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from scs_rack.bmc import Bmc, Fleet, Outcome
from scs_rack.bmc.audit.checks import check
from scs_rack.bmc.audit.facts import Facts, gather
from scs_rack.bmc.audit.mend import Mend, mends
from scs_rack.cli import fleet
from scs_rack.cli.bmc_common import confirm, yes_option
from scs_rack.cli.common import Commands, add_command
from scs_rack.model.server import Baseline
from scs_rack.results import Finding, Result

_WITHIN = 180.0
"""Seconds for all questions at one BMC."""


def register(verbs: Commands) -> None:
    """Add the verb."""
    parser = add_command(
        verbs,
        "audit",
        audit,
        "look for default and shared passwords, weak ciphers, open services, old firmware, and more; changes nothing",
        (
            "scs-rack bmc audit -r inventory/lab",
            "scs-rack bmc audit -r inventory/lab --json",
            "scs-rack bmc audit node1 -r inventory/lab --fix",
        ),
    )
    fleet.fleet_options(parser)
    parser.add_argument("--fix", action="store_true", help="mend what can be mended without risk, after showing it")
    yes_option(parser)


def audit(args: argparse.Namespace) -> int:
    """Audit all chosen BMCs; 1 when there are findings that are errors."""
    which = fleet.call(args)
    outcomes = _gathered(which)
    if args.fix:
        outcomes = _mended(args, which, outcomes)
    findings = {one.target.name: _findings(which, one) for one in outcomes if one.value}
    flat = [finding for found in findings.values() for finding in found]
    if args.json:
        data = [
            {
                "server": one.target.name,
                "findings": [asdict(finding) for finding in findings.get(one.target.name, ())],
                "error": fleet.error_data(one.error),
            }
            for one in outcomes
        ]
        print(json.dumps(data, indent=2))
        return fleet.exit_code(outcomes, flat)
    console = fleet.output()
    fleet.print_failures(console, outcomes, flat)
    counts = Counter(finding.severity for finding in flat)
    words = ", ".join(f"{counts[kind]} {kind}{'s' if counts[kind] != 1 else ''}" for kind in ("error", "warning"))
    console.print(f"{len(findings)} of {len(outcomes)} BMCs audited: {words}")
    return fleet.exit_code(outcomes, flat)


def _gathered(which: fleet.Call) -> list[Outcome[Facts]]:
    async def work(bmc: Bmc, _fleet: Fleet) -> Facts:
        return await gather(bmc)

    return fleet.collect(which, work, "auditing", _WITHIN)


def _baseline(which: fleet.Call, server: str) -> Baseline:
    return which.design.rack.model(server).baseline


def _findings(which: fleet.Call, outcome: Outcome[Facts]) -> list[Finding]:
    if outcome.value is None:
        return []
    return check(outcome.target, outcome.value, _baseline(which, outcome.target.name), shared(which.secrets))


def shared(secrets: Mapping[str, str]) -> dict[str, int]:
    """How many BMCs have the same password as each server's."""
    passwords = {name.removeprefix("bmc_"): value for name, value in secrets.items() if name.startswith("bmc_")}
    counts = Counter(passwords.values())
    return {server: counts[value] for server, value in passwords.items()}


def _mended(args: argparse.Namespace, which: fleet.Call, outcomes: Sequence[Outcome[Facts]]) -> list[Outcome[Facts]]:
    """Show what would be mended, mend it, and look again."""
    plans = {one.target.name: mends(one.value, _baseline(which, one.target.name)) for one in outcomes if one.value}
    plans = {name: plan for name, plan in plans.items() if plan}
    console = fleet.output()
    if not plans:
        console.print("there is nothing that can be mended without risk")
        return list(outcomes)
    for name, plan in plans.items():
        for mend in plan:
            console.print(f"{name}: {mend.text}", markup=False)
    if not args.yes:
        confirm("do this", list(plans))
    chosen = replace(which, targets=[target for target in which.targets if target.name in plans])
    done = _mend(chosen, plans)
    for one in done:
        for result in one.value or ():
            word = result.error or ("done and observed" if result.changed else "as it was")
            console.print(f"{result.device}: {result.step}: {word}", markup=False)
    results = [result for one in done for result in one.value or ()]
    fleet.print_failures(console, done, [finding for result in results for finding in result.findings])
    again = {one.target.name: one for one in _gathered(chosen)}
    return [again.get(one.target.name, one) for one in outcomes]


def _mend(which: fleet.Call, plans: Mapping[str, Sequence[Mend]]) -> list[Outcome[list[Result]]]:
    async def work(bmc: Bmc, calling: Fleet) -> list[Result]:
        return [await mend.work(bmc, calling.limits) for mend in plans[bmc.target.name]]

    return fleet.collect(which, work, "mending", _WITHIN)
