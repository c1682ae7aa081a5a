"""The stages that upgrade one server: drained, updated, restarted if need be, back, and observed."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from scs_rack.days import operations
from scs_rack.days import tools as real
from scs_rack.days.operations import Wish
from scs_rack.days.part import PartStage
from scs_rack.days.tools import Make
from scs_rack.engine.bring_up import Order
from scs_rack.engine.stage import Context, Stage
from scs_rack.results import Change, Finding, Result
from scs_rack.upgrade.look import Reboot
from scs_rack.upgrade.parts import Mark, Packages, Restart


@dataclass(frozen=True)
class Renamed:
    """A stage under another name: draining and coming back have some of the same."""

    stage: Stage
    name: str
    needs: tuple[str, ...]

    @property
    def summary(self) -> str:
        """The stage's."""
        return self.stage.summary

    def plan(self, ctx: Context) -> Iterable[Change]:
        """The stage's."""
        return self.stage.plan(ctx)

    def apply(self, ctx: Context) -> Iterable[Result]:
        """The stage's."""
        return self.stage.apply(ctx)

    def gate(self, ctx: Context) -> Iterable[Finding]:
        """The stage's."""
        return self.stage.gate(ctx)


def roll(order: Order, node: str, *, security: bool, reboot: Reboot, make: Make = real.of) -> Order:
    """All stages for one server, one after the other.

    Raises:
        UsageError: there is no such server, or it is not in service.
    """
    wish = Wish(node)
    judge, *leave = operations.drain(order, wish, make).stages
    work = (Mark(node), Packages(node, security), Restart(node, reboot))
    mark, packages, restart = (PartStage(part, (), make) for part in work)
    # nothing forbids it: from here on it is remembered, then begun
    pieces: list[tuple[str, Stage]] = [("drain", judge), ("update", mark)]
    pieces += [("drain", stage) for stage in leave]
    pieces += [("update", packages), ("update", restart)]
    pieces += [("return", stage) for stage in operations.rejoin(order, wish, make).stages]
    found: list[Renamed] = []
    for title, stage in pieces:
        needs = (found[-1].name,) if found else ()
        found.append(Renamed(stage, f"{title}: {stage.name}", needs))
    return replace(order, stages=found, converge=True)
