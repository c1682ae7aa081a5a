"""The order of stages: each after those that it needs, the others side by side."""

from collections.abc import Iterable, Sequence
from graphlib import CycleError, TopologicalSorter

from scs_rack.engine.stage import Stage
from scs_rack.errors import UsageError


def layers(stages: Sequence[Stage]) -> list[list[Stage]]:
    """Stages by layer: all that a layer needs is in the layers before it.

    Raises:
        UsageError: a stage needs one that does not exist, or stages need each other in a circle.
    """
    by_name = {stage.name: stage for stage in stages}
    for stage in stages:
        for need in stage.needs:
            if need not in by_name:
                raise UsageError(f"stage {stage.name} needs {need}, which does not exist")
    sorter = TopologicalSorter({stage.name: stage.needs for stage in stages})
    try:
        sorter.prepare()
    except CycleError as error:
        raise UsageError(f"stages need each other in a circle: {' → '.join(error.args[1])}") from error
    found = []
    while sorter.is_active():
        ready = sorter.get_ready()
        found.append([stage for stage in stages if stage.name in ready])
        sorter.done(*ready)
    return found


def select(stages: Sequence[Stage], first: str | None = None, last: str | None = None) -> list[Stage]:
    """The part of the graph from one stage and to another, in an order that works.

    Args:
        stages: all stages.
        first: this one and all that need it, directly or not.
        last: this one and all that it needs, directly or not.

    Raises:
        UsageError: there is no stage of this name, or no way leads from `first` to `last`.
    """
    ordered = [stage for layer in layers(stages) for stage in layer]
    _known(ordered, (name for name in (first, last) if name))
    keep = {stage.name for stage in ordered}
    if first:
        keep &= _after(ordered, first)
    if last:
        keep &= _before(ordered, last)
    if not keep:
        raise UsageError(f"stage {last} does not come after {first}")
    return [stage for stage in ordered if stage.name in keep]


def named(stages: Sequence[Stage], names: Sequence[str]) -> list[Stage]:
    """The stages of these names, in an order that works; all of them when no name is given."""
    ordered = [stage for layer in layers(stages) for stage in layer]
    _known(ordered, names)
    return [stage for stage in ordered if not names or stage.name in names]


def _known(stages: Sequence[Stage], names: Iterable[str]) -> None:
    known = [stage.name for stage in stages]
    for name in names:
        if name not in known:
            raise UsageError(f"there is no stage {name}", f"stages: {', '.join(known)}")


def _before(ordered: Sequence[Stage], last: str) -> set[str]:
    found = {last}
    for stage in reversed(ordered):
        if stage.name in found:
            found |= set(stage.needs)
    return found


def _after(ordered: Sequence[Stage], first: str) -> set[str]:
    found = {first}
    for stage in ordered:
        if found & set(stage.needs):
            found.add(stage.name)
    return found
