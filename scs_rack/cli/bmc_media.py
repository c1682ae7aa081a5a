"""`scs-rack bmc media|boot|identify`: what a server boots from next, and which one it is."""

import argparse
from collections.abc import Iterable
from typing import get_args
from urllib.parse import urlsplit

from rich.markup import escape

from scs_rack.bmc import Bmc, BootOverride, TimeLimits, settings
from scs_rack.bmc.facts import BootDevice, BootMode, MediaSlot
from scs_rack.cli import fleet
from scs_rack.cli.bmc_common import change, read, show, yes_option
from scs_rack.cli.common import Commands, add_command
from scs_rack.errors import UsageError
from scs_rack.results import Result

_SCHEMES = ("http", "https", "nfs", "cifs", "smb")


def register(verbs: Commands) -> None:
    """Add the verbs."""
    parser = add_command(
        verbs,
        "media",
        media,
        "show virtual drives, insert an image that the BMC fetches, or eject it",
        (
            "scs-rack bmc media -r inventory/lab",
            "scs-rack bmc media node1 -r inventory/lab --insert http://10.20.0.1/rescue.iso",
            "scs-rack bmc media node1 -r inventory/lab --eject",
        ),
    )
    fleet.fleet_options(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--insert", metavar="URL", help="insert this image")
    what.add_argument("--eject", action="store_true", help="eject what is in the drive, or in all drives")
    parser.add_argument("--slot", default="", metavar="DRIVE", help="this drive (default: the first one for CDs)")
    parser = add_command(
        verbs,
        "boot",
        boot,
        "show the boot override, or set it",
        (
            "scs-rack bmc boot -r inventory/lab",
            "scs-rack bmc boot node1 -r inventory/lab --device pxe",
            "scs-rack bmc boot node1 -r inventory/lab --device disk --always",
        ),
    )
    fleet.fleet_options(parser)
    parser.add_argument("--device", choices=get_args(BootDevice), help="boot from it; `none` clears the override")
    parser.add_argument("--always", action="store_true", help="for each boot, not only the next one")
    parser.add_argument("--mode", choices=get_args(BootMode), default="uefi", help="default: %(default)s")
    parser.add_argument("--uri", default="", help="what `http` boots (default: what DHCP says)")
    parser = add_command(
        verbs,
        "identify",
        identify,
        "show which identify lights shine, or switch them",
        ("scs-rack bmc identify node1 -r inventory/lab --on", "scs-rack bmc identify -r inventory/lab --off"),
    )
    fleet.fleet_options(parser)
    light = parser.add_mutually_exclusive_group()
    light.add_argument("--on", dest="light", action="store_true", default=None, help="switch it on")
    light.add_argument("--off", dest="light", action="store_false", help="switch it off")
    yes_option(parser)


def media(args: argparse.Namespace) -> int:
    """Show, insert or eject."""
    if args.insert:
        parts = urlsplit(args.insert)
        if parts.scheme not in _SCHEMES or not parts.netloc:
            raise UsageError(f"{args.insert} is no address of an image", f"BMCs fetch over {', '.join(_SCHEMES)}")
        if parts.password:
            raise UsageError("the address holds a password, which others can read", "serve the image without one")
        return change(
            args, lambda bmc, at: settings.insert_media(bmc, args.insert, at, args.slot), "bmc media --insert"
        )
    if args.eject:
        return change(args, lambda bmc, at: settings.eject_media(bmc, at, args.slot), "bmc media --eject")

    def rows(slots: tuple[MediaSlot, ...]) -> Iterable[tuple[str, ...]]:
        for one in slots:
            image = escape(one.image) or ("something" if one.inserted else "empty")
            yield escape(one.name), ", ".join(one.kinds), image, "" if one.usable else "by its web page only"

    async def look(bmc: Bmc) -> tuple[MediaSlot, ...]:
        return await bmc.media()

    return show(args, read(fleet.call(args), look, "bmc media"), ("DRIVE", "KINDS", "IMAGE", ""), rows)


def boot(args: argparse.Namespace) -> int:
    """Show or set the override."""
    if args.device:
        if args.uri and args.device != "http":
            raise UsageError("--uri goes with --device http", "leave it out")
        mode = None if args.device == "none" else args.mode
        wanted = BootOverride(args.device, args.always and args.device != "none", mode, args.uri)

        async def work(bmc: Bmc, limits: TimeLimits) -> Result:
            return await settings.boot(bmc, wanted, limits)

        return change(args, work, f"bmc boot --device {args.device}")
    if args.always or args.uri:
        raise UsageError("no device named", "add --device")

    def rows(seen: BootOverride) -> Iterable[tuple[str, ...]]:
        often = "" if seen.device == "none" else "always" if seen.persistent else "once"
        yield seen.device, often, seen.mode or "", escape(seen.uri)

    async def look(bmc: Bmc) -> BootOverride:
        return await bmc.boot_override()

    return show(args, read(fleet.call(args), look, "bmc boot"), ("OVERRIDE", "HOW OFTEN", "MODE", "URI"), rows)


def identify(args: argparse.Namespace) -> int:
    """Show or switch lights."""
    if args.light is not None:
        word = "on" if args.light else "off"
        return change(args, lambda bmc, at: settings.identify(bmc, at, on=args.light), f"bmc identify --{word}")

    def rows(seen: bool | None) -> Iterable[tuple[str, ...]]:
        yield ({True: "[blue]on[/]", False: "off", None: "not told"}[seen],)

    async def look(bmc: Bmc) -> bool | None:
        return await bmc.identify()

    return show(args, read(fleet.call(args), look, "bmc identify"), ("LIGHT",), rows)
