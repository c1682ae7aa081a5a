"""Rules of a switch model: ports that it has, at speeds that they can run at (`scs_rack.model.portmap`)."""

from collections import defaultdict
from collections.abc import Iterator
from functools import cache

from scs_rack.model.portmap import BadBreakout, PortMap, load_portmap, portmap_names, speed_name
from scs_rack.sonic.fault import Fault, TablesLike
from scs_rack.sonic.rules.tools import items, number, rows, text


@cache
def _by_sku() -> dict[str, PortMap]:
    return {portmap.sku: portmap for portmap in map(load_portmap, portmap_names())}


def known_model(tables: TablesLike) -> PortMap | None:
    """Port map of the model that a CONFIG_DB names; None when scs-rack does not know it."""
    return _by_sku().get(text(rows(tables, "DEVICE_METADATA").get("localhost", {}), "hwsku"))


@cache
def _possible(sku: str) -> dict[str, dict[tuple[int, ...], frozenset[int]]]:
    """Speeds in Mb/s by lanes, by port: of whole ports and of all children that there can be."""
    found: dict[str, dict[tuple[int, ...], set[int]]] = defaultdict(lambda: defaultdict(set))
    for port in _by_sku()[sku].ports.values():
        found[port.name][port.lanes] |= set(port.speeds)
        for mode in port.modes:
            for child in port.split(mode):
                found[child.name][child.lanes] |= set(child.speeds)
    return {name: {lanes: frozenset(speeds) for lanes, speeds in ways.items()} for name, ways in found.items()}


def hardware_faults(tables: TablesLike) -> Iterator[Fault]:
    """What the switch's model has not or can't do; nothing where the model is not known."""
    portmap = known_model(tables)
    if portmap is None:
        return
    possible = _possible(portmap.sku)
    for name, row in rows(tables, "PORT").items():
        if name not in possible:
            hint = f"it has {next(iter(portmap.ports))} to {list(portmap.ports)[-1]}, and children of broken-out ports"
            yield Fault(f"{portmap.model} has no such port", "PORT", name, hint=hint)
            continue
        lanes = tuple(int(lane) for lane in items(row, "lanes") if lane.isascii() and lane.isdigit())
        if lanes not in possible[name]:
            ways = " or ".join(",".join(map(str, way)) for way in possible[name])
            message = f"lanes {text(row, 'lanes')} are not those of this port"
            yield Fault(message, "PORT", name, "lanes", f"{portmap.model} has {ways} there")
            continue
        speed = number(row, "speed")
        if speed is not None and speed not in possible[name][lanes]:
            can = ", ".join(speed_name(one) for one in sorted(possible[name][lanes], reverse=True))
            count = f"{len(lanes)} lane{'s' if lanes[1:] else ''}"
            message = f"can't run at {speed} Mb/s over {count}"
            yield Fault(message, "PORT", name, "speed", f"{portmap.model} can do {can} there")
    yield from _modes(tables, portmap)


def _modes(tables: TablesLike, portmap: PortMap) -> Iterator[Fault]:
    """BREAKOUT_CFG names ports of the model and modes that they can do; on some models nothing reads it."""
    stated = rows(tables, "BREAKOUT_CFG")
    if stated and not portmap.platform_json:
        message = f"means nothing on {portmap.model}: community SONiC has no platform.json for it"
        yield Fault(message, "BREAKOUT_CFG", hint="the rows of PORT decide there", severity="warning")
    for name, row in stated.items():
        port, mode = portmap.ports.get(name), text(row, "brkout_mode")
        if port is None:
            yield Fault(f"{portmap.model} has no such port to break out", "BREAKOUT_CFG", name)
        elif mode and mode != port.whole.text:
            try:
                port.breakout(mode)
            except BadBreakout as error:
                yield Fault(error.message, "BREAKOUT_CFG", name, "brkout_mode", f"{error.hint}; or {port.whole.text}")
