"""Puts the overlay of a switch over what follows from the rack file; neither may contradict the other one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from scs_rack.model.fault import Fault, Problem, RackFaulty
from scs_rack.model.overlay import Overlay
from scs_rack.sonic.device import is_split
from scs_rack.sonic.routing import BGP_TABLES, has_prefix_sets
from scs_rack.sonic.rows import Row, Tables

ROUTING_TABLES = BGP_TABLES | {"BGP_NEIGHBOR_AF", "BGP_GLOBALS_AF_AGGREGATE_ADDR"}
"""Tables that only the FRR management framework reads."""


class OverlayConflict(RackFaulty):
    """An overlay contradicts the rack file; `faults` holds all contradictions."""

    def __init__(self, overlay: Overlay, faults: Sequence[Fault]) -> None:
        super().__init__(overlay.source.file, faults)


def _text(value: object) -> str:
    return ",".join(value) if isinstance(value, list) else str(value) or "an empty text"


def conflicts(generated: Tables, overlay: Overlay, release: str) -> Iterator[Fault]:
    """All that an overlay may not state.

    That are fields which the rack file makes too, with another value, and tables that mean nothing to the release or
    that it breaks on.
    """
    source = overlay.source
    if overlay.frr_source and not is_split(release):
        hint = "state it as tables, in the overlay that ends in .yml"
        problem = Problem((), f"routing is in CONFIG_DB on release {release}", hint)
        yield overlay.frr_source.fault("overlay-conflict", problem)
    for table, rows in overlay.tables.items():
        unfit = _unfit(table, release)
        problems: Iterable[Problem] = [unfit] if unfit else _contradictions(table, rows, generated)
        yield from (source.fault("overlay-conflict", problem) for problem in problems)


def _unfit(table: str, release: str) -> Problem | None:
    """What is wrong with stating a table at all on a release."""
    if is_split(release) and table in ROUTING_TABLES:
        hint = "state it as lines of FRR, in an overlay that ends in .frr.conf"
        return Problem((table,), f"routing is not in CONFIG_DB on release {release}", hint, "")
    if table in ("PREFIX", "PREFIX_SET") and not has_prefix_sets(release):
        hint = "run 202511 or newer to match prefixes; frrcfgd can't read the keys that the YANG models want"
        return Problem(
            (table,), f"release {release} breaks on this table, and all of its BGP sessions with it", hint, ""
        )
    return None


def _contradictions(table: str, rows: Mapping[str, Mapping[str, Any]], generated: Tables) -> Iterator[Problem]:
    for key, row in rows.items():
        made = generated.get(table, {}).get(key, {})
        for name, value in row.items():
            if name in made and made[name] != value:
                message = f"the rack file makes this {_text(made[name])}"
                hint = "leave it out here, and change what it follows from in the rack file"
                yield Problem((table, key, name), message, hint, _text(value))


def merged(generated: Tables, overlay: Overlay | None, release: str) -> Tables:
    """Tables of a switch with its overlay: further tables, rows, and fields of rows.

    Raises:
        OverlayConflict: both state the same field differently, or the overlay means nothing to the release.
    """
    if overlay is None:
        return generated
    faults = tuple(conflicts(generated, overlay, release))
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
