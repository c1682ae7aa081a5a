"""Port maps: what ports a switch model has, as data in `switch_models/<model>.yml`.

A port map names groups of equal cages. Each item of a group's `lanes` is one port: the SerDes lanes of the switch
chip behind its cage, in the order of the cages (`77-80` means four lanes). The first port of a group is
Ethernet<first>; each next one follows by the number of lanes of the one before, as SONiC counts.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from scs_rack.errors import UsageError
from scs_rack.model.base import parse_speed

FOLDER = Path(__file__).parent / "switch_models"

Fec = Literal["rs", "fc", "none"]

_RS_SPEEDS = frozenset({25_000, 100_000, 200_000, 400_000})
_MODE = re.compile(r"(?P<count>\d+)x(?P<speed>\d+[GM])(\[(?P<others>\d+[GM](,\d+[GM])*)\])?", re.IGNORECASE)


class UnknownSwitchModel(UsageError):
    """There is no port map of that name."""


class BadBreakout(UsageError):
    """A port can't be broken out as asked."""


def default_fec(speed: int) -> Fec:
    """Forward error correction for a speed in Mb/s: RS (IEEE 802.3 clauses 91 and 108) where optics need it."""
    return "rs" if speed in _RS_SPEEDS else "none"


def speed_name(speed: int) -> str:
    """A speed in Mb/s as people write it: 25000 is 25G, 100 is 100M."""
    return f"{speed // 1000}G" if speed >= 1000 and speed % 1000 == 0 else f"{speed}M"


@dataclass(frozen=True)
class Breakout:
    """A way to split a port."""

    count: int
    speeds: tuple[int, ...]
    """Speeds of each child in Mb/s, the usual one first."""

    @property
    def names(self) -> tuple[str, ...]:
        """How a rack file may write it, e.g. 4x25G and 4x10G."""
        return tuple(f"{self.count}x{speed_name(speed)}" for speed in self.speeds)


@dataclass(frozen=True)
class Port:
    """A data port of a switch."""

    name: str
    """SONiC name, e.g. Ethernet48."""
    lanes: tuple[int, ...]
    """SerDes lanes of the switch chip."""
    alias: str
    index: int
    """Number of the cage on the front panel; the children of a broken-out port share it."""
    speed: int
    """Usual speed in Mb/s."""
    speeds: tuple[int, ...]
    """All speeds it can run at, in Mb/s."""
    breakouts: tuple[Breakout, ...] = ()
    autoneg: Literal["on", "off"] = "off"
    subport: int = 0
    """0 for a whole port, else 1, 2, … in the order of the children."""
    parent: str = ""
    """Name of the port that this one was split from."""

    @property
    def fec(self) -> Fec:
        """Forward error correction at the usual speed."""
        return default_fec(self.speed)

    @property
    def modes(self) -> tuple[str, ...]:
        """Breakouts that a rack file may state for this port."""
        return tuple(name for breakout in self.breakouts for name in breakout.names)

    def split(self, mode: str) -> tuple["Port", ...]:
        """Children of this port when it is broken out, e.g. by `4x25G`.

        Raises:
            BadBreakout: the mode makes no sense or the port can't do it.
        """
        wanted = parse_breakout(mode)
        for breakout in self.breakouts:
            if breakout.count == wanted.count and set(wanted.speeds) <= set(breakout.speeds):
                width = len(self.lanes) // wanted.count
                base = int(self.name.removeprefix("Ethernet"))
                return tuple(
                    Port(
                        name=f"Ethernet{base + child * width}",
                        lanes=self.lanes[child * width : (child + 1) * width],
                        alias=f"{self.alias}/{child + 1}",
                        index=self.index,
                        speed=wanted.speeds[0],
                        speeds=breakout.speeds,
                        autoneg=self.autoneg,
                        subport=child + 1,
                        parent=self.name,
                    )
                    for child in range(wanted.count)
                )
        can = ", ".join(self.modes)
        raise BadBreakout(
            f"{self.name} can't be broken out as {mode}",
            f"it can do {can}" if can else "it can't be split",
        )


@dataclass(frozen=True)
class PortMap:
    """A switch model: its name for SONiC, its size, and its ports."""

    model: str
    """Name in rack files."""
    sku: str
    """SONiC's hardware SKU (`hwsku`)."""
    platform: str
    """SONiC's platform."""
    vendor: str
    units: int
    """Height in rack units."""
    power_w: int
    """Highest draw in watts, optics included."""
    ports: dict[str, Port]
    """Ports as delivered, by name; none broken out."""
    summary: str = ""
    """What it is, in a few words."""

    def with_breakouts(self, breakouts: Mapping[str, str]) -> dict[str, Port]:
        """Ports by name, in the order of the front panel, after breaking some of them out.

        Raises:
            BadBreakout: there is no such port, or it can't do that.
        """
        for name in breakouts:
            if name not in self.ports:
                raise BadBreakout(f"{self.model} has no port {name} to break out")
        found: dict[str, Port] = {}
        for port in self.ports.values():
            children = port.split(breakouts[port.name]) if port.name in breakouts else (port,)
            found.update((child.name, child) for child in children)
        return found


def parse_breakout(text: str) -> Breakout:
    """Read a breakout such as `4x25G` or `4x25G[10G]`.

    Raises:
        BadBreakout: it is not written like that.
    """
    found = _MODE.fullmatch(text.strip())
    if not found:
        raise BadBreakout(f"{text} is not a breakout", "write COUNTxSPEED, e.g. 4x25G")
    others = found["others"].split(",") if found["others"] else []
    return Breakout(int(found["count"]), tuple(parse_speed(part) for part in (found["speed"], *others)))


def _lanes(text: str) -> tuple[int, ...]:
    first, _, last = text.partition("-")
    return tuple(range(int(first), int(last or first) + 1))


def _group(group: Mapping[str, Any]) -> list[Port]:
    number, cage = int(group["first"]), int(group["cage"])
    speed = parse_speed(group["speed"])
    common = Port(
        name="",
        lanes=(),
        alias="",
        index=0,
        speed=speed,
        speeds=tuple(parse_speed(value) for value in group.get("speeds", [speed])),
        breakouts=tuple(parse_breakout(mode) for mode in group.get("breakouts", [])),
        autoneg="on" if group.get("autoneg") else "off",
    )
    ports = []
    for item in str(group["lanes"]).split():
        lanes = _lanes(item)
        alias = str(group["alias"]).format(cage=cage)
        ports.append(replace(common, name=f"Ethernet{number}", lanes=lanes, alias=alias, index=cage))
        number, cage = number + len(lanes), cage + 1
    return ports


@cache
def portmap_names() -> tuple[str, ...]:
    """Names of all switch models that scs-rack knows, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yml")))


@cache
def load_portmap(model: str) -> PortMap:
    """Port map of a switch model.

    Raises:
        UnknownSwitchModel: scs-rack does not know the model.
    """
    if model not in portmap_names():
        raise UnknownSwitchModel(f"no switch model {model}", f"there are {', '.join(portmap_names())}")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    data = yaml.load((FOLDER / f"{model}.yml").read_text(encoding="utf-8"), loader)  # noqa: S506 (a safe loader)
    return PortMap(
        model=model,
        sku=data["sku"],
        platform=data["platform"],
        vendor=data["vendor"],
        units=data["units"],
        power_w=data["power_w"],
        summary=data["summary"],
        ports={port.name: port for group in data["ports"] for port in _group(group)},
    )
