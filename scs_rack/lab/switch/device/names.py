"""Names of interfaces: their order, and lists and ranges of them."""

import re
from collections.abc import Mapping
from typing import TypeVar

from scs_rack.lab.switch.device.cmdtree import Refused

T = TypeVar("T")

_RANGE = re.compile(r"(?P<head>[A-Za-z]+)\[?(?P<first>\d+)-(?P<last>\d+)\]?")


def natural(name: str) -> list[tuple[int, int, str]]:
    """Sort key that puts Ethernet4 before Ethernet16."""
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def expand(text: str) -> list[str]:
    """Names in `Ethernet0`, `Ethernet0,Ethernet4` or `Ethernet[0-4]`."""
    found: list[str] = []
    for part in text.split(","):
        fit = _RANGE.fullmatch(part.strip())
        if fit:
            found += [f"{fit['head']}{number}" for number in range(int(fit["first"]), int(fit["last"]) + 1)]
        elif part.strip():
            found.append(part.strip())
    return found


def only(rows: Mapping[str, T], chosen: str | None) -> dict[str, T]:
    """Rows of the chosen interfaces, or all.

    Raises:
        Refused: there is none of them.
    """
    if chosen is None:
        return dict(rows)
    names = expand(chosen)
    found = {name: row for name, row in rows.items() if name in names}
    if not found:
        raise Refused(f"Invalid interface name {chosen}")
    return found
