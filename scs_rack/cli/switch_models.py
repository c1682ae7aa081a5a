"""`scs-rack switch models`: the switch models that a rack file can name, and their ports."""

import argparse
import json
from dataclasses import asdict

from scs_rack.cli.common import Commands, add_command, json_option
from scs_rack.model.portmap import Port, PortMap, load_portmap, portmap_names, speed_name


def add_models(verbs: Commands) -> None:
    """Add the verb."""
    parser = add_command(
        verbs,
        "models",
        _models,
        "list the switch models that a rack file can name, or the ports of one",
        ("scs-rack switch models", "scs-rack switch models dell-s5248f", "scs-rack switch models --json"),
    )
    parser.add_argument("model", metavar="MODEL", nargs="?", help="show the ports of this one")
    json_option(parser)


def _models(args: argparse.Namespace) -> int:
    portmaps = [load_portmap(name) for name in ([args.model] if args.model else portmap_names())]
    if args.json:
        print(json.dumps([asdict(one) for one in portmaps], indent=2))
    elif args.model:
        _show(portmaps[0])
    else:
        for one in portmaps:
            speeds = sorted({port.speed for port in one.ports.values()})
            print(f"{one.model:<22}{len(one.ports):>4} ports  {'/'.join(map(speed_name, speeds)):<14}{one.summary}")
    return 0


def _show(portmap: PortMap) -> None:
    print(f"{portmap.vendor} {portmap.summary}, {portmap.units} U, {portmap.power_w} W at most")
    print(f"hwsku {portmap.sku}, platform {portmap.platform}")
    print(f"BREAKOUT_CFG {'has the modes of its ports' if portmap.platform_json else 'is not read: no platform.json'}")
    print(f"{'port':<13}{'alias':<22}{'index':<7}{'lanes':<10}{'speeds':<32}{'FEC':<6}ways to split")
    for port in portmap.ports.values():
        speeds = ",".join(map(speed_name, port.speeds))
        modes = " ".join(mode.text for mode in port.breakouts) or "–"
        print(f"{port.name:<13}{port.alias:<22}{port.index:<7}{_lanes(port):<10}{speeds:<32}{port.fec:<6}{modes}")


def _lanes(port: Port) -> str:
    first, last = port.lanes[0], port.lanes[-1]
    return str(first) if first == last else f"{first}-{last}"
