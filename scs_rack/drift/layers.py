"""What a look at a layer gives."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from scs_rack.errors import StageFailed, Unreachable
from scs_rack.results import Finding

State = Literal["same", "differs", "unknown"]


@dataclass(frozen=True)
class Drift:
    """One thing that is not as the rack file has it."""

    device: str
    what: str
    expected: str = ""
    seen: str = ""
    diff: str = ""
    """Unified diff or lines, where there are some. Never holds a secret."""
    hint: str = ""
    """The way out; empty where `scs-rack up` mends it."""


@dataclass(frozen=True)
class Blind:
    """Something that could not be looked at."""

    device: str
    why: str


@dataclass
class Layer:
    """One layer of the rack, and what was seen of it."""

    name: str
    drifts: list[Drift] = field(default_factory=list)
    blind: list[Blind] = field(default_factory=list)

    @property
    def state(self) -> State:
        """`unknown` where nothing was seen to differ, but not all could be looked at."""
        return "differs" if self.drifts else "unknown" if self.blind else "same"

    def add(self, findings: Iterable[Finding]) -> None:
        """Take findings of errors and warnings as differences; those that are for information differ from nothing."""
        for one in findings:
            if one.severity != "info":
                self.drifts.append(Drift(one.where, one.type, one.expected, one.seen, hint=one.hint))


def state(layers: Iterable[Layer]) -> State:
    """Of all layers together."""
    states = {layer.state for layer in layers}
    return "differs" if "differs" in states else "unknown" if "unknown" in states else "same"


def exit_code(layers: Iterable[Layer]) -> int:
    """0: all is as the rack file has it. 1: something differs. 3: nothing differs as far as could be seen."""
    return {"same": 0, "differs": StageFailed.exit_code, "unknown": Unreachable.exit_code}[state(layers)]
