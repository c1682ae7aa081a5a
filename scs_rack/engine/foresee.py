"""What `up` would change, layer by layer; nothing is changed by finding out."""

import json
import os
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from scs_rack import vault
from scs_rack.engine import runs
from scs_rack.engine.bring_up import Order, partial_layers
from scs_rack.engine.lock import command_line
from scs_rack.engine.processes import MARK, stop_marked
from scs_rack.engine.redact import Redactor
from scs_rack.engine.stage import Context, Stage
from scs_rack.errors import Interrupted, ScsRackError, StageFailed, Unreachable
from scs_rack.prepare import foresee as foresee_preparation
from scs_rack.results import Change


@dataclass(frozen=True)
class Foreseen:
    """The changes of one stage."""

    stage: str
    changes: tuple[Change, ...]
    error: str = ""
    """Why the stage could not be planned; empty when it could."""
    seen: bool = True
    """False when the error kept us from looking; True when what was seen is what can't be planned for."""


@dataclass(frozen=True)
class Forecast:
    """The changes of all stages, by layer."""

    folder: Path
    layers: tuple[tuple[Foreseen, ...], ...]

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes, in the order in which they would be made."""
        return tuple(change for layer in self.layers for stage in layer for change in stage.changes)

    @property
    def errors(self) -> tuple[Foreseen, ...]:
        """Stages that could not be planned."""
        return tuple(stage for layer in self.layers for stage in layer if stage.error)


def foresee(order: Order, said: Callable[[str], None] = lambda _stage: None, run_dir: Path | None = None) -> Forecast:
    """Ask each stage for its plan.

    Args:
        order: stages and devices.
        said: told the name of each stage when it is asked.
        run_dir: where logs go; a run folder of its own when not given.

    Raises:
        Interrupted: the operator stopped it.
    """
    secrets, changes = foresee_preparation(order.rack_dir, order.state_dir, order.design)
    run_dir = run_dir or runs.create(order.state_dir)
    os.environ[MARK], os.environ[vault.PLANNING] = str(run_dir), "1"
    ctx = order.context(run_dir, secrets)
    found: list[tuple[Foreseen, ...]] = [(Foreseen("prepare", tuple(changes)),)]
    try:
        for layer in partial_layers(order.stages):
            found.append(_layer(layer, ctx, said))
            if order.stop.requested.is_set():
                raise Interrupted("the plan was stopped", "nothing was changed")
    finally:
        stop_marked(str(run_dir))
        runs.clear_scratch(run_dir)
        del os.environ[MARK], os.environ[vault.PLANNING]
        runs.prune(order.state_dir)
    forecast = Forecast(run_dir, tuple(found))
    content = {"command": command_line(), "changes": [asdict(change) for change in forecast.changes]}
    text = Redactor(secrets).text(json.dumps(content, indent=1))
    (run_dir / "plan.json").write_text(text + "\n", encoding="utf-8")
    return forecast


def _layer(layer: list[Stage], ctx: Context, said: Callable[[str], None]) -> tuple[Foreseen, ...]:
    """Plan the stages of a layer side by side."""
    found: dict[str, Foreseen] = {}

    def one(stage: Stage) -> None:
        said(stage.name)
        try:
            found[stage.name] = Foreseen(stage.name, tuple(stage.plan(ctx)))
        except Unreachable as error:
            change = Change(stage.name, "-", f"will be configured ({error.message})", unseen=True)
            found[stage.name] = Foreseen(stage.name, (change,))
        except ScsRackError as error:
            found[stage.name] = Foreseen(stage.name, (), error.message, seen=isinstance(error, StageFailed))
        except Exception as error:  # noqa: BLE001 (one stage's fault must not hide the plan of others)
            found[stage.name] = Foreseen(stage.name, (), f"{type(error).__name__}: {error}", seen=False)

    threads = [threading.Thread(target=one, args=(stage,), name=stage.name, daemon=True) for stage in layer]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) and not ctx.stop.now.is_set():
        for thread in threads:
            thread.join(0.1)
    return tuple(found[stage.name] for stage in layer if stage.name in found)
