"""`scs-rack switch serve`: first contact with switches that have no configuration, or no operating system."""

import argparse
import asyncio
import sys
import time
from pathlib import Path

from scs_rack.cli.common import Commands, add_command, rack_dir, rack_option
from scs_rack.cli.switch import devices
from scs_rack.errors import Interrupted, StageFailed, UsageError
from scs_rack.model.load import load_rack
from scs_rack.sonic.first_contact.contacts import service
from scs_rack.sonic.first_contact.serve import serve


def add_serve(verbs: Commands) -> None:
    """Add the verb."""
    parser = add_command(
        verbs,
        "serve",
        _serve,
        "answer new switches over DHCP and HTTP (ONIE, ZTP) until they can be configured over SSH",
        (
            "scs-rack switch serve leaf3 -r inventory/lab",
            "scs-rack switch serve leaf3 leaf4 -r inventory/lab --image sonic-broadcom.bin",
        ),
    )
    rack_option(parser)
    parser.add_argument("switch", metavar="SWITCH", nargs="+", help="answered by its MAC address; all others are not")
    parser.add_argument(
        "--image",
        metavar="FILE",
        type=Path,
        help="SONiC installer: ONIE installs it, and ZTP where another image runs; without it none is installed",
    )
    parser.add_argument(
        "--timeout", metavar="MINUTES", type=float, default=60.0, help="give up after this long (default: 60)"
    )


def _serve(args: argparse.Namespace) -> int:
    if args.image is not None and not args.image.is_file():
        raise UsageError(f"{args.image} is no file", "name the installer of SONiC for these switches")
    names = list(dict.fromkeys(args.switch))
    unknown = [name for name in names if name not in load_rack(rack_dir(args)).switches]
    if unknown:
        raise UsageError(f"no switch {', '.join(unknown)}", "the rack file names them")
    ctx = devices(args)
    start = time.monotonic()

    def say(who: str, what: str) -> None:
        print(f"{time.monotonic() - start:7.1f} s  {who}: {what}", file=sys.stderr, flush=True)

    answered = service(ctx.design, names)
    for contact in answered.contacts:
        say(contact.name, f"is waited for as {contact.mac}, to become {contact.address.ip}")
    work = serve(ctx, answered, args.image and args.image.resolve(), say)
    try:
        asyncio.run(asyncio.wait_for(work, args.timeout * 60))
    except TimeoutError:
        raise StageFailed(
            f"not all of {', '.join(names)} came within {args.timeout:g} minutes",
            "is the management port cabled, is the MAC address right, and has the switch no configuration yet?",
        ) from None
    except KeyboardInterrupt:
        raise Interrupted("stopped; switches that were not reached are as they were") from None
    print(f"ready for `scs-rack switch apply` or `scs-rack up`: {', '.join(names)}")
    return 0
