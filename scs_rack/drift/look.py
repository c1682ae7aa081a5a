"""All layers, one after the other: what the stages would change, and what no stage looks at."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from scs_rack import vault
from scs_rack.drift import certificates, offers, packages, servers, storage
from scs_rack.drift.layers import Blind, Drift, Layer
from scs_rack.engine import runs
from scs_rack.engine.bring_up import Order
from scs_rack.engine.foresee import Forecast, Foreseen, foresee
from scs_rack.engine.lock import hold
from scs_rack.engine.stage import Context
from scs_rack.errors import RackLocked, UsageError
from scs_rack.standstill import record as standstill

PLANNED = ("switches", "base", "ceph", "platform", "cloud", "resources")
"""Layers that are what a stage's plan says. BMCs are looked at by ourselves, with firmware and BIOS, in one visit;
`provision` and `conformance` have nothing that could drift."""
OWN: dict[str, Callable[[Context], Layer]] = {
    "bmc": servers.look,
    "packages": packages.look,
    "ceph-objects": storage.look,
    "cloud-objects": offers.look,
    "certificates": certificates.look,
}
LAYERS = (
    "manager",
    "bmc",
    "switches",
    "packages",
    "base",
    "ceph",
    "ceph-objects",
    "platform",
    "cloud",
    "resources",
    "cloud-objects",
    "certificates",
)
FOLDER = "drift"
KEPT = 5
"""Looks whose logs are kept."""


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """The layers to look at, in their order; all of them when none is named.

    Raises:
        UsageError: there is no layer of this name.
    """
    wrong = [name for name in names if name not in LAYERS]
    if wrong:
        raise UsageError(f"there is no layer {', '.join(wrong)}", f"layers: {', '.join(LAYERS)}")
    return tuple(name for name in LAYERS if not names or name in names)


def observe(order: Order, layers: Sequence[str], said: Callable[[str], None] = lambda _layer: None) -> list[Layer]:
    """Look at the layers; nothing is changed.

    Args:
        order: the rack, and which devices.
        layers: names, as `chosen` gives them.
        said: told the name of each layer when it is looked at.

    Raises:
        RackLocked: a run is changing the rack, or has changed it while we looked: what was seen tells nothing.
        UsageError: the rack stands still.
        Interrupted: the operator stopped it.
    """
    if standstill.read(order.state_dir) is not None:
        raise UsageError("the rack was stopped by `scs-rack stop`", "`scs-rack start` brings it back")
    before = _quiet(order)
    folder = _folder(order.state_dir)
    stages = [stage for stage in order.stages if stage.name in PLANNED and stage.name in layers]
    forecast = foresee(replace(order, stages=stages), said, folder)
    found = {layer.name: layer for layer in planned(forecast)}
    ctx = order.context(folder, vault.load(order.rack_dir))  # no placeholders: they would be tried as passwords
    for name in layers:
        if name in OWN and not order.stop.requested.is_set():
            said(name)
            found[name] = _own(name, ctx)
    if _quiet(order) != before:
        raise RackLocked("a run changed the rack while it was looked at", "look again")
    return [found[name] for name in layers if name in found]


def planned(forecast: Forecast) -> Iterable[Layer]:
    """What the stages would change, as differences."""
    for stages in forecast.layers:
        for one in stages:
            yield _layer(one)


def _layer(one: Foreseen) -> Layer:
    layer = Layer("manager" if one.stage == "prepare" else one.stage)
    for change in one.changes:
        if change.unseen:
            layer.blind.append(Blind(change.device, change.summary))
        else:
            layer.drifts.append(Drift(change.device, change.summary, diff=change.diff))
    if one.error and one.seen:
        layer.drifts.append(Drift("-", one.error, hint=f"`scs-rack plan --from {one.stage} --to {one.stage}`"))
    elif one.error:
        layer.blind.append(Blind("-", one.error))
    return layer


def _own(name: str, ctx: Context) -> Layer:
    """One fault must not hide what other layers have to tell."""
    try:
        return OWN[name](ctx)
    except Exception as error:  # noqa: BLE001 (whatever it is, this layer was not looked at, and that is what is said)
        words = getattr(error, "message", None) or f"{type(error).__name__}: {error}"
        return Layer(name, blind=[Blind("-", words)])


def _quiet(order: Order) -> str:
    """Name of the newest run that could change something (no plan, no check); raises while one is going on."""
    with hold(order.state_dir):
        newest = runs.latest(order.state_dir, runs.HOLDING)
    return newest.name if newest else ""


def _folder(state_dir: Path) -> Path:
    """Where the logs of a look lie; not among the runs, of which only the last are kept."""
    parent = state_dir / FOLDER
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in sorted(one for one in parent.iterdir() if one.is_dir())[: -KEPT + 1]:
        shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=time.strftime("%Y%m%dT%H%M%S-"), dir=parent))
