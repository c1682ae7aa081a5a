"""New OSDs of a cluster in service take their data in steps, each of which moves no more than is allowed.

Module `ceph_cluster` lets them start with a CRUSH weight of 0 and marks them in the monitors' database; the mark goes
when their weight is whole. A run that died is gone on with: the marks say what is left to do.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scs_rack.engine.stage import Context
from scs_rack.errors import Interrupted, StageFailed, Unreachable
from scs_rack.remote import run_one
from scs_rack.results import Finding, Result
from scs_rack.stages.copies import is_clean

PROBE = Path(__file__).with_name("osd_entry_probe.py")
PAUSE = 3.0
SETTLE = 9.0
"""Seconds after a step until all OSDs have told what they have to move (`mgr_stats_period` is 5)."""
UP = 120.0
"""Seconds that a new OSD has to start."""
STILL = 1800.0
"""Seconds without any progress after which waiting ends."""
SAY = 10
"""Looks between two words of progress."""


def findings(osds: list[int], share: float) -> list[Finding]:
    """OSDs that do not have their whole weight yet."""
    if not osds:
        return []
    hint = f"`scs-rack up` goes on raising it, at most {share:.0%} of all data at a time"
    return [Finding("osd-entering", "error", _names(osds), "their whole weight", "a part of it", hint)]


def enter(ctx: Context) -> Iterator[Result]:
    """Raise the weights of OSDs that enter until they are whole.

    Raises:
        Interrupted: the operator wants to stop.
        StageFailed: an OSD does not start, or nothing moves any more.
    """
    share = ctx.design.rack.cloud.ceph.recovery_share
    most, steps = 0.0, 0
    osds = first = _ready(ctx, 0.0)
    if not first:
        return
    while osds:
        done = _ask(ctx, "step", str(share))
        steps += 1
        words = f"{_names(osds)}: weight from {done['from']:.0%} to {done['to']:.0%} of what it will be"
        ctx.emit(Result("ceph", f"{words}; {done['moves']:.1%} of all copies move", changed=True))
        most = max(most, done["moves"])
        osds = _ready(ctx, SETTLE)
    words = f"{_names(first)} entered in {steps} steps, none of which moved more than {most:.1%} of all copies"
    yield Result("ceph", words, changed=True)


def _ready(ctx: Context, settle: float) -> list[int]:
    """Wait until new OSDs run and all copies are where they belong; returns those whose weight is not whole yet."""
    if settle and ctx.stop.wait(settle):
        raise Interrupted("stopped while new OSDs take their data")
    least, still, looks, dark = 2.0, 0.0, 0, 0.0
    while True:
        said = _ask(ctx, "look")
        osds = [int(osd) for osd in said["osds"]]
        bad = sum(count for state, count in said["states"].items() if not is_clean(state))
        if not osds or not (bad or said["dark"]):
            return osds
        if said["dark"] and dark > UP:
            raise StageFailed(f"{_names(said['dark'])} did not start within {UP:.0f} s", "`journalctl -u 'ceph-osd@*'`")
        still = 0.0 if said["left"] < least else still + PAUSE
        least = min(least, said["left"])
        if looks % SAY == 0 and not said["dark"]:
            ctx.emit(Result("ceph", f"before {_names(osds)} take more: {said['left']:.1%} of all objects are moved"))
        if still > STILL:
            raise StageFailed("nothing is moved any more", "`ceph pg stat`; then `scs-rack up` again")
        if ctx.stop.wait(PAUSE):
            raise Interrupted("stopped while new OSDs take their data")
        looks, dark = looks + 1, dark + PAUSE


def _ask(ctx: Context, *words: str) -> Any:
    """Run the probe on the first monitor's host that answers."""
    why = "there is none"
    for mon in ctx.design.groups["ceph_mon"]:
        answer = run_one(ctx, mon, ["python3", "-c", PROBE.read_text(encoding="utf-8"), *words], timeout=300)
        if answer.ok:
            return json.loads(answer.out)
        why = f"{mon}: {answer.why}"
        if not answer.unreachable:
            raise StageFailed(f"new OSDs can't be weighed: {why}")
    raise Unreachable(f"no monitor's host answers: {why}")


def _names(osds: list[int]) -> str:
    return ", ".join(f"osd.{osd}" for osd in osds)
