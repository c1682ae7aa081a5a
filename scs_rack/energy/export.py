"""Samples for other programs: Prometheus' text format 0.0.4, and CSV (RFC 4180)."""

import csv
import datetime as dt
import io
from collections.abc import Iterable

from scs_rack.energy.readings import Reading
from scs_rack.energy.store import Sample
from scs_rack.energy.sums import Headroom


def prometheus(rack: str, readings: Iterable[Reading], feeds: Iterable[Headroom], kwh: dict[str, float]) -> str:
    """What is drawn now, and energy since the first sample that is kept.

    Args:
        rack: its name.
        readings: of this moment.
        feeds: load of each feed.
        kwh: energy of each device.
    """
    lines = _head("scs_rack_power_watts", "gauge", "Power that a device draws.")
    lines += [
        f'scs_rack_power_watts{{rack="{rack}",device="{one.device}",kind="{one.kind}",'
        f'measured="{str(one.measured).lower()}"}} {one.watts:g}'
        for one in readings
        if one.watts is not None
    ]
    lines += _head("scs_rack_energy_joules_total", "counter", "Energy that was seen.")
    lines += [
        f'scs_rack_energy_joules_total{{rack="{rack}",device="{device}"}} {value * 3.6e6:.0f}'
        for device, value in kwh.items()
    ]
    lines += _head("scs_rack_feed_load_watts", "gauge", "Load of a power feed.")
    rest = _head("scs_rack_feed_capacity_watts", "gauge", "Capacity of a power feed.")
    for feed in feeds:
        lines.append(f'scs_rack_feed_load_watts{{rack="{rack}",feed="{feed.feed}"}} {feed.watts:g}')
        rest.append(f'scs_rack_feed_capacity_watts{{rack="{rack}",feed="{feed.feed}"}} {feed.capacity_w}')
    return "\n".join([*lines, *rest]) + "\n"


def _head(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]


def as_csv(samples: Iterable[Sample]) -> str:
    """One line a sample: time (ISO 8601, UTC), device, kind, watts, whether it was measured."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["time", "device", "kind", "watts", "measured"])
    for one in samples:
        moment = dt.datetime.fromtimestamp(one.time, dt.UTC).isoformat(timespec="seconds")
        writer.writerow([moment, one.device, one.kind, f"{one.watts:g}", str(one.measured).lower()])
    return text.getvalue()
