"""Checks of rack units."""

from collections.abc import Iterator

from scs_rack.model.draft import Draft
from scs_rack.model.fault import Problem


def _heights(draft: Draft) -> Iterator[tuple[str, str, int, int]]:
    """Section, name, lowest unit and height of each device; 1 where the model is not known."""
    for name, server in draft.servers.items():
        model = draft.model(name)
        yield "servers", name, server.unit, model.units if model else 1
    for name, switch in draft.switches.items():
        yield "switches", name, switch.unit, draft.portmaps[name].units if name in draft.portmaps else 1


def unit_above_rack(draft: Draft) -> Iterator[Problem]:
    """Each device ends below the rack's top."""
    for section, name, unit, height in _heights(draft):
        top = unit + height - 1
        if draft.height and top > draft.height:
            upto = f", {height} units high," if height > 1 else ""
            hint = f"the device{upto} ends at unit {top}; `height` of the rack is {draft.height}"
            yield Problem((section, name, "unit"), "the unit is above the rack", hint)


def unit_overlap(draft: Draft) -> Iterator[Problem]:
    """No two devices fill the same unit."""
    taken: dict[int, str] = {}
    for section, name, unit, height in _heights(draft):
        for filled in range(unit, unit + height):
            if filled in taken:
                hint = f"unit {filled} belongs to {taken[filled]} already"
                yield Problem((section, name, "unit"), "the unit is taken", hint)
                break
        taken.update({filled: name for filled in range(unit, unit + height) if filled not in taken})
