"""What is wrong in a rack file: each fault with its line, all faults in one error."""

from collections.abc import Sequence
from dataclasses import dataclass

from scs_rack.errors import UsageError

Path = tuple[str | int, ...]
"""Where a value stands in a rack file: keys of mappings and numbers of list items, from the top."""


def dotted(path: Path) -> str:
    """A path for people: servers.node1.macs, cables[3]."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


@dataclass(frozen=True)
class Problem:
    """What a check found, before file and line are known."""

    path: Path
    """The faulty value; for something that is absent, the entry that lacks it."""
    message: str
    hint: str = ""
    value: str | None = None
    """What is shown as the value; the one that stands at the path when None."""


@dataclass(frozen=True)
class Fault:
    """A fault of a rack file."""

    check: str
    """Kebab-case name of what was checked, e.g. `unit-overlap`."""
    file: str
    line: int
    """Counted from 1."""
    where: str
    """Dotted path, e.g. servers.node1.unit; empty for the file as a whole."""
    value: str
    message: str
    hint: str

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        value = f" ({self.value})" if self.value else ""
        hint = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{self.file}:{self.line}: {where}{self.message}{value}{hint}"


class RackFaulty(UsageError):
    """A rack file has faults; `faults` holds them all, in the order of their lines."""

    def __init__(self, file: str, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        lines = "\n".join(str(fault) for fault in self.faults)
        super().__init__(f"{file} can't be used\n{lines}\n{count(len(faults), 'fault')}")


def count(number: int, what: str) -> str:
    """A number with its noun: 1 fault, 2 faults, 2 switches."""
    if number == 1:
        return f"1 {what}"
    return f"{number} {what}{'es' if what.endswith(('s', 'ch')) else 's'}"
