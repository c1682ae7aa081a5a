"""Puts the overlay of a switch over what follows from the rack file; neither may contradict the other one."""

from collections.abc import Iterator, Mapping, Sequence

from scs_rack.model.fault import Fault, Problem, RackFaulty
from scs_rack.model.overlay import Overlay
from scs_rack.sonic.rows import Row, Tables


class OverlayConflict(RackFaulty):
    """An overlay contradicts the rack file; `faults` holds all contradictions."""

    def __init__(self, overlay: Overlay, faults: Sequence[Fault]) -> None:
        super().__init__(overlay.source.file, faults)


def _text(value: object) -> str:
    return ",".join(value) if isinstance(value, list) else str(value) or "an empty text"


def conflicts(generated: Tables, overlay: Overlay) -> Iterator[Fault]:
    """All fields that both the tables of a switch and its overlay state, with different values."""
    for table, rows in overlay.tables.items():
        for key, row in rows.items():
            made = generated.get(table, {}).get(key, {})
            for name, value in row.items():
                if name in made and made[name] != value:
                    message = f"the rack file makes this {_text(made[name])}"
                    hint = "leave it out here, and change what it follows from in the rack file"
                    problem = Problem((table, key, name), message, hint, _text(value))
                    yield overlay.source.fault("overlay-conflict", problem)


def merged(generated: Tables, overlay: Overlay | None) -> Tables:
    """Tables of a switch with its overlay: further tables, rows, and fields of rows.

    Raises:
        OverlayConflict: both state the same field differently.
    """
    if overlay is None:
        return generated
    faults = tuple(conflicts(generated, overlay))
    if faults:
        raise OverlayConflict(overlay, faults)
    return laid_over(generated, overlay.tables)


def laid_over(generated: Tables, tables: Mapping[str, Mapping[str, Mapping[str, str | list[str]]]]) -> Tables:
    """Tables with further tables, rows, and fields of rows."""
    result = dict(generated)
    for table, rows in tables.items():
        have = result.get(table, {})
        added: dict[str, Row] = {key: {**have.get(key, {}), **row} for key, row in rows.items()}
        result[table] = {**have, **added}
    return dict(sorted(result.items()))
