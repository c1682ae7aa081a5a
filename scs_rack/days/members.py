"""A controller is a member of clusters: they must have a majority without it, and forget it when it is replaced."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scs_rack.days.clusters import GROUPS, Group
from scs_rack.days.part import Doing, Refusal
from scs_rack.days.tools import Tools
from scs_rack.errors import ScsRackError
from scs_rack.results import Result


def is_controller(tools: Tools, node: str) -> bool:
    """True if the server is one, as the rack file says."""
    return node in tools.ctx.design.groups["controller"]


def started(tools: Tools) -> bool:
    """True for a rack whose control plane was brought up once."""
    return tools.has_cloud


@dataclass(frozen=True)
class Majority:
    """The clusters go on without the server."""

    node: str
    groups: tuple[Group, ...] = GROUPS
    name: str = "majority"
    summary: str = "databases, messages and monitors keep their majority without the server"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """Clusters that would lose it."""
        if not is_controller(tools, self.node) or not started(tools):
            return
        if len(tools.ctx.design.groups["controller"]) == 1:
            yield Refusal(
                f"{self.node} is the only controller: nothing would be served without it",
                "stop the whole rack instead, or make it a rack with three controllers",
            )
            return
        for group in self.groups:
            try:
                members = group.members(tools, self.node)
            except ScsRackError as error:
                yield Refusal(f"{group.name} has no majority that answers: {error.message}", "bring its members back")
                continue
            if not members.lives_without(self.node):
                well = ", ".join(sorted(members.well - {self.node})) or "none"
                reason = f"{group.name} would lose its majority: of {len(members.known)} members {well} would be left"
                yield Refusal(reason, "`scs-rack check` says who is ill and why; bring that one back first")

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """Nothing."""
        del tools
        return ()

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Nothing."""
        del tools
        yield from ()


@dataclass(frozen=True)
class Retire:
    """The clusters forget a dead member, so that it can join as a new one."""

    node: str
    groups: tuple[Group, ...] = GROUPS
    name: str = "members"
    summary: str = "the clusters have forgotten the dead member"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """The others must be a majority: nobody else can order it."""
        return Majority(self.node, self.groups).refusals(tools)

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """Where it is a member still."""
        if not is_controller(tools, self.node) or not started(tools):
            return
        for group in self.groups:
            if group.name != "Galera" and self.node in group.members(tools, self.node).known:
                yield Doing(group.name, f"remove the member {self.node}")

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Remove it from each."""
        if not is_controller(tools, self.node) or not started(tools):
            return
        for group in self.groups:
            if group.retire(tools, self.node):
                yield Result(group.name, f"remove the member {self.node}", changed=True)
