"""Puts the overlay of a switch over what follows from the rack file; neither may contradict the other one."""

from collections.abc import Iterator
from dataclasses import dataclass

from scs_rack.errors import UsageError
from scs_rack.model.overlay import Overlay
from scs_rack.sonic.rows import Row, Tables


@dataclass(frozen=True)
class Conflict:
    """A field that both the rack file and an overlay state, with different values."""

    where: str
    """File and line of the overlay."""
    name: str
    """TABLE|key field."""
    generated: str
    stated: str

    def __str__(self) -> str:
        return (
            f"{self.where}: {self.name}: the rack file makes this {self.generated}, the overlay says {self.stated}\n"
            "  hint: leave it out here, and change what it follows from in the rack file"
        )


class OverlayConflict(UsageError):
    """Overlays contradict the rack file; `conflicts` holds all of them."""

    def __init__(self, conflicts: tuple[Conflict, ...]) -> None:
        self.conflicts = conflicts
        number = f"{len(conflicts)} conflict" + ("" if len(conflicts) == 1 else "s")
        super().__init__("\n".join(["overlays contradict the rack file", *map(str, conflicts), number]))


def _text(value: object) -> str:
    return ",".join(value) if isinstance(value, list) else str(value) or "an empty text"


def conflicts(generated: Tables, overlay: Overlay) -> Iterator[Conflict]:
    """All contradictions between the tables of a switch and its overlay."""
    for table, rows in overlay.tables.items():
        for key, row in rows.items():
            made = generated.get(table, {}).get(key, {})
            for name, value in row.items():
                if name in made and made[name] != value:
                    where = overlay.where(table, key, name)
                    yield Conflict(where, f"{table}|{key} {name}", _text(made[name]), _text(value))


def merged(generated: Tables, overlay: Overlay | None) -> Tables:
    """Tables of a switch with its overlay: further tables, rows, and fields of rows.

    Raises:
        OverlayConflict: both state the same field differently.
    """
    if overlay is None:
        return generated
    found = tuple(conflicts(generated, overlay))
    if found:
        raise OverlayConflict(found)
    result = dict(generated)
    for table, rows in overlay.tables.items():
        have = result.get(table, {})
        result[table] = have | {key: _row(have.get(key, {}), row) for key, row in rows.items()}
    return dict(sorted(result.items()))


def _row(made: Row, stated: object) -> Row:
    return {**made, **dict(stated)}  # type: ignore[call-overload]
