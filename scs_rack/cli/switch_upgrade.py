"""`scs-rack switch upgrade`: another SONiC image, with the previous one kept."""

import argparse
import json
import sys
from pathlib import Path

from scs_rack.cli.common import Commands, add_command, json_option, rack_option
from scs_rack.cli.order import limit_option
from scs_rack.cli.switch import devices
from scs_rack.cli.switch_change import ask, exit_code, print_error, progress, stopping
from scs_rack.engine.stage import Context
from scs_rack.errors import ScsRackError, UsageError
from scs_rack.sonic.change import Consent, as_done, change
from scs_rack.sonic.order import waves
from scs_rack.sonic.plan import Plan
from scs_rack.sonic.transport import Switch, switches
from scs_rack.sonic.upgrade import BOOT_TIMEOUT, Images, Source, images, restart_plan, upgrade


def add_upgrade(verbs: Commands) -> None:
    """Add `upgrade`."""
    parser = add_command(
        verbs,
        "upgrade",
        _upgrade,
        "install another SONiC image and restart into it, one switch of a pair at a time; goes back if it is not good",
        (
            "scs-rack switch upgrade sonic-broadcom.bin -r inventory/lab --limit leaf1",
            "scs-rack switch upgrade http://10.90.0.1/sonic-202511.bin -r inventory/lab --yes",
        ),
    )
    parser.add_argument("image", metavar="IMAGE", help="file here, or URL that the switches can fetch")
    rack_option(parser)
    limit_option(parser)
    parser.add_argument("--yes", action="store_true", help="don't ask first")
    parser.add_argument(
        "--allow-cut", action="store_true", help="restart a switch although devices have no other way now"
    )
    parser.add_argument(
        "--boot-timeout", metavar="SECONDS", type=float, default=BOOT_TIMEOUT,
        help=f"how long a switch may take to come back (default: {BOOT_TIMEOUT:.0f})",
    )  # fmt: skip
    json_option(parser)


def source_of(image: str) -> Source:
    """What the operator named.

    Raises:
        UsageError: it is neither a file nor a URL.
    """
    if image.startswith(("http://", "https://")):
        if any(letter in image for letter in " '\"`$\\;|&<>(){}"):
            raise UsageError(f"{image} is no plain URL")
        return Source(image, None)
    path = Path(image)
    if not path.is_file():
        raise UsageError(f"{image} is no file", "name the installer of SONiC for these switches, or a URL")
    return Source(image, path.resolve())


def _upgrade(args: argparse.Namespace) -> int:
    source = source_of(args.image)
    ctx = devices(args)
    if not switches(ctx):
        raise UsageError("no switch fits", "--limit may name servers, which are not upgraded here")
    out = sys.stderr if args.json else sys.stdout
    plans, before, errors = _looked(ctx)
    if errors:
        print("nothing was changed, because not all switches can be restarted", file=sys.stderr)
        return exit_code(errors)
    for name, found in before.items():
        print(f"{name}: runs {found.current}; installed: {', '.join(found.available)}", file=out)
    order = ", then ".join(" with ".join(one.name for one in wave) for wave in waves(ctx, plans))
    print(f"install {args.image}, and restart {order}", file=out)
    if not args.yes:
        ask([one.name for one in plans])
    say = progress()
    after: dict[str, str] = {}

    def make(switch: Switch, wanted: Plan) -> None:
        after[switch.name] = upgrade(switch, wanted, source, said=say, boot_seconds=args.boot_timeout)

    with stopping(ctx):
        for done in change(ctx, plans, Consent(cut=args.allow_cut), make=make):
            old = before[done.name].current
            if done.error:
                errors[done.name] = done.error
                print_error(done.name, done.error)
            elif after[done.name] == old:
                print(f"{done.name}: runs {old} already", file=out)
            else:
                print(f"{done.name}: runs {after[done.name]}, {old} is kept ({done.seconds:.0f} s)", file=out)
    if args.json:
        data = {
            name: {"before": found.current, "now": after.get(name), "error": _text(errors.get(name))}
            for name, found in before.items()
        }
        print(json.dumps(data, indent=2))
    return exit_code(errors)


def _looked(ctx: Context) -> tuple[list[Plan], dict[str, Images], dict[str, ScsRackError]]:
    """What the switches run; prints what keeps them from being restarted."""
    names = [switch.name for switch in switches(ctx)]
    answers = dict(as_done(ctx, names, lambda switch: (restart_plan(switch), images(switch))))
    plans: list[Plan] = []
    before: dict[str, Images] = {}
    errors: dict[str, ScsRackError] = {}
    for name in names:
        answer = answers[name]
        if isinstance(answer, ScsRackError):
            errors[name] = answer
            print_error(name, answer)
            continue
        plans.append(answer[0])
        before[name] = answer[1]
    return plans, before, errors


def _text(error: ScsRackError | None) -> str | None:
    return error.message if error else None
