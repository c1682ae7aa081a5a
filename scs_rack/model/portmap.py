"""Port maps: what ports a switch model has, how they can be split, and how SONiC names all that.

The data stand in `switch_models/<model>.yml`; `scs_rack.model.portmap_file` reads them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from scs_rack.errors import UsageError
from scs_rack.model.base import parse_speed

FOLDER = Path(__file__).parent / "switch_models"

Fec = Literal["rs", "fc", "none"]

_RS_SPEEDS = frozenset({25_000, 100_000, 200_000, 400_000, 800_000})
_PAM4_LANE = 50_000
"""From this speed of one lane in Mb/s on, signals are PAM4 and need RS (IEEE 802.3 clauses 119 and 134)."""
_MODE = re.compile(
    r"(?P<count>[1-9]\d?)x(?P<speed>\d+[GM])(\[(?P<others>\d+[GM](,\d+[GM])*)\])?(\((?P<lanes>[1-9]\d?)\))?",
    re.IGNORECASE,
)


class UnknownSwitchModel(UsageError):
    """There is no port map of that name."""


class BadBreakout(UsageError):
    """A port can't be broken out as asked."""


def default_fec(speed: int, lanes: int | None = None) -> Fec:
    """Forward error correction that optics need: RS (IEEE 802.3 clauses 91, 108, 119, 134) or none.

    Args:
        speed: in Mb/s.
        lanes: of the port; tells 50G over one lane from 50G over two.
    """
    return "rs" if speed in _RS_SPEEDS or (lanes and speed // lanes >= _PAM4_LANE) else "none"


def speed_name(speed: int) -> str:
    """A speed in Mb/s as people write it: 25000 is 25G, 100 is 100M."""
    return f"{speed // 1000}G" if speed >= 1000 and speed % 1000 == 0 else f"{speed}M"


@dataclass(frozen=True)
class Breakout:
    """A way to use a port: as so many ports of a speed."""

    count: int
    speeds: tuple[int, ...]
    """Speeds of each child in Mb/s, the usual one first."""
    lanes: int | None = None
    """Lanes that the children take in all; None means all that the port has."""

    @property
    def names(self) -> tuple[str, ...]:
        """How a rack file may write it, e.g. 4x25G and 4x10G."""
        return tuple(f"{self.count}x{speed_name(speed)}" for speed in self.speeds)

    @property
    def text(self) -> str:
        """As SONiC's platform.json and BREAKOUT_CFG spell it, e.g. 4x25G[10G]."""
        usual, *others = (speed_name(speed) for speed in self.speeds)
        alternatives = f"[{','.join(others)}]" if others else ""
        return f"{self.count}x{usual}{alternatives}" + (f"({self.lanes})" if self.lanes else "")

    def covers(self, wanted: "Breakout") -> bool:
        """True if what a rack file asks for is this, or one of its speeds."""
        return (
            self.count == wanted.count and set(wanted.speeds) <= set(self.speeds) and wanted.lanes in (None, self.lanes)
        )


@dataclass(frozen=True)
class Port:
    """A data port of a switch."""

    name: str
    """SONiC name, e.g. Ethernet48."""
    lanes: tuple[int, ...]
    """SerDes lanes of the switch chip."""
    alias: str
    index: int
    """Number by which the platform knows the cage (on few models counted from 0); children of a port share it."""
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
    child_alias: str = "{alias}/{number}"
    """Alias of a child: of the port's alias, the child's number from 1, or its letter from a."""

    @property
    def fec(self) -> Fec:
        """Forward error correction at the usual speed."""
        return self.fec_at(self.speed)

    def fec_at(self, speed: int) -> Fec:
        """Forward error correction at a speed in Mb/s."""
        return default_fec(speed, len(self.lanes))

    @property
    def modes(self) -> tuple[str, ...]:
        """Breakouts that a rack file may state for this port."""
        return tuple(name for breakout in self.breakouts for name in breakout.names)

    @property
    def whole(self) -> Breakout:
        """The mode of a port that is not broken out."""
        return Breakout(1, self.speeds)

    def breakout(self, mode: str) -> Breakout:
        """The breakout of this model that a rack file means by e.g. `4x10G`.

        Raises:
            BadBreakout: the mode makes no sense or the port can't do it.
        """
        wanted = parse_breakout(mode)
        for breakout in self.breakouts:
            if breakout.covers(wanted):
                return breakout
        can = ", ".join(self.modes)
        raise BadBreakout(
            f"{self.name} can't be broken out as {mode}",
            f"it can do {can}" if can else "it can't be split",
        )

    def split(self, mode: str) -> tuple["Port", ...]:
        """Children of this port when it is broken out, e.g. by `4x25G`.

        Raises:
            BadBreakout: the mode makes no sense or the port can't do it.
        """
        breakout = self.breakout(mode)
        speed = parse_breakout(mode).speeds[0]
        width = (breakout.lanes or len(self.lanes)) // breakout.count
        base = int(self.name.removeprefix("Ethernet"))
        return tuple(
            Port(
                name=f"Ethernet{base + child * width}",
                lanes=self.lanes[child * width : (child + 1) * width],
                alias=self._alias_of(child, breakout),
                index=self.index,
                speed=speed,
                speeds=breakout.speeds,
                autoneg=self.autoneg,
                subport=child + 1 if breakout.count > 1 else 0,
                parent=self.name,
            )
            for child in range(breakout.count)
        )

    def _alias_of(self, child: int, breakout: Breakout) -> str:
        if breakout.count == 1:
            return self.alias
        return self.child_alias.format(alias=self.alias, number=child + 1, letter="abcdefghijklmnop"[child])


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
    platform_json: bool = False
    """True if SONiC has platform.json and hwsku.json for it: only there BREAKOUT_CFG means something."""

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

    def breakout_cfg(self, breakouts: Mapping[str, str]) -> dict[str, str]:
        """Mode of each port as BREAKOUT_CFG spells it; empty where the platform knows no modes.

        Raises:
            BadBreakout: a port can't do that.
        """
        if not self.platform_json:
            return {}
        return {
            name: port.breakout(breakouts[name]).text if name in breakouts else port.whole.text
            for name, port in self.ports.items()
        }


def parse_breakout(text: str) -> Breakout:
    """Read a breakout such as `4x25G`, `4x25G[10G]`, or `1x100G(4)`, which uses four lanes of the port only.

    Raises:
        BadBreakout: it is not written like that.
    """
    found = _MODE.fullmatch(text.strip())
    if not found:
        raise BadBreakout(f"{text} is not a breakout", "write COUNTxSPEED, e.g. 4x25G")
    others = found["others"].split(",") if found["others"] else []
    lanes = int(found["lanes"]) if found["lanes"] else None
    try:
        speeds = tuple(parse_speed(part) for part in (found["speed"], *others))
    except ValueError as error:
        raise BadBreakout(f"{text} is not a breakout", str(error)) from error
    return Breakout(int(found["count"]), speeds, lanes)


@cache
def portmap_names() -> tuple[str, ...]:
    """Names of all switch models that scs-rack knows, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yml")))


@cache
def load_portmap(model: str) -> PortMap:
    """Port map of a switch model.

    Raises:
        UnknownSwitchModel: scs-rack does not know the model.
        BadPortMap: its file is wrong.
    """
    from scs_rack.model.portmap_file import read_portmap

    if model not in portmap_names():
        raise UnknownSwitchModel(f"no switch model {model}", f"there are {', '.join(portmap_names())}")
    return read_portmap(FOLDER / f"{model}.yml")
