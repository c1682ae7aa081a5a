"""`scs-rack secrets rotate`: new secrets while the cloud serves."""

import argparse
import json
import sys
from dataclasses import replace

from scs_rack import vault
from scs_rack.cli.bmc_common import confirm, yes_option
from scs_rack.cli.common import Commands, add_command, json_option, rack_dir, rack_option
from scs_rack.cli.order import exit_code, ordered, watching
from scs_rack.design import make_design
from scs_rack.engine.bring_up import bring_up
from scs_rack.model.load import load_rack
from scs_rack.report.summary import as_data, print_summary
from scs_rack.report.tally import cost
from scs_rack.report.terminal import Steady

_NOTES = """\
Each new secret is valid beside the old one until all who use it were moved, one server after the other; only then
the old one is made invalid. A rotation that was stopped or killed goes on when the command is given again."""


def register(verbs: Commands) -> None:
    """Add the verb."""
    parser = add_command(
        verbs,
        "rotate",
        rotate,
        "change one secret or all of them while the cloud serves",
        (
            "scs-rack secrets rotate db_nova service_nova -r inventory/lab",
            "scs-rack secrets rotate --all --yes -r inventory/berlin-1",
        ),
        notes=_NOTES,
    )
    rack_option(parser)
    json_option(parser)
    parser.add_argument("names", metavar="NAME", nargs="*", help="see --list; `fernet` and `credential` are key rows")
    parser.add_argument("--all", action="store_true", help="all that can be changed while the cloud serves")
    parser.add_argument("--list", action="store_true", help="name what can be rotated, and why the rest can't")
    yes_option(parser)


def rotate(args: argparse.Namespace) -> int:
    """Rotate."""
    from scs_rack.rotation import rotate as rotation  # here: Keystone's client is slow to import
    from scs_rack.rotation.keys import too_early

    if args.list:
        return _list(args)
    folder = rack_dir(args)
    design = make_design(load_rack(folder))
    stored = vault.load(folder)
    names = rotation.chosen(design, stored, args.names, everything=args.all)
    if args.all and "fernet" not in names:
        print(f"fernet is left out: {too_early(stored)}", file=sys.stderr)
    if not args.yes:
        confirm("change while the cloud serves", names)
    with ordered(_whole(args)) as order:
        rotation.prepare(lambda changes: vault.change(folder, changes), vault.load(folder), names)
        steps = replace(order, stages=rotation.stages(design, names), converge=True)
        with watching(steps, json=args.json) as watch:
            run = bring_up(steps, watch, "rotate")
        spent = cost(run.folder)
    if args.json:
        print(json.dumps(as_data(run, spent), indent=2))
    else:
        print_summary(Steady(highlight=False), run, spent)
        if run.state != "passed":
            print("nothing is lost, old and new secrets are valid: give the same command again to go on")
    return exit_code(run)


def _whole(args: argparse.Namespace) -> argparse.Namespace:
    """The options that an order of all stages asks for."""
    return argparse.Namespace(rack=args.rack, first=None, last=None, limit=None)


def _list(args: argparse.Namespace) -> int:
    from scs_rack.rotation.kinds import all_names, refusal

    design = make_design(load_rack(rack_dir(args)))
    able = all_names(design)
    others = {name: why for name in vault.names(design) if (why := refusal(design, name)) and name not in able}
    rows = {name: why for name, why in others.items() if not name.startswith(("fernet_", "credential_"))}
    if args.json:
        print(json.dumps({"can": able, "can not": rows}, indent=2))
        return 0
    for name in able:
        print(name)
    for name, why in rows.items():
        print(f"not {name}: {why}")
    return 0
