"""How energy is told to people."""

from collections.abc import Mapping, Sequence
from typing import Any

from scs_rack.cli import fleet
from scs_rack.energy.readings import Reading
from scs_rack.energy.sums import Headroom, Used


def number(value: float | None, unit: str) -> str:
    """A figure with its unit; a dash where it is not known."""
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:.{digits}f} {unit}"


def show_table(
    readings: Sequence[Reading], energy: Mapping[str, Used], feeds: Sequence[Headroom], sums: Mapping[str, Any]
) -> None:
    """Print devices, feeds, and the rack."""
    console = fleet.output()
    table = fleet.table("DEVICE", "KIND", "NOW", "SOURCE", "ENERGY", "SEEN")
    for one in readings:
        seen = energy[one.device]
        source = "no answer" if one.error and one.watts is None else one.source or "-"
        table.add_row(
            one.device,
            one.kind,
            number(one.watts, "W"),
            source,
            number(seen.kwh, "kWh"),
            number(seen.seen_s / 3600, "h"),
        )
    console.print(table)
    table = fleet.table("FEED", "LOAD", "OF", "LEFT", "IF ANOTHER FAILS", "PLANNING FIGURES OF")
    for feed in feeds:
        table.add_row(
            feed.feed,
            number(feed.watts, "W"),
            number(feed.capacity_w, "W"),
            number(feed.left_w, "W"),
            number(feed.worst_w, "W"),
            ", ".join(feed.unknown) or "-",
        )
    console.print(table)
    co2e = sums["co2e_kg"]
    emitted = "no `power.co2e_g_per_kwh` in the rack file" if co2e is None else number(co2e, "kg CO2e")
    room = f"PUE {sums['pue']:.2f}" if sums["pue"] else "PUE not stated"
    hours = number(sums["since_s"] / 3600, "h")
    console.print(
        f"rack: {number(sums['watts'], 'W')} now; in {hours}: {number(sums['kwh'], 'kWh')}, {emitted} ({room})"
    )
