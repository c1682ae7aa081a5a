"""Puts the overlay of a switch over what follows from the rack file; neither may contradict the other one."""

from collections.abc import Iterator, Mapping, Sequence

from scs_rack.model.fault import Fault, Problem, RackFaulty
from scs_rack.model.overlay import Overlay
from scs_rack.sonic.routing import BGP_TABLES
from scs_rack.sonic.rows import Row, Tables

ROUTING_TABLES = BGP_TABLES | {"BGP_NEIGHBOR_AF", "BGP_GLOBALS_AF_NETWORK", "BGP_GLOBALS_AF_AGGREGATE_ADDR"}
"""Tables that only the FRR management framework reads."""


class OverlayConflict(RackFaulty):
    """An overlay contradicts the rack file; `faults` holds all contradictions."""

    def __init__(self, overlay: Overlay, faults: Sequence[Fault]) -> None:
        super().__init__(overlay.source.file, faults)


def _text(value: object) -> str:
    return ",".join(value) if isinstance(value, list) else str(value) or "an empty text"


def conflicts(generated: Tables, overlay: Overlay, *, split: bool) -> Iterator[Fault]:
    """All fields that both the tables of a switch and its overlay state, with different values.

    Args:
        generated: what follows from the rack file.
        overlay: what the operator adds.
        split: routing is in a file of its own, so that tables of it would mean nothing.
    """
    source = overlay.source
    if overlay.frr_source and not split:
        hint = "state it as tables, in the overlay that ends in .yml"
        yield overlay.frr_source.fault("overlay-conflict", Problem((), "routing is in CONFIG_DB on this release", hint))
    for table, rows in overlay.tables.items():
        if split and table in ROUTING_TABLES:
            hint = "state it as lines of FRR, in an overlay that ends in .frr.conf"
            yield source.fault(
                "overlay-conflict", Problem((table,), "routing is not in CONFIG_DB on this release", hint, "")
            )
            continue
        for key, row in rows.items():
            made = generated.get(table, {}).get(key, {})
            for name, value in row.items():
                if name in made and made[name] != value:
                    message = f"the rack file makes this {_text(made[name])}"
                    hint = "leave it out here, and change what it follows from in the rack file"
                    problem = Problem((table, key, name), message, hint, _text(value))
                    yield source.fault("overlay-conflict", problem)


def merged(generated: Tables, overlay: Overlay | None, *, split: bool = False) -> Tables:
    """Tables of a switch with its overlay: further tables, rows, and fields of rows.

    Raises:
        OverlayConflict: both state the same field differently, or the overlay means nothing to the release.
    """
    if overlay is None:
        return generated
    faults = tuple(conflicts(generated, overlay, split=split))
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
