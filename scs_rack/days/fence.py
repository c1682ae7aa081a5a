"""A server that does not answer counts as dead only when its power is off, as its BMC says.

Guests of a server that still runs, but can't be heard, write to their disks; started a second time elsewhere they would
destroy them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scs_rack.days.part import Doing, Refusal
from scs_rack.days.tools import Tools
from scs_rack.errors import ScsRackError
from scs_rack.results import Result


def dead(tools: Tools, node: str) -> bool:
    """True if a server does not answer over SSH; whether it is off is another question."""
    known = tools.__dict__.setdefault("_dead", {})
    if node not in known:
        known[node] = not tools.answers(node)
    return bool(known[node])


@dataclass(frozen=True)
class Fence:
    """A server that does not answer is off."""

    node: str
    force: bool = False
    """Cut its power if it is on."""
    unplugged: bool = False
    """The operator has cut its power by hand: its BMC can't be asked."""
    name: str = "fence"
    summary: str = "the server answers, or is proven to be off"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """A server that does not answer, and is on, or nobody knows."""
        if not dead(tools, self.node):
            return
        try:
            is_on = tools.machines.is_on(self.node)
        except ScsRackError as error:
            if not self.unplugged:
                reason = f"{self.node} does not answer, and neither does its BMC ({error.message}): it may still run"
                yield Refusal(reason, f"cut its power by hand, then say so by `--unplugged {self.node}`")
            return
        if is_on and not self.force:
            reason = f"{self.node} does not answer over SSH, but its BMC says that it is on: guests may still run there"
            yield Refusal(reason, "look at `scs-rack node console`; `--fence` cuts its power and goes on without it")

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """Its power, where it is to be cut."""
        if dead(tools, self.node) and self._on(tools):
            yield Doing(self.node, "cut its power by its BMC: it does not answer")

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Cut it, and see that it is off."""
        if not dead(tools, self.node):
            return
        if self._on(tools):
            yield tools.machines.switch(self.node, "off")
        try:
            words = "is on still" if tools.machines.is_on(self.node) else ""
            yield Result(self.node, "off, as its BMC says", error=words or None)
        except ScsRackError:
            yield Result(self.node, "off, as the operator says: its BMC does not answer")

    def _on(self, tools: Tools) -> bool:
        try:
            return tools.machines.is_on(self.node)
        except ScsRackError:
            return False
