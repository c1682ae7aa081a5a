"""A day of the rack's power draw as a drawing."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from scs_rack.energy.store import Sample, samples
from scs_rack.energy.sums import GAP_S, by_device

DAY = 86400.0
_WIDTH, _HEIGHT, _LEFT, _BELOW = 640, 160, 44, 22
_STEPS = 144
"""Points of the curve: one for each ten minutes of a day."""


def day_curve(state_dir: Path, until: float) -> str:
    """SVG of the rack's draw in the 24 hours before a moment; empty where nothing was sampled.

    Args:
        state_dir: of the rack.
        until: seconds since 1970, UTC.
    """
    found = by_device(one for one in samples(state_dir, until - DAY - GAP_S, until) if one.kind != "shelf")
    totals = [_total(list(found.values()), until - DAY + DAY * step / _STEPS) for step in range(_STEPS + 1)]
    known = [watts for watts in totals if watts is not None]
    return _drawing(totals, max(known), until) if known else ""


def _total(devices: Sequence[Sequence[Sample]], moment: float) -> float | None:
    """Draw of all devices at a moment: each one's last sample before it; None where none is that fresh."""
    last = [
        max((one for one in some if one.time <= moment), key=lambda one: one.time, default=None) for some in devices
    ]
    fresh = [one.watts for one in last if one is not None and moment - one.time <= GAP_S]
    return sum(fresh) if fresh else None


def _drawing(totals: Sequence[float | None], highest: float, until: float) -> str:
    top = max(10.0, highest * 1.1)
    wide, high = _WIDTH - _LEFT, _HEIGHT - _BELOW

    def place(step: int, watts: float) -> str:
        return f"{_LEFT + wide * step / _STEPS:.1f},{high - high * watts / top:.1f}"

    lines: list[list[str]] = [[]]
    for step, watts in enumerate(totals):
        if watts is None:
            lines.append([])
        else:
            lines[-1].append(place(step, watts))
    begin = dt.datetime.fromtimestamp(until - DAY, dt.UTC)
    marks = "".join(
        f'<text x="{_LEFT + wide * hour / 24:.1f}" y="{_HEIGHT - 6}" text-anchor="middle">'
        f"{(begin + dt.timedelta(hours=hour)):%H:%M}</text>"
        for hour in range(0, 25, 6)
    )
    levels = "".join(
        f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#d5dae0"/>'
        f'<text x="{_LEFT - 4}" y="{y + 4:.1f}" text-anchor="end">{top * share:.0f} W</text>'
        for share in (0.0, 0.5, 0.9)
        for y in (high * (1 - share),)
    )
    curves = "".join(
        f'<polyline points="{" ".join(line)}" fill="none" stroke="#2f6f9f" stroke-width="2" stroke-linecap="round"/>'
        for line in lines
        if line
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-size="11" '
        f'font-family="sans-serif" fill="#5b6670"><title>Power draw of the rack</title>{levels}{marks}{curves}</svg>'
    )
