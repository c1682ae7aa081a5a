"""`scs-rack drift`: what differs between the rack file and the rack."""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.text import Text

from scs_rack.cli.common import Commands, add_command, json_option, rack_option
from scs_rack.cli.order import limit_option, ordered
from scs_rack.cli.timer import Timer, timer
from scs_rack.drift.layers import Drift, Layer, exit_code, state
from scs_rack.drift.look import LAYERS, chosen, observe
from scs_rack.errors import UsageError
from scs_rack.report.terminal import Steady

DAILY = Timer(
    noun="drift",
    command=("drift", "--no-diff"),
    service="Look for what differs between the rack file and the rack {rack}",
    timer="Look daily for what differs between the rack file and the rack {rack}",
    more=(
        "# 4: a run held the rack, which is no news; 1 and 3 make the unit fail, so that somebody is told",
        "SuccessExitStatus=4",
    ),
)
NOTES = f"""\
layers: {", ".join(LAYERS)}
Exit codes: 0 all is as the rack file has it, 1 something differs, 3 nothing differs as far as could be seen,
4 a run holds the rack (or held it meanwhile). docs/drift.md tells what is compared in each layer."""


def register(commands: Commands) -> None:
    """Add `drift`."""
    parser = add_command(
        commands,
        "drift",
        drift,
        "tell layer by layer what differs from the rack file; changes nothing",
        (
            "scs-rack drift -r inventory/lab",
            "scs-rack drift -r inventory/lab bmc switches packages --json",
            "scs-rack drift -r inventory/berlin-1 --timer install",
        ),
        notes=NOTES,
    )
    rack_option(parser)
    parser.add_argument("layers", metavar="LAYER", nargs="*", help="only these layers (default: all)")
    limit_option(parser)
    parser.add_argument("--no-diff", dest="diff", action="store_false", help="leave the diffs out")
    words = "a timer of systemd on this machine that looks daily; its unit fails when something differs"
    parser.add_argument("--timer", dest="action", choices=("install", "remove", "print"), help=words)
    parser.add_argument("--to", metavar="DIR", type=Path, help="with --timer: write the units there, start nothing")
    json_option(parser)


def drift(args: argparse.Namespace) -> int:
    """Look, and say what differs; or install the timer that does."""
    if args.action:
        return timer(DAILY, args)
    if args.to:
        raise UsageError("--to belongs to --timer")
    layers = chosen(args.layers)
    args.first = args.last = None
    begin = time.monotonic()
    quiet = Console(stderr=True, highlight=False)
    with ordered(args) as order, quiet.status("asking the devices") as status:
        found = observe(order, layers, lambda layer: status.update(f"looking at {layer}"))
    took = time.monotonic() - begin
    if args.json:
        print(json.dumps({"rack": order.design.rack.name, "state": state(found), **_data(found, took)}, indent=2))
    else:
        _show(Steady(highlight=False), found, diff=args.diff)
    return exit_code(found)


def _data(layers: Sequence[Layer], took: float) -> dict[str, object]:
    return {
        "seconds": round(took, 1),
        "layers": [
            {
                "layer": layer.name,
                "state": layer.state,
                "drifts": [asdict(one) for one in layer.drifts],
                "unknown": [asdict(one) for one in layer.blind],
            }
            for layer in layers
        ],
    }


def _show(console: Console, layers: Sequence[Layer], *, diff: bool) -> None:
    words = {"same": ("as the rack file has it", "green"), "unknown": ("not all was seen", "yellow")}
    for layer in layers:
        text, style = words.get(layer.state, (f"{len(layer.drifts)} differ", "bold red"))
        console.print(Text(f"{layer.name}: {text}", style))
        for one in layer.drifts:
            _show_drift(console, one, diff=diff)
        for blind in layer.blind:
            console.print(Text(f"  {blind.device}: not seen: {blind.why}", "yellow"), soft_wrap=True)
    count = sum(len(layer.drifts) for layer in layers)
    console.print(f"{count} differences in {len(layers)} layers; nothing was changed")


def _show_drift(console: Console, one: Drift, *, diff: bool) -> None:
    seen = f": {one.expected} expected, {one.seen} seen" if one.expected or one.seen else ""
    console.print(Text(f"  {one.device}: {one.what}{seen}"), soft_wrap=True)
    if one.hint:
        console.print(Text(f"      hint: {one.hint}", "dim"), soft_wrap=True)
    for line in one.diff.splitlines() if diff else ():
        styles = {"+": "green", "-": "red", "@": "cyan"}
        console.print(Text(f"    {line}", styles.get(line[:1], "dim")), soft_wrap=True)
