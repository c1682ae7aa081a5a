"""`scs-rack energy`: what the rack draws, what that came to, and a limit for it."""

import argparse
import json
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, replace

from scs_rack.bmc import Bmc, Fleet
from scs_rack.bmc.settings import power_limit
from scs_rack.bmc.stream import stream
from scs_rack.cli import fleet
from scs_rack.cli.bmc_common import confirm, yes_option
from scs_rack.cli.common import Commands, add_command, json_option, rack_option
from scs_rack.cli.energy_words import number, show_table
from scs_rack.energy.cap import Server, spread
from scs_rack.energy.export import as_csv, prometheus
from scs_rack.energy.readings import Reading, of_servers, of_shelves, of_switch, shelf_targets
from scs_rack.energy.store import KEPT_S, keep, samples
from scs_rack.energy.sums import by_device, co2e_kg, headroom, planned, pue, used
from scs_rack.engine.stage import Context
from scs_rack.errors import Interrupted, UsageError
from scs_rack.results import Result
from scs_rack.sonic.transport import on_all, switches

_UNITS = {"m": 60.0, "h": 3600.0, "d": 86400.0}


def register(commands: Commands) -> None:
    """Add `energy`: by itself it shows; its verbs do more."""
    top = add_command(
        commands,
        "energy",
        _show,
        "watts of servers, switches, shelves and the rack, energy and emissions, headroom of feeds; caps",
        (
            "scs-rack energy -r inventory/lab",
            "scs-rack energy watch --every 60 -r inventory/lab",
            "scs-rack energy export --format csv --since 24h -r inventory/lab",
            "scs-rack energy cap 4000 -r inventory/lab",
        ),
    )
    _common(top)
    verbs = top.add_subparsers(dest="verb", metavar="VERB")
    parser = add_command(
        verbs,
        "watch",
        _watch,
        "take a sample again and again, until Ctrl-C, and keep them in the rack's state",
        ("scs-rack energy watch -r inventory/lab", "scs-rack energy watch --every 10 -r inventory/lab"),
    )
    _common(parser)
    parser.add_argument("--every", type=_positive, default=60.0, metavar="SECONDS", help="pause (default: 60)")
    parser = add_command(
        verbs,
        "export",
        _export,
        "print samples for other programs",
        (
            "scs-rack energy export --format prometheus -r inventory/lab",
            "scs-rack energy export --format csv --since 7d -r inventory/lab",
        ),
    )
    _common(parser)
    parser.add_argument("--format", choices=("prometheus", "csv"), required=True, help="text format")
    parser = add_command(
        verbs,
        "cap",
        _cap,
        "limit what the rack draws: the limit is spread over its servers, set, and read back",
        ("scs-rack energy cap 4000 -r inventory/lab --dry-run", "scs-rack energy cap off -r inventory/lab"),
    )
    _common(parser)
    parser.add_argument("limit", metavar="WATTS", help="for the whole rack, or `off`")
    parser.add_argument("-n", "--dry-run", action="store_true", help="show each server's limit and set none")
    yes_option(parser)


def _common(parser: argparse.ArgumentParser) -> None:
    rack_option(parser)
    json_option(parser)
    parser.add_argument(
        "--since", type=_span, default=86400.0, metavar="SPAN", help="energy since so long: 30m, 24h, 7d (default: 24h)"
    )
    parser.set_defaults(servers=[], limit=None)


def _span(text: str) -> float:
    unit = _UNITS.get(text[-1:])
    if unit is None or not text[:-1].isdigit() or int(text[:-1]) < 1:
        raise argparse.ArgumentTypeError("write a number and m, h or d, e.g. 24h")
    return int(text[:-1]) * unit


def _positive(text: str) -> float:
    value = float(text)
    if not value >= 1:
        raise argparse.ArgumentTypeError("seconds, 1 or more")
    return value


def measure(which: fleet.Call) -> list[Reading]:
    """Ask all devices now, with progress on standard error; in the order of the rack file."""
    found: dict[str, Reading] = {}
    shelves = shelf_targets(which.design, which.secrets)

    async def readings() -> AsyncIterator[Reading]:
        async with which.fleet() as calling:
            async for one in of_servers(calling, which.targets):
                yield one
            async for one in of_shelves(calling, shelves):
                yield one

    with fleet.waiting(which, "asking what they draw") as heard:
        for one in stream(readings):
            found[one.device] = one
            heard()
    ctx = Context(which.design, which.rack_dir, which.state_dir, which.state_dir, which.secrets)
    for name, answer in on_all(switches(ctx), of_switch).items():
        found[name] = answer if isinstance(answer, Reading) else Reading(name, "switch", None, "", error=answer.message)
    names = (*which.design.nodes, *which.design.switches, *which.design.rack.power.shelves)
    return [found[name] for name in names if name in found]


def _call(args: argparse.Namespace) -> fleet.Call:
    return fleet.call(argparse.Namespace(**{**vars(args), "servers": [], "limit": None}))


def _show(args: argparse.Namespace) -> int:
    which = _call(args)
    readings = measure(which)
    now = time.time()
    keep(which.state_dir, now, readings)
    rack = which.design.rack
    kept = by_device(samples(which.state_dir, now - args.since, now))
    energy = {name: used(kept.get(name, ())) for name in (one.device for one in readings)}
    devices = [one for one in readings if one.kind != "shelf"]
    total = sum(one.watts or 0.0 for one in devices)
    kwh = sum(energy[one.device].kwh for one in devices)
    feeds = headroom(rack, readings)
    sums = {"watts": total, "kwh": kwh, "pue": pue(rack), "co2e_kg": co2e_kg(rack, kwh), "since_s": args.since}
    if args.json:
        data = {
            "devices": [{**asdict(one), "measured": one.measured, **asdict(energy[one.device])} for one in readings],
            "rack": sums,
            "feeds": [{**asdict(feed), "left_w": feed.left_w} for feed in feeds],
        }
        print(json.dumps(data, indent=2))
    else:
        show_table(readings, energy, feeds, sums)
    return _code(readings)


def _code(readings: list[Reading]) -> int:
    """3 where servers or shelves did not answer."""
    silent = [one for one in readings if one.error and one.kind != "switch"]
    for one in silent:
        print(f"error: {one.device}: {one.error}", file=sys.stderr)
    return 3 if silent else 0


def _watch(args: argparse.Namespace) -> int:
    which = _call(args)
    try:
        while True:
            begin = time.time()
            readings = measure(which)
            kept = keep(which.state_dir, begin, readings)
            watts = sum(one.watts or 0.0 for one in readings if one.kind != "shelf")
            silent = ", ".join(one.device for one in readings if one.error)
            moment = time.strftime("%H:%M:%S", time.gmtime(begin))
            print(
                f"{moment} UTC  {watts:.0f} W, {kept} readings{f', no answer: {silent}' if silent else ''}", flush=True
            )
            time.sleep(max(0.0, begin + args.every - time.time()))
    except KeyboardInterrupt:
        raise Interrupted("stopped; the samples are kept") from None


def _export(args: argparse.Namespace) -> int:
    which = _call(args)
    now = time.time()
    if args.format == "csv":
        sys.stdout.write(as_csv(samples(which.state_dir, now - args.since, now)))
        return 0
    readings = measure(which)
    keep(which.state_dir, now, readings)
    kwh = {name: used(some).kwh for name, some in by_device(samples(which.state_dir, now - KEPT_S, now)).items()}
    rack = which.design.rack
    sys.stdout.write(prometheus(rack.name, readings, headroom(rack, readings), kwh))
    return _code(readings)


def _cap(args: argparse.Namespace) -> int:
    wanted = _limit_of(args.limit)
    which = _call(args)
    rack = which.design.rack
    if wanted is None:
        limits: dict[str, int | None] = dict.fromkeys((target.name for target in which.targets), None)
    else:
        readings = measure(which)
        base = sum(one.watts or 0.0 for one in readings if one.kind == "switch")
        servers = {
            one.device: Server(one.device, planned(rack, one.device), one.watts or 0.0)
            for one in readings
            if one.kind == "server" and not one.error
        }
        fixed = {one.device: planned(rack, one.device) for one in readings if one.kind == "server" and one.error}
        limits = {**spread(wanted, base, servers, fixed)}
    for name, limit in limits.items():
        print(f"{name}: {'no limit' if limit is None else number(limit, 'W')}")
    if args.dry_run:
        return 0
    if not args.yes:
        confirm("set these limits", list(limits))
    return _set(replace(which, targets=[target for target in which.targets if target.name in limits]), limits)


def _set(which: fleet.Call, limits: dict[str, int | None]) -> int:
    async def work(bmc: Bmc, calling: Fleet) -> Result:
        return await power_limit(bmc, limits[bmc.target.name], calling.limits)

    outcomes = fleet.collect(which, work, "setting limits")
    results = [one.value for one in outcomes if one.value]
    for one in results:
        word = "observed" if one.changed else "as it was"
        print(f"{one.device}: {one.step}: {one.error or word}")
    findings = [finding for one in results for finding in one.findings]
    fleet.print_failures(fleet.output(), outcomes, findings)
    return fleet.exit_code(outcomes, findings) or (1 if any(one.error for one in results) else 0)


def _limit_of(text: str | None) -> float | None:
    if text == "off":
        return None
    try:
        value = float(text or "")
    except ValueError:
        value = -1.0
    if not 0 < value < 10_000_000:
        raise UsageError(f"{text} is no limit", "write watts for the whole rack, or `off`")
    return value
