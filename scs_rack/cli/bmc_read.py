"""`scs-rack bmc sensors|events|inventory`."""

import argparse
from collections.abc import Iterable, Iterator

from rich.markup import escape

from scs_rack.bmc import settings
from scs_rack.bmc.facts import EventLog, Inventory, Sensor
from scs_rack.bmc.types import Bmc
from scs_rack.cli import fleet
from scs_rack.cli.bmc_common import HEALTH, change, number, read, show, yes_option
from scs_rack.cli.common import Commands, add_command
from scs_rack.results import Finding

_GIB = 1024
_GB = 10**9


def register(verbs: Commands) -> None:
    """Add the verbs."""
    parser = add_command(
        verbs,
        "sensors",
        sensors,
        "show temperatures, fans, voltages and power",
        ("scs-rack bmc sensors node1 -r inventory/lab", "scs-rack bmc sensors -r inventory/lab --bad"),
    )
    fleet.fleet_options(parser)
    parser.add_argument("--bad", action="store_true", help="only what is not well")
    parser = add_command(
        verbs,
        "events",
        events,
        "show the system event logs, or clear them",
        ("scs-rack bmc events node1 -r inventory/lab", "scs-rack bmc events -r inventory/lab --clear --yes"),
    )
    fleet.fleet_options(parser)
    parser.add_argument("--last", type=int, metavar="N", help="only the last N entries of each server")
    parser.add_argument("--clear", action="store_true", help="empty the logs instead of showing them")
    yes_option(parser)
    parser = add_command(
        verbs,
        "inventory",
        inventory,
        "list the parts of servers as their BMCs know them",
        ("scs-rack bmc inventory node1 -r inventory/lab", "scs-rack bmc inventory -r inventory/lab --json"),
    )
    fleet.fleet_options(parser)


def sensors(args: argparse.Namespace) -> int:
    """Show readings."""

    async def look(bmc: Bmc) -> tuple[Sensor, ...]:
        found = await bmc.sensors()
        return tuple(one for one in found if one.health in ("warning", "critical")) if args.bad else found

    def rows(found: tuple[Sensor, ...]) -> Iterable[tuple[str, ...]]:
        for one in found:
            limits = f"{number(one.low)} … {number(one.high)}" if (one.low, one.high) != (None, None) else ""
            value = number(one.value, one.unit) if one.value is not None else escape(", ".join(one.states)) or "-"
            yield escape(one.name), one.kind, value, HEALTH[one.health], limits

    outcomes = read(fleet.call(args), look, "bmc sensors")
    ill = [
        Finding(
            "sensor", "error" if s.health == "critical" else "warning", f"{one.target.name} {s.name}", "ok", s.health
        )
        for one in outcomes
        if one.value
        for s in one.value
        if s.health in ("warning", "critical")
    ]
    return show(args, outcomes, ("SENSOR", "KIND", "VALUE", "HEALTH", "LIMITS"), rows, ill)


def events(args: argparse.Namespace) -> int:
    """Show or clear event logs."""
    if args.clear:
        return change(args, settings.clear_events, "bmc events --clear", ask="clear the event logs")

    async def look(bmc: Bmc) -> EventLog:
        log = await bmc.events()
        return EventLog(log.events[-args.last :], log.capacity, log.full) if args.last else log

    def rows(log: EventLog) -> Iterable[tuple[str, ...]]:
        for one in log.events:
            yield one.time or "no clock", HEALTH[one.severity], escape(one.sensor), escape(one.text)

    outcomes = read(fleet.call(args), look, "bmc events")
    hint = "`scs-rack bmc events SERVER --clear`, after saving them with --json"
    full = [
        Finding("event-log-full", "warning", one.target.name, "room for new events", "a full event log", hint)
        for one in outcomes
        if one.value and one.value.full
    ]
    return show(args, outcomes, ("TIME", "SEVERITY", "SENSOR", "EVENT"), rows, full)


def inventory(args: argparse.Namespace) -> int:
    """List parts."""

    async def look(bmc: Bmc) -> Inventory:
        return await bmc.inventory()

    return show(
        args, read(fleet.call(args), look, "bmc inventory"), ("PART", "NAME", "WHAT", "SERIAL", "HEALTH"), _parts
    )


def _parts(seen: Inventory) -> Iterator[tuple[str, ...]]:
    who = seen.identity
    yield "server", escape(who.model), escape(who.manufacturer), escape(who.serial), "-"
    yield "firmware", "BMC", escape(who.bmc_firmware), "", "-"
    yield "firmware", "BIOS", escape(who.bios_firmware) or "not told", "", "-"
    for cpu in seen.cpus or ():
        size = f" ({cpu.cores} cores, {cpu.threads} threads)" if cpu.cores else ""
        yield cpu.kind, escape(cpu.name), escape(cpu.model) + size, "", HEALTH[cpu.health]
    for module in seen.memory or ():
        size = f"{module.mib / _GIB:g} GiB" if module.mib else ""
        speed = f" {module.speed_mhz} MHz" if module.speed_mhz else ""
        what = f"{size} {escape(module.kind)}{speed}".strip()
        yield "memory", escape(module.name), what, escape(module.serial), HEALTH[module.health]
    for disk in seen.disks or ():
        size = f"{disk.bytes / _GB:.0f} GB " if disk.bytes else ""
        what = f"{size}{disk.kind} {escape(disk.model)}".strip()
        yield "disk", escape(disk.name), what, escape(disk.serial), HEALTH[disk.health]
    for nic in seen.nics or ():
        speed = f" {nic.speed_mbps / 1000:g} Gbit/s" if nic.speed_mbps else ""
        yield "nic", escape(nic.name), f"{nic.mac} {nic.link}{speed}".strip(), "", "-"
    for board in seen.boards or ():
        what = f"{board.manufacturer} {board.model} {board.part}".strip()
        yield "board", escape(board.name), escape(what), escape(board.serial), "-"
    missing = [name for name in ("cpus", "memory", "disks", "nics") if getattr(seen, name) is None]
    if missing:
        yield "[dim]not told[/]", "", f"[dim]this protocol tells nothing of {', '.join(missing)}[/]"
