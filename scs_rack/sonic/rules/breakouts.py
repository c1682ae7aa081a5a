"""Rules of BREAKOUT_CFG: modes that make sense, and ports as they say.

SONiC writes a mode as COUNTxSPEED[OTHER,OTHER](LANES), several joined by +, e.g. `2x25G[10G](2)+1x50G(2)`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from scs_rack.sonic.fault import Fault, TablesLike
from scs_rack.sonic.rules.ports import SPEEDS
from scs_rack.sonic.rules.tools import number, rows, text

_SPEED = r"(\d+[GM]|\d{5,7})"
_PART = re.compile(
    rf"(?P<count>[1-8])x(?P<speed>{_SPEED})(\[(?P<others>{_SPEED}(, ?{_SPEED})*)\])?(\((?P<lanes>[1-8])\))?"
)


@dataclass(frozen=True)
class Part:
    """So many ports of a speed."""

    count: int
    speeds: frozenset[int]
    """In Mb/s."""
    lanes: int | None
    """Lanes that they take together; None for all of the port."""

    @property
    def sensible(self) -> bool:
        """True if there are such ports: of Ethernet's speeds, and an equal part of the lanes each."""
        split = self.lanes % self.count == 0 if self.lanes else self.count in (1, 2, 4, 8)
        return split and self.speeds <= SPEEDS


def _speed(word: str) -> int:
    unit = {"G": 1000, "M": 1}.get(word[-1])
    return int(word[:-1]) * unit if unit else int(word)


def parts_of(mode: str) -> list[Part] | None:
    """Read a mode; None when it makes no sense."""
    found = [_PART.fullmatch(part.strip()) for part in mode.split("+")]
    parts = [
        Part(
            int(part["count"]),
            frozenset(_speed(word.strip()) for word in (part["speed"], *(part["others"] or part["speed"]).split(","))),
            int(part["lanes"]) if part["lanes"] else None,
        )
        for part in found
        if part
    ]
    return parts if len(parts) == len(found) and all(part.sensible for part in parts) else None


def _base(name: str) -> int | None:
    found = re.fullmatch(r"Ethernet(\d+)", name, re.ASCII)
    return int(found[1]) if found else None


def _children(tables: TablesLike, parent: str) -> list[str]:
    """Ports of a cage in their order: those from the parent on up to the next parent that have its index.

    Enterprise images split groups of cages; there PORT itself names the parent.
    """
    ports, base = rows(tables, "PORT"), _base(parent)
    if base is None or parent not in ports:
        return []
    stated = [name for name, row in ports.items() if text(row, "parent_port") == parent]
    if stated:
        return stated
    later = [number for name in rows(tables, "BREAKOUT_CFG") if (number := _base(name)) is not None and number > base]
    end, index = min(later, default=None), text(ports[parent], "index")
    found = {
        number: name
        for name, row in ports.items()
        if (number := _base(name)) is not None
        and number >= base
        and (end is None or number < end)
        and text(row, "index") == index
    }
    return [found[number] for number in sorted(found)]


def breakouts(tables: TablesLike) -> Iterator[Fault]:
    """BREAKOUT_CFG makes sense, and PORT has the children that it speaks of: it makes none by itself."""
    for name, row in rows(tables, "BREAKOUT_CFG").items():
        mode = text(row, "brkout_mode")
        parts = parts_of(mode)
        if parts is None:
            hint = "write COUNTxSPEED, e.g. 4x25G[10G], or several joined by +"
            yield Fault(f"{mode!r} is no breakout", "BREAKOUT_CFG", name, "brkout_mode", hint)
            continue
        children, speeds = _children(tables, name), [part.speeds for part in parts for _ in range(part.count)]
        if len(children) != len(speeds):
            message = f"{mode} makes {len(speeds)} port{'s' if speeds[1:] else ''}, and PORT has {len(children)}"
            hint = "write a PORT row for each child: SONiC makes none when it loads the file"
            yield Fault(message, "BREAKOUT_CFG", name, "brkout_mode", hint)
            continue
        for child, good in zip(children, speeds, strict=True):
            speed = number(rows(tables, "PORT")[child], "speed")
            if speed is not None and speed not in good:
                message = f"runs at {speed} Mb/s, which {mode} of BREAKOUT_CFG|{name} does not allow"
                yield Fault(message, "PORT", child, "speed")


RULES = (breakouts,)
