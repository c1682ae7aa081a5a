"""`scs-rack switch`: configuration of the switches."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict

from scs_rack import vault
from scs_rack.cli.common import Commands, add_command, add_noun, json_option, rack_dir, rack_option
from scs_rack.design import Design, make_design
from scs_rack.design.switch_secrets import switch_secrets
from scs_rack.engine.limit import limited
from scs_rack.engine.stage import Context
from scs_rack.errors import ScsRackError, UsageError
from scs_rack.lab.namespace import enter
from scs_rack.model.load import load_rack
from scs_rack.paths import state_dir
from scs_rack.results import Finding
from scs_rack.sonic.frr import frr_conf
from scs_rack.sonic.generate import config_db, frr_file
from scs_rack.sonic.plan import plan, read
from scs_rack.sonic.rows import stored
from scs_rack.sonic.tables import masked
from scs_rack.sonic.transport import Switch, on_all, switches


def register(commands: Commands) -> None:
    """Add `switch` and its verbs."""
    from scs_rack.cli.switch_accounts import add_accounts  # here: these files import this one
    from scs_rack.cli.switch_backup import add_backup
    from scs_rack.cli.switch_change import add_apply, add_rollback
    from scs_rack.cli.switch_import import add_import
    from scs_rack.cli.switch_models import add_models
    from scs_rack.cli.switch_serve import add_serve
    from scs_rack.cli.switch_upgrade import add_upgrade
    from scs_rack.cli.switch_validate import add_validate
    from scs_rack.cli.switch_verify import add_verify

    verbs = add_noun(commands, "switch", "switches and their configuration")
    for add in (
        add_validate,
        add_models,
        add_backup,
        add_apply,
        add_verify,
        add_rollback,
        add_upgrade,
        add_serve,
        add_import,
        add_accounts,
    ):
        add(verbs)
    parser = add_command(
        verbs,
        "show",
        _show,
        "print the CONFIG_DB that the rack file makes for a switch",
        ("scs-rack switch show leaf1 -r inventory/lab", "scs-rack switch show leaf1 -r inventory/lab --running"),
    )
    rack_option(parser)
    parser.add_argument("switch", metavar="SWITCH")
    parser.add_argument("--running", action="store_true", help="what runs on the switch instead, without its secrets")
    parser.add_argument("--frr", action="store_true", help="the frr.conf that belongs to it instead")
    parser = add_command(
        verbs,
        "diff",
        _diff,
        "show how running switches differ from the rack file; changes nothing",
        ("scs-rack switch diff -r inventory/lab", "scs-rack switch diff -r inventory/lab --limit leaf1 --json"),
    )
    rack_option(parser)
    parser.add_argument("--limit", metavar="PATTERN", help="only these switches (Ansible's patterns)")
    json_option(parser)


def devices(args: argparse.Namespace) -> Context:
    """Context to speak with the devices of the rack that was named; enters the lab where there is one."""
    folder = rack_dir(args)
    design = make_design(load_rack(folder))
    limit = limited(design, getattr(args, "limit", None))
    enter(design)
    state = state_dir(design.rack.name)
    secrets = vault.load(folder) if switch_secrets(design) else {}
    return Context(design, folder, state, state, secrets, limit=limit)


def print_findings(findings: Sequence[Finding]) -> None:
    """One line a finding, its hint below."""
    for finding in findings:
        print(f"{finding.severity}: {finding.where}: expected {finding.expected}, seen {finding.seen}")
        if finding.hint:
            print(f"  hint: {finding.hint}")


def _known(design: Design, name: str) -> Design:
    if name not in design.switches:
        raise UsageError(f"no switch {name}", f"there are {', '.join(design.switches)}")
    return design


def _switch(ctx: Context, name: str) -> Switch:
    _known(ctx.design, name)
    return Switch(ctx, name)


def _show(args: argparse.Namespace) -> int:
    if args.frr:
        design = _known(make_design(load_rack(rack_dir(args))), args.switch)
        print(frr_file(design, args.switch) or frr_conf(config_db(design, args.switch)), end="")
        return 0
    if args.running:
        tables = masked(read(_switch(devices(args), args.switch)))
    else:
        tables = stored(config_db(_known(make_design(load_rack(rack_dir(args))), args.switch), args.switch))
    print(json.dumps(tables, indent=4, sort_keys=True))
    return 0


def _diff(args: argparse.Namespace) -> int:
    answers = on_all(switches(devices(args)), plan)
    failed = {name: answer for name, answer in answers.items() if isinstance(answer, ScsRackError)}
    plans = {name: answer for name, answer in answers.items() if not isinstance(answer, ScsRackError)}
    if args.json:
        data = {
            name: {
                "changes": [asdict(change.shown) for change in one.changes],
                "frr": list(one.frr_lines),
                "disruption": one.disruption.text,
            }
            for name, one in plans.items()
        }
        errors = {name: {"error": error.message} for name, error in failed.items()}
        print(json.dumps({**data, **errors}, indent=2))
    else:
        for name, one in plans.items():
            if one.empty:
                print(f"{name}: as the rack file wants it")
                continue
            print(f"{name}: {one.summary}; disturbs: {one.disruption.text}")
            for line in one.diff.splitlines():
                print(f"  {line}")
        for error in failed.values():
            print(error.message)
    return max((error.exit_code for error in failed.values()), default=0)
