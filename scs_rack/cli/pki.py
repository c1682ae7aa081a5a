"""`scs-rack pki`: the rack's certificates."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from scs_rack.cli import pki_timer
from scs_rack.cli.common import Commands, add_command, add_noun, json_option, rack_dir, rack_option
from scs_rack.cli.order import exit_code, ordered, watching
from scs_rack.design import make_design
from scs_rack.engine.bring_up import bring_up
from scs_rack.errors import StageFailed, UsageError
from scs_rack.model.load import load_rack
from scs_rack.paths import state_dir
from scs_rack.pki import RENEW_DAYS
from scs_rack.report.summary import as_data, print_summary
from scs_rack.report.tally import cost
from scs_rack.report.terminal import Steady
from scs_rack.results import Finding

_NOTES = """\
Without NAME: those that end within the stated days, that don't fit the rack file any more, or that a server
does not serve yet. Servers are configured one after the other; done is done when the new certificate was seen
on every TLS socket that served the old one."""


def register(commands: Commands) -> None:
    """Add `pki` with its verbs."""
    verbs = add_noun(commands, "pki", "the rack's certificates: of the API, and of each server")
    parser = add_command(
        verbs,
        "show",
        show,
        "show all certificates, their names, the days they have left, and who uses them",
        ("scs-rack pki show -r inventory/lab", "scs-rack pki show -r inventory/lab --json"),
    )
    rack_option(parser)
    json_option(parser)
    parser = add_command(
        verbs,
        "renew",
        renew,
        "issue new certificates and bring them to the services, while the cloud serves",
        ("scs-rack pki renew -r inventory/lab", "scs-rack pki renew api node-node1 -r inventory/lab"),
        notes=_NOTES,
    )
    rack_option(parser)
    json_option(parser)
    parser.add_argument("names", metavar="NAME", nargs="*", help="see `pki show`")
    parser.add_argument("--all", action="store_true", help="all of the API's and the servers'")
    parser.add_argument(
        "--within", metavar="DAYS", type=int, default=RENEW_DAYS, help="those that end sooner (default: %(default)s)"
    )
    pki_timer.register(verbs)


def show(args: argparse.Namespace) -> int:
    """Print them."""
    from scs_rack.rotation.certificates import held

    design = make_design(load_rack(rack_dir(args)))
    found = held(state_dir(design.rack.name))
    if not found:
        raise UsageError(f"{design.rack.name} has no certificates yet", "`scs-rack secrets create` makes them")
    if args.json:
        print(json.dumps([asdict(one) | {"ends": one.ends.isoformat()} for one in found], indent=2))
        return 0
    for one in found:
        mark = " (ENDED)" if one.days_left < 0 else " (renew now)" if one.days_left < RENEW_DAYS else ""
        print(f"{one.name}: {one.days_left} days left, until {one.ends:%F}{mark}")
        if one.names:
            print(f"  for      {', '.join(one.names)}")
        print(f"  used by  {one.used_by}")
        print(f"  SHA-256  {one.sha256}")
    return 0


def renew(args: argparse.Namespace) -> int:
    """Renew, and deliver what is not served yet."""
    from scs_rack import pki
    from scs_rack.pki_given import given
    from scs_rack.rotation import certificates
    from scs_rack.rotation.rolling import release

    folder = rack_dir(args)
    design = make_design(load_rack(folder))
    state = state_dir(design.rack.name)
    if not pki.files(state).ca.is_file():
        raise UsageError(f"{design.rack.name} has no certificates yet", "`scs-rack up` makes them")
    certificates.checked(design, args.names)
    own = given(folder, design)
    if args.all:
        names = [one.name for one in pki.requests(design)]
    else:
        names = args.names or certificates.due(state, design, args.within, own)
    with ordered(argparse.Namespace(rack=args.rack, first=None, last=None, limit=None)) as order:
        ctx = order.context(Path(), {})
        serving = certificates.users(design, [one.name for one in pki.requests(design)])
        old, unknown = certificates.stale(ctx, serving)
        wanted = [*certificates.users(design, names), *old, *(finding.where for finding in unknown)]
        hosts = [host for host in serving if host in wanted]
        if not (names or hosts):
            for one in release(ctx):
                print(f"{one.device}: {one.step}")
            return _nothing(certificates.ending(state, design, own))
        steps = replace(order, stages=certificates.stages(design, names, hosts), converge=True)
        with watching(steps, json=args.json) as watch:
            run = bring_up(steps, watch, "renew")
        spent = cost(run.folder)
    if args.json:
        print(json.dumps(as_data(run, spent), indent=2))
    else:
        print_summary(Steady(highlight=False), run, spent)
    journal(done=run.state == "passed", names=names, hosts=hosts)
    return exit_code(run)


def _nothing(ending: Sequence[Finding]) -> int:
    """Say that nothing is to be done here, or what is to be done elsewhere."""
    if not ending:
        print("no certificate is due, and every server serves what it was given")
        return 0
    for one in ending:
        print(f"{one.where}: {one.seen}; {one.hint}", file=sys.stderr)
    return StageFailed.exit_code


def journal(*, done: bool, names: Sequence[str], hosts: Sequence[str]) -> None:
    """One line for the journal where a timer runs this, with its priority (sd-daemon(3))."""
    if "JOURNAL_STREAM" not in os.environ:
        return
    what = f"certificates {', '.join(names) or 'that were there'} to {', '.join(hosts)}"
    print(f"<6>brought {what}" if done else f"<3>could not bring {what}; `scs-rack pki renew` goes on", file=sys.stderr)
