"""`scs-rack bmc firmware|bios`: firmware, its settings, and Secure Boot."""

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape

from scs_rack.bmc import Bmc, TimeLimits, settings
from scs_rack.bmc.errors import NotSupported
from scs_rack.bmc.facts import Bios, Firmware, SecureBoot, Task
from scs_rack.cli import fleet
from scs_rack.cli.bmc_common import change, read, show, yes_option
from scs_rack.cli.common import Commands, add_command
from scs_rack.errors import UsageError
from scs_rack.results import Result


def register(verbs: Commands) -> None:
    """Add the verbs."""
    parser = add_command(
        verbs,
        "firmware",
        firmware,
        "show versions of firmware, or update it and follow the task to its end",
        (
            "scs-rack bmc firmware -r inventory/lab",
            "scs-rack bmc firmware node1 -r inventory/lab --update bmc-2.14.bin --yes",
            "scs-rack bmc firmware node1 -r inventory/lab --update http://10.20.0.1/bios.bin --target TARGET",
        ),
    )
    fleet.fleet_options(parser)
    parser.add_argument("--update", metavar="FILE|URL", help="a file is pushed, a URL is fetched by the BMC")
    parser.add_argument("--target", default="", help="update this one: NUMBER of the list (default: the BMC finds out)")
    yes_option(parser)
    parser = add_command(
        verbs,
        "bios",
        bios,
        "show settings of the firmware and Secure Boot, or change them from the next reset on",
        (
            "scs-rack bmc bios node1 -r inventory/lab",
            "scs-rack bmc bios node1 -r inventory/lab --set BootMode=Uefi --set NumLock=false",
            "scs-rack bmc bios -r inventory/lab --secure-boot on --yes",
        ),
    )
    fleet.fleet_options(parser)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="change an attribute")
    parser.add_argument("--secure-boot", choices=("on", "off"), help="switch Secure Boot")
    yes_option(parser)


def firmware(args: argparse.Namespace) -> int:
    """Show or update."""
    if args.update:
        image: Path | str = args.update if "://" in args.update else Path(args.update)
        if isinstance(image, Path) and not image.is_file():
            raise UsageError(f"no file {image}", "name an image file, or a URL that the BMC can fetch")

        async def work(bmc: Bmc, limits: TimeLimits) -> Result:
            return await settings.update_firmware(bmc, image, limits, args.target, _reporter(bmc.target.name))

        return change(args, work, "bmc firmware --update", ask=f"update firmware from {args.update}")
    if args.target:
        raise UsageError("--target goes with --update", "leave it out")

    def rows(found: tuple[Firmware, ...]) -> Iterable[tuple[str, ...]]:
        for one in found:
            can = {True: "yes", False: "no", None: "not told"}[one.updateable]
            yield escape(one.name), escape(one.version), can, escape(one.number)

    async def look(bmc: Bmc) -> tuple[Firmware, ...]:
        return await bmc.firmware()

    columns = ("FIRMWARE", "VERSION", "UPDATEABLE", "NUMBER")
    return show(args, read(fleet.call(args), look, "bmc firmware"), columns, rows)


def _reporter(name: str) -> "_Reporter":
    return _Reporter(name)


@dataclass
class _Reporter:
    """Says on standard error how far a task is, once for each change."""

    name: str
    last: str = ""

    def __call__(self, task: Task) -> None:
        words = f"{self.name}: {'' if task.percent is None else f'{task.percent} % '}{task.text or task.state}"
        if words != self.last:
            print(words, file=sys.stderr)
        self.last = words


@dataclass(frozen=True)
class _Settings:
    """Settings of the firmware, and Secure Boot where the BMC tells it."""

    bios: Bios
    secure_boot: SecureBoot | None


def bios(args: argparse.Namespace) -> int:
    """Show or change."""
    if args.set and args.secure_boot:
        raise UsageError("--set and --secure-boot are two changes", "make one after the other")
    if args.set:
        return _set(args)
    if args.secure_boot:
        on = args.secure_boot == "on"
        ask = f"switch Secure Boot {args.secure_boot}"
        return change(args, lambda bmc, at: settings.secure_boot(bmc, at, on=on), "bmc bios --secure-boot", ask=ask)

    async def look(bmc: Bmc) -> _Settings:
        secure: SecureBoot | None = None
        try:
            secure = await bmc.secure_boot()
        except NotSupported:
            return _Settings(await bmc.bios(), None)
        try:
            return _Settings(await bmc.bios(), secure)
        except NotSupported:
            return _Settings(Bios({}), secure)

    def rows(seen: _Settings) -> Iterable[tuple[str, ...]]:
        if seen.secure_boot:
            active = {True: "on", False: "off", None: "not told"}[seen.secure_boot.active]
            yield "[bold]Secure Boot[/]", active, "on" if seen.secure_boot.enabled else "off"
        for name, value in seen.bios.attributes.items():
            waiting = escape(str(seen.bios.pending[name])) if name in seen.bios.pending else ""
            yield escape(name), escape(str(value)), waiting

    return show(args, read(fleet.call(args), look, "bmc bios"), ("ATTRIBUTE", "NOW", "AFTER THE NEXT RESET"), rows)


def _set(args: argparse.Namespace) -> int:
    wanted: dict[str, str | int | bool] = {}
    for one in args.set:
        name, equals, value = one.partition("=")
        if not name or not equals:
            raise UsageError(f"--set {one}: no value", "write NAME=VALUE")
        wanted[name] = value

    async def work(bmc: Bmc, limits: TimeLimits) -> Result:
        known = (await bmc.bios()).attributes
        return await settings.bios(bmc, {name: _as(known.get(name), value) for name, value in wanted.items()}, limits)

    return change(args, work, "bmc bios --set", ask=f"set {', '.join(args.set)}")


def _as(like: object, value: str | int | bool) -> str | int | bool:
    """A value of the type that the attribute has now."""
    words = str(value)
    if isinstance(like, bool) and words.lower() in ("true", "false"):
        return words.lower() == "true"
    if isinstance(like, int) and not isinstance(like, bool) and words.lstrip("-").isdigit():
        return int(words)
    return words
