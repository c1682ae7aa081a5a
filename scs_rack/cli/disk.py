"""`scs-rack disk`: disks that Ceph uses."""

import argparse

from scs_rack.cli.bmc_common import yes_option
from scs_rack.cli.common import Commands, add_command, add_noun, json_option, rack_option
from scs_rack.cli.node_days import operate
from scs_rack.days.disk import Where
from scs_rack.days.operations import disk

_NOTES = """\
Its OSD is emptied and waited for, stopped and forgotten; the slot is lit where the hardware can (ledctl). Then
somebody changes the disk, and the same command, given again, makes an OSD on the new one and waits until all
copies are there. With --degraded nothing is moved before: where there are as many hosts as copies there is no
other place for them. All data is served meanwhile, or it is refused."""


def register(commands: Commands) -> None:
    """Add `disk` with its verb."""
    verbs = add_noun(commands, "disk", "disks that Ceph uses")
    parser = add_command(
        verbs,
        "replace",
        replace,
        "let another disk take the place of one that Ceph uses",
        ("scs-rack disk replace node4 osd0 -r inventory/berlin1", "scs-rack disk replace node4 osd0 --degraded --plan"),
        notes=_NOTES,
    )
    rack_option(parser)
    parser.add_argument("server", metavar="NODE")
    parser.add_argument("disk", metavar="DISK", help="its name in the rack file")
    parser.add_argument(
        "--degraded", action="store_true", help="go without the copies on it until the new one is filled"
    )
    parser.add_argument("--plan", action="store_true", help="show what would be done, and what forbids it")
    yes_option(parser)
    json_option(parser)


def replace(args: argparse.Namespace) -> int:
    """Replace it."""
    where = Where(args.server, args.disk)
    return operate(args, "disk", where.key, lambda order: disk(order, where, degraded=args.degraded))
