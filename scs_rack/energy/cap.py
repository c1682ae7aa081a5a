"""A limit for the whole rack, spread over its servers: pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass

from scs_rack.errors import UsageError

FLOOR = 0.5
"""Share of a server's highest draw below which no limit goes: it would not run, or not obey."""


@dataclass(frozen=True)
class Server:
    """A server that can be limited."""

    name: str
    highest_w: float
    """Its highest draw."""
    draw_w: float
    """What it draws now."""


def spread(limit_w: float, base_w: float, servers: Mapping[str, Server], fixed: Mapping[str, float]) -> dict[str, int]:
    """Limit of each server in whole watts, so that all together stay within the rack's limit at any time.

    Each gets its floor, and of what is left a share as large as what it could use above it.

    Args:
        limit_w: of the rack.
        base_w: what devices draw that can't be limited, switches above all.
        servers: those that can be limited.
        fixed: highest draw of servers that can't.

    Raises:
        UsageError: the floors alone are more than the limit.
    """
    room = limit_w - base_w - sum(fixed.values())
    floors = {name: FLOOR * one.highest_w for name, one in servers.items()}
    if room < sum(floors.values()):
        least = base_w + sum(fixed.values()) + sum(floors.values())
        raise UsageError(
            f"{limit_w:.0f} W can't be kept: {base_w:.0f} W are drawn by devices that can't be limited, "
            f"{sum(fixed.values()):.0f} W may be by servers without a limit, "
            f"and servers need {sum(floors.values()):.0f} W to run",
            f"set at least {least:.0f} W, or switch servers off",
        )
    above = {name: one.highest_w - floors[name] for name, one in servers.items()}
    spare = min(room - sum(floors.values()), sum(above.values()))
    share = spare / sum(above.values()) if sum(above.values()) else 0.0
    return {name: int(floors[name] + above[name] * share) for name in servers}
